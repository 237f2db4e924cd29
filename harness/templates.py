"""What is read of a text: the text, cleaned where a method asks for that, in fixed words or behind an instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

PLACE = "{text}"


@dataclass(frozen=True)
class Template:
    """Fixed words around a text, ``{text}`` where it stands.

    The words and the text are tokenised each by itself, which makes the text's tokens the same at any place, and its
    cut too (Springer et al. 2024, arXiv 2402.15449, read their prompts so). One space before a place belongs to
    the text that stands there: most tokenizers have it in the first token of a word.
    """

    said: str

    def check(self) -> None:
        """Raise ValueError where no place for the text is left."""
        if PLACE not in self.said:
            raise ValueError(
                f"the template {self.said[:60]!r} has no place for the text; write {PLACE} where it stands"
            )

    @property
    def copies(self) -> int:
        """How often the text stands in it."""
        return self.said.count(PLACE)

    @property
    def leads(self) -> bool:
        """Whether words stand before the last place of the text."""
        return not self.said.startswith(PLACE) or self.copies > 1

    @property
    def words(self) -> tuple[str, ...]:
        """What stands before, between and behind the places; one more than places."""
        *before, behind = self.said.split(PLACE)
        return (*(each.removesuffix(" ") for each in before), behind)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The space that belongs to the text at each place, or ""."""
        return tuple(" " if each.endswith(" ") else "" for each in self.said.split(PLACE)[:-1])


def prompteol(text: str) -> str:
    """A text that stands in quotation marks and ends as a statement does.

    A full stop is added unless the text ends in one of ``. ? " '``; then ``"`` becomes ``'``, and a question mark at
    the end a full stop (Jiang et al. 2024, arXiv 2307.16645: the batcher of its code, which the paper does not tell).
    White space at the end is dropped. An empty text stays as it is.
    """
    text = text.rstrip()
    if text and text[-1] not in ".?\"'":
        text += "."
    text = text.replace('"', "'")
    return text[:-1] + "." if text.endswith("?") else text


CLEANINGS: Mapping[str, Callable[[str], str]] = MappingProxyType({"prompteol": prompteol})


def task_instruction(metadata: Any) -> str:
    """The instruction of the task that `metadata` (mteb's TaskMetadata) describes, in mteb's words.

    mteb's prompt of the task, else that of its type, ending in a colon (llm2vec's evaluation on MTEB; its paper's
    appendix G.2 lists the instructions).
    """
    prompt = metadata.prompt
    if isinstance(prompt, dict):
        prompt = prompt.get("query")
    if not prompt:
        from mteb.abstasks.abstask import get_abstask_prompt

        prompt = get_abstask_prompt(metadata.name)
    text = str(prompt or "").strip()
    return text if not text or text.endswith(":") else f"{text.strip('.')}:"
