"""The files of a card as columns, read and checked: what is wrong with them is said before anything is measured."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from harness.errors import HarnessError
from harness.metrics.f1 import read_set, write_set
from harness.rows import read_cells
from harness.suites.own.card import TaskCard
from harness.suites.own.segment import segments
from harness.suites.own.types import WORD
from harness.suites.words.data.examples import Span

# Bytes of memory that a byte of a file takes while it is read, about: packed files hold more.
_PLAIN, _PACKED = 4, 20
# Scripts that write no blanks between words: Thai, Lao, Burmese and Khmer, Chinese characters and kana
UNPARTED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_TRUTH = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class CardRows:
    """N examples: `texts`, `labels` and `scores`; `ids` and `groups` where a card has them. Labels are text, and a set
    of labels is one (harness.metrics.f1).

    Of tasks on words `spans` are the word's characters (start, end) in each of the texts. Of summaries `sources` are
    the texts that they sum up and `references` what they are compared with. `where` is the file.
    """

    where: str
    n: int
    texts: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    spans: tuple[tuple[Span, ...], ...] = ()
    ids: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    references: tuple[tuple[str, ...], ...] = ()

    @property
    def every_text(self) -> set[str]:
        """The different texts that are read."""
        return set().union(*self.texts.values(), *self.references)

    @property
    def together(self) -> tuple[str, ...]:
        """What belongs together: the groups, the texts summed up, or the words; empty where each stands alone."""
        if self.groups or not self.spans:
            return self.groups or self.sources
        first = next(iter(self.texts.values()))
        return tuple(text[start:end] for text, (start, end) in zip(first, self.spans[0], strict=True))


def rows_of(card: TaskCard, part: str = "test") -> CardRows:
    """The examples of a part of `card`, in the order of its file. Raises HarnessError for what cannot be measured."""
    return _read(_Key(card=card, revision=card.revision), part)


@dataclass(frozen=True, kw_only=True)
class _Key:
    """A card and the state of its files; equal ones are read once a process."""

    card: TaskCard
    revision: str

    def __hash__(self) -> int:
        return hash(self.revision)


@lru_cache(maxsize=4)
def _read(key: _Key, part: str) -> CardRows:
    if key.card.kind.layout:
        from harness.suites.own.documents import texts_of

        return texts_of(key.card, part)
    if key.card.kind.sequences:
        from harness.suites.own.sequences import words_of

        return words_of(key.card, part)
    card, kind, path = key.card, key.card.kind, key.card.path(part)
    check_memory(path)
    roles = (*card.roles, *(("group",) if card.group else ()))
    names = tuple((card.group if role == "group" and card.group else card.column(role),) for role in roles)
    cells = dict(zip(roles, zip(*read_cells(path, names), strict=True), strict=False))
    if not cells:
        raise HarnessError(f"{path} has no rows; a task needs examples")
    column = _Columns(path=str(path), card=card, cells=cells)
    texts = {role: column.texts(role) for role in kind.texts}
    found = CardRows(
        where=str(path),
        n=len(cells[roles[0]]),
        texts=texts,
        labels=column.answers(),
        scores=column.numbers("score", float) if kind.answer == "score" else (),
        spans=tuple(column.spans(pair, texts[role]) for pair, role in zip(kind.spans, kind.texts, strict=False)),
        ids=column.texts("id") if "id" in roles else (),
        groups=column.texts("group") if card.group else (),
        sources=column.texts("text") if "reference" in roles else (),
        references=column.lists("reference", None) if "reference" in roles else (),
    )
    check_ids(found)
    _check_answers(found, card)
    return found


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Cells by role; those that are not what they should be are named by their row, the heading not counted."""

    path: str
    card: TaskCard
    cells: Mapping[str, Sequence[object]]

    def _name(self, role: str) -> str:
        return self.card.group or role if role == "group" else self.card.column(role)

    def texts(self, role: str) -> tuple[str, ...]:
        """Cells as text; a whole number is written as one."""
        made = tuple(written(cell) for cell in self.cells[role])
        empty = [row for row, text in enumerate(made, start=1) if not text.strip()]
        if empty:
            raise HarnessError(
                f"{self.path}: {self._name(role)!r} is empty in {len(empty)} of {len(made)} rows (the first is row "
                f"{empty[0]}); fill it in, or delete these rows"
            )
        return made

    def answers(self) -> tuple[str, ...]:
        """The label of each row, or its set of labels; none where the answer is something else."""
        if self.card.kind.answer == "labels":
            return tuple(map(write_set, self.lists("labels", self.card.separator)))
        return self.texts("label") if self.card.kind.answer == "label" else ()

    def lists(self, role: str, separator: str | None) -> tuple[tuple[str, ...], ...]:
        """Cells as lists of texts: as they are, or parted by `separator`; an empty cell is an empty list."""
        made = []
        for row, cell in enumerate(self.cells[role], start=1):
            if isinstance(cell, dict):
                raise HarnessError(
                    f"{self.path}, row {row}: {self._name(role)!r} is neither a list nor a text; correct it"
                )
            parts = cell if isinstance(cell, list) else written(cell).split(separator) if separator else [written(cell)]
            made.append(tuple(text for text in (written(part).strip() for part in parts) if text))
        return tuple(made)

    def numbers(self, role: str, read: Callable[[Any], Any]) -> tuple[Any, ...]:
        """Cells as numbers."""
        made = []
        for row, cell in enumerate(self.cells[role], start=1):
            try:
                value = read(cell)
                if not math.isfinite(value) or isinstance(cell, bool):
                    raise ValueError
            except (TypeError, ValueError):
                what = "a whole number" if read is _whole else "a number"
                raise HarnessError(
                    f"{self.path}, row {row}: {self._name(role)!r} is {cell!r}, which is not {what}; correct it"
                ) from None
            made.append(value)
        return tuple(made)

    def spans(self, pair: tuple[str, str], texts: Sequence[str]) -> tuple[Span, ...]:
        """The characters of the word in each text: those that are given, or where the text has the given word."""
        if WORD in self.cells:
            words = self.texts(WORD)
            return tuple(self._located(row, *each) for row, each in enumerate(zip(words, texts, strict=True), start=1))
        starts, ends = (self.numbers(role, _whole) for role in pair)
        for row, (start, end, text) in enumerate(zip(starts, ends, texts, strict=True), start=1):
            if not 0 <= start < end <= len(text):
                raise HarnessError(
                    f"{self.path}, row {row}: the span {start}:{end} lies outside its text of {len(text)} characters; "
                    "count from 0, and the end behind the last character"
                )
        return tuple(zip(starts, ends, strict=True))

    def _located(self, row: int, word: str, text: str) -> Span:
        if self.card.segmenter is not None:
            found = [span for span in segments(text, self.card.segmenter) if text[slice(*span)] == word]
        else:
            whole = re.escape(word) if UNPARTED.search(word) else rf"(?<!\w){re.escape(word)}(?!\w)"
            found = [match.span() for match in re.finditer(whole, text, re.IGNORECASE)]
        if len(found) != 1:
            times = "is not a word of its text" if not found else f"stands {len(found)} times in its text"
            raise HarnessError(
                f"{self.path}, row {row}: {word!r} {times}; give the word's characters in the columns start and end"
            )
        return found[0]


