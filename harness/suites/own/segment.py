"""Words of a text in a script that writes no blanks, as a named package parts them. None of them comes with harness."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.errors import HarnessError
from harness.suites.words.data.examples import Span

# A package, and what it parts a text into.
SEGMENTERS: dict[str, Callable[[Any, str], Iterable[str]]] = {
    "jieba": lambda package, text: package.cut(text),
    "pythainlp": lambda package, text: package.word_tokenize(text, keep_whitespace=True),
}


def segments(text: str, segmenter: str) -> list[Span]:
    """The words of `text`. Raises HarnessError where the segmenter is not installed or changes the text."""
    spans, start = [], 0
    for piece in SEGMENTERS[segmenter](_package(segmenter), text):
        spans.append((start, start + len(piece)))
        start += len(piece)
        if text[slice(*spans[-1])] != piece:
            break
    if start != len(text) or (spans and text[slice(*spans[-1])] != piece):
        raise HarnessError(
            f"the segmenter {segmenter} changes the text {text[:40]!r}; give the words' characters (start, end)"
        )
    return spans


def segmenter_version(segmenter: str) -> str:
    """Name and version: another version may find other words."""
    _package(segmenter)
    try:
        return f"{segmenter} {version(segmenter)}"
    except PackageNotFoundError:
        return segmenter


def _package(segmenter: str) -> Any:
    try:
        return import_module(segmenter)
    except ImportError:
        raise HarnessError(
            f"the segmenter {segmenter} is not installed; install it (pip install {segmenter}), or give the words' "
            "characters in the columns start and end"
        ) from None
