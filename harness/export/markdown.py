"""Text of others in a markdown file: whatever a card, a folder or a data set is called, it stays text."""

from __future__ import annotations

import re


class Plain(str):
    """Markdown that this project wrote: goes into the file as it is."""

    __slots__ = ()


def escape(value: object) -> str:
    """`value` on one line with every character that could be markup escaped; Plain is left alone.

    >>> escape("a|b *c*\\n<d>")
    'a\\\\|b \\\\*c\\\\* \\\\<d\\\\>'
    """
    if isinstance(value, Plain):
        return value
    text = " ".join(str(value).split())
    return re.sub(r"([\\`*_\[\]<>#|~$&!])", r"\\\1", text)


def quote(prose: str) -> Plain:
    """`prose` as a block quote without its title: a fence or a tag left open in it ends where the quote ends."""
    lines = prose.replace("<", "&lt;").splitlines()
    if lines and lines[0].startswith("# "):
        lines = lines[1:]
    while lines and not lines[0].strip():
        lines = lines[1:]
    return Plain("\n".join(f"> {line}".rstrip() for line in lines))


def code(text: str) -> Plain:
    """`text` as an indented code block, which no line of it can end."""
    return Plain("\n".join(f"    {line}" for line in text.splitlines() if line.strip()))