def written(cell: object) -> str:
    """A cell as text; a whole number as one."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _whole(cell: Any) -> int:
    if float(cell) != int(float(cell)):
        raise ValueError
    return int(float(cell))


def check_memory(path: Path) -> None:
    """Raise HarnessError if `path` would not fit into memory, about."""
    needed = path.stat().st_size * (_PACKED if path.suffix in (".gz", ".parquet") else _PLAIN)
    free = psutil.virtual_memory().available
    if needed > free:
        raise HarnessError(
            f"reading {path} needs about {needed / 2**30:.1f} GB of memory, and {free / 2**30:.1f} GB are free; take "
            "a part of the file"
        )


def check_ids(rows: CardRows) -> None:
    """Raise HarnessError for an id that stands twice."""
    name, count = Counter(rows.ids).most_common(1)[0] if rows.ids else ("", 1)
    if count > 1:
        raise HarnessError(f"{rows.where}: the id {name!r} stands {count} times; give each example an id of its own")


def _check_answers(rows: CardRows, card: TaskCard) -> None:
    if rows.scores and len(set(rows.scores)) < 2:
        raise HarnessError(f"{rows.where}: all scores are {rows.scores[0]:g}, so there is nothing to predict")
    if card.kind.answer == "labels":
        _check_sets(rows, card)
    elif rows.labels and len(set(rows.labels)) < 2:
        raise HarnessError(f"{rows.where}: all labels are {rows.labels[0]!r}, so there is nothing to predict")
    if card.type == "pair-classification":
        truths(rows)
    if card.type == "bitext" and rows.n < 2:
        raise HarnessError(f"{rows.where} has one pair, so there is nothing to choose from; give more of them")
    if rows.sources:
        _check_summaries(rows)


def _check_sets(rows: CardRows, card: TaskCard) -> None:
    found = labels_of(rows)
    if len(set().union(*found)) < 2:
        raise HarnessError(
            f"{rows.where}: all labels are {next((each[0] for each in found if each), '')!r}, so there is nothing to "
            f"predict; labels of one cell are parted by {card.separator!r} (`separator` in the card)"
        )


def _check_summaries(rows: CardRows) -> None:
    of_text = list(by_source(rows).values())
    for places in of_text:
        if not any(rows.references[row] for row in places):
            raise HarnessError(
                f"{rows.where}, row {places[0] + 1}: no row of this text has a reference; give each text one at least"
            )
    if all(len({rows.scores[row] for row in places}) < 2 for places in of_text):
        raise HarnessError(
            f"{rows.where}: no text has two summaries with different scores, so there is nothing to put in order"
        )


def labels_of(rows: CardRows, *, sets: bool = True) -> list[list[str]]:
    """The labels of each example; where they are no `sets`, its one label."""
    return [read_set(label) if sets else [label] for label in rows.labels]


def by_source(rows: CardRows) -> dict[str, list[int]]:
    """The rows with summaries of one text, by the text, in the order of the file."""
    found: dict[str, list[int]] = {}
    for row, source in enumerate(rows.sources):
        found.setdefault(source, []).append(row)
    return found


def truths(rows: CardRows) -> list[int]:
    """The labels of pairs as 1 and 0. Raises HarnessError for others."""
    odd = next((label for label in rows.labels if label.lower() not in _TRUTH), None)
    if odd is not None:
        raise HarnessError(
            f"{rows.where}: {odd!r} is no label of a pair; write 1 where the texts belong together and 0 where not"
        )
    return [_TRUTH[label.lower()] for label in rows.labels]


def label_codes(labels: Iterable[str]) -> dict[str, int]:
    """A number for each of the labels; labels that are whole numbers stay what they are.

    >>> label_codes(["b", "a"]), label_codes(["10", "2"])
    ({'a': 0, 'b': 1}, {'2': 2, '10': 10})
    """
    names = sorted(set(labels))
    if all(map(_is_whole, names)) and len({int(name) for name in names}) == len(names):
        return {name: int(name) for name in sorted(names, key=int)}
    return {name: number for number, name in enumerate(names)}


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isdecimal() and name.isascii()
