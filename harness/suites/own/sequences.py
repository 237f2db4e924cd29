"""Sentences with a tag a word, in the form of CoNLL: a word a line, an empty line between sentences.

Cells are parted by tabs, or by blanks where a line has no tab. Lines of -DOCSTART- are left out; of .conllu files
comments, and words that are no line of their own (1-2, 1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.rows import format_of, read_lines
from harness.suites.own.card import TaskCard
from harness.suites.own.folds import FOLDS
from harness.suites.own.table import UNPARTED, CardRows, check_memory
from harness.suites.words.data.bio import marks_spans
from harness.suites.words.data.examples import Span

Sentence = list[tuple[str, str]]  # word and tag
_UNIVERSAL = {"token": "2", "tag": "4"}  # the columns of .conllu files


def words_of(card: TaskCard, part: str = "test") -> CardRows:
    """Every word of a file as an example. Raises HarnessError for lines that cannot be read, and for too few."""
    path = card.path(part)
    check_memory(path)
    found = list(read_sentences(path, card.columns))
    tags = {tag for sentence in found for _, tag in sentence}
    if len(found) < FOLDS:
        raise HarnessError(f"{path}: {len(found)} sentences cannot be spread over {FOLDS} folds; give more of them")
    if len(tags) < 2:
        raise HarnessError(f"{path}: all tags are {next(iter(tags))!r}, so there is nothing to predict")
    texts, spans, groups, ids = [], [], [], []
    for number, sentence in enumerate(found, start=1):
        text, places = join([word for word, _ in sentence])
        for place, span in enumerate(places, start=1):
            texts.append(text)
            spans.append(span)
            groups.append(str(number))
            ids.append(f"{number}.{place}")
    return CardRows(
        where=str(path),
        n=len(texts),
        texts={"text": tuple(texts)},
        labels=tuple(tag for sentence in found for _, tag in sentence),
        spans=(tuple(spans),),
        ids=tuple(ids),
        groups=tuple(groups),
    )


def read_sentences(path: Path, columns: dict[str, str]) -> Iterator[Sentence]:
    """The sentences of a file. `columns` are the numbers of `token` and `tag`, from 1; else the first and the last."""
    universal = format_of(path) == ".conllu"
    chosen = {**(_UNIVERSAL if universal else {"token": "1", "tag": ""}), **columns}
    for role, name in chosen.items():
        if name and not re.fullmatch(r"[1-9][0-9]{0,2}", name):
            raise HarnessError(f"the column {role!r} of {path} is {name!r}; give its number, counted from 1")
    token, tag = int(chosen["token"]) - 1, int(chosen["tag"]) - 1 if chosen["tag"] else -1
    sentence: Sentence = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split("\t") if "\t" in line else line.split()
        if universal and (line.startswith("#") or re.match(r"\d+[-.]\d+\t", line)):
            continue
        if not line.strip() or cells[0].startswith("-DOCSTART-"):
            if sentence:
                yield sentence
            sentence = []
            continue
        if len(cells) < 2 or len(cells) <= max(token, tag):
            raise HarnessError(
                f"{path}, line {number}, has {len(cells)} column{'' if len(cells) == 1 else 's'}, too few for a word "
                "and its tag; correct the line, or `columns` in the card"
            )
        word, label = cells[token].strip(), cells[tag].strip()
        if not word or not label:
            raise HarnessError(f"{path}, line {number}: the {'tag' if word else 'word'} is empty; fill it in")
        sentence.append((word, label))
    if sentence:
        yield sentence


def join(words: Sequence[str]) -> tuple[str, list[Span]]:
    """Words as one text, and where each stands: a blank between them, none between scripts that write none.

    >>> join(["I", "see"]), join(["我", "喜欢"])
    (('I see', [(0, 1), (2, 5)]), ('我喜欢', [(0, 1), (1, 3)]))
    """
    text, spans = "", []
    for word in words:
        if text and not (UNPARTED.match(text[-1]) and UNPARTED.match(word)):
            text += " "
        spans.append((len(text), len(text) + len(word)))
        text += word
    return text, spans


def hidden_tags(tags: Sequence[str]) -> list[str]:
    """Tags with the names of kinds numbered, what begins and goes on kept: B-PER is B-1. In the order of the names.

    >>> hidden_tags(["B-PER", "O", "B-LOC"])
    ['B-1', 'O', 'B-0']
    """
    if not marks_spans(tags):
        return list(tags)  # numbered where results are named
    kinds = sorted({tag[2:] for tag in tags if tag != "O"})
    number = {kind: f"{place:0{len(str(len(kinds) - 1))}d}" for place, kind in enumerate(kinds)}
    return [tag if tag == "O" else tag[:2] + number[tag[2:]] for tag in tags]
