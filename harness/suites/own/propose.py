"""A file ─▶ the card that would read it: the type by its columns and their values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from harness.errors import HarnessError, near_names
from harness.rows import FORMATS, column_names, format_of, read_cells
from harness.suites.own.card import TaskCard
from harness.suites.own.sequences import read_sentences
from harness.suites.own.table import UNPARTED
from harness.suites.own.types import CANDIDATES, TYPES, WORD

LOOKED_AT = 2000  # rows
_TAGS, _CONLL = "sequence-labels", (".conll", ".conllu", ".bio", ".iob", ".iob2")
_GROUPS = ("group", "author", "user", "speaker", "document", "doc", "source_id")
_WORDS = ("word", "target", "lemma")
_TRUTHS = {"0", "1", "0.0", "1.0", "true", "false"}
# The language that a script suggests, the first that a text has a letter of; other scripts are of many.
_LANGUAGES = {
    r"[\u3040-\u30ff]": "jpn-Jpan",
    r"[\uac00-\ud7af]": "kor-Hang",
    r"[\u3400-\u9fff]": "zho-Hans",
    r"[\u0e00-\u0e7f]": "tha-Thai",
    r"[\u0600-\u06ff]": "ara-Arab",
    r"[\u0590-\u05ff]": "heb-Hebr",
    r"[\u0900-\u097f]": "hin-Deva",
    r"[\u0370-\u03ff]": "ell-Grek",
    r"[\u0400-\u04ff]": "rus-Cyrl",
}
_SEPARATORS, _LONGEST_LABEL = ("|", ";", ","), 40
_FEW_WORDS = 1.5
_MOST_LABELS = 0.2  # of the rows: a column with more different values is no label


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A card as text, where it would lie, and the first rows by what their columns are."""

    path: Path
    text: str
    type: str
    examples: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Column:
    """The values of a column, as text; `lists` says that they are lists in the file."""

    name: str
    values: Sequence[str]
    lists: bool = False

    @property
    def numeric(self) -> bool:
        return all(re.fullmatch(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", value) for value in self.values)

    @property
    def counts(self) -> bool:
        """Whether it numbers the rows."""
        first = int(self.values[0]) if self.values[0].isdecimal() else 0
        return list(self.values) == [str(first + row) for row in range(len(self.values))] and len(self.values) > 2

    @property
    def binary(self) -> bool:
        return {value.lower() for value in self.values} <= _TRUTHS

    @property
    def words(self) -> float:
        """Words a value, about: two characters of a script that writes none apart count as one."""
        return sum(value.count(" ") + 1 + len(UNPARTED.findall(value)) / 2 for value in self.values) / len(self.values)

    @property
    def separator(self) -> str:
        """What parts several labels of one cell; empty if nothing does."""
        for mark in _SEPARATORS:
            parts = [part.strip() for value in self.values for part in value.split(mark) if part.strip()]
            few = 2 <= len(set(parts)) <= max(2, _MOST_LABELS * len(parts))
            if few and any(mark in value for value in self.values) and max(map(len, parts)) <= _LONGEST_LABEL:
                return mark
        return ""

    @property
    def labels(self) -> bool:
        """Whether few different values stand in it, each more than once on average."""
        return 2 <= len(set(self.values)) <= max(2, _MOST_LABELS * len(self.values))


def propose(file: Path, *, kind: str | None = None, name: str | None = None) -> Proposal:
    """The card for `file`, of the type `kind` (None: the one that its columns suggest).

    Raises HarnessError if the columns suggest none, and for a file that cannot be read.
    """
    if kind is not None and kind not in TYPES:
        raise HarnessError(f"there is no type {kind!r}; {near_names(kind, TYPES)}")
    if file.is_dir():
        return _of_folder(file, kind, name)
    if kind is not None and TYPES[kind].layout:
        raise HarnessError(f"a task of type {kind} is a folder of files; name the folder")
    if kind == _TAGS or (kind is None and format_of(file) in _CONLL):
        return _of_sentences(file, name)
    names = column_names(file)
    rows = list(islice(read_cells(file, tuple((each,) for each in names)), LOOKED_AT))
    if not rows:
        raise HarnessError(f"{file} has no rows; a task needs examples")
    raw = list(zip(*rows, strict=True))
    cells = [[_as_text(cell) for cell in column] for column in raw]
    columns = [
        _Column(name=each, values=values, lists=any(isinstance(cell, list) for cell in column))
        for each, values, column in zip(names, cells, raw, strict=True)
    ]
    columns = [column for column in columns if not column.counts] or columns
    found_kind, roles = _roles(columns, kind)
    if found_kind is None:
        raise HarnessError(
            f"{file} has the columns {', '.join(names)}, which suggest no type; name one with --type "
            f"({', '.join(TYPES)}), and correct the columns in the card"
        )
    task = name or _task_name(_stem(file))
    group = next((c.name for c in columns if c.name.lower() in _GROUPS and 1 < len(set(c.values)) < len(rows)), None)
    marks = {c.separator for c in columns if c.name == roles.get("labels") and not c.lists}
    text = _card(task, file.name, found_kind, roles, group, _language("".join(map(" ".join, cells))), *marks)
    shown = [
        {role: dict(zip(names, row, strict=True)).get(column, "") for role, column in roles.items()}
        for row in islice(zip(*cells, strict=True), 5)
    ]
    return Proposal(path=file.parent / f"{task}.md", text=text, type=found_kind, examples=tuple(shown))


def _of_folder(folder: Path, kind: str | None, name: str | None) -> Proposal:
    """The card for a folder in the layout of BEIR: with documents for each query it is reranking."""
    ranked = (folder / dict(TYPES["reranking"].layout)[CANDIDATES]).is_file()
    found_kind = kind or ("reranking" if ranked else "retrieval")
    if not TYPES[found_kind].layout:
        raise HarnessError(f"{folder} is a folder, and a task of type {found_kind} is a file; name the file")
    queries = folder / dict(TYPES[found_kind].layout)["test"]
    rows = list(islice(read_cells(queries, (("_id",), ("text",))), LOOKED_AT))
    task, texts = name or _task_name(folder.resolve().name), [_as_text(text) for _, text in rows]
    return Proposal(
        path=folder.parent / f"{task}.md",
        text=_card(task, folder.name, found_kind, {}, None, _language(" ".join(texts))),
        type=found_kind,
        examples=tuple(
            {"_id": str(query), "text": text} for (query, _), text in list(zip(rows, texts, strict=True))[:5]
        ),
    )


def _of_sentences(file: Path, name: str | None) -> Proposal:
    """The card for a file with a word and its tag on each line."""
    found = list(islice(read_sentences(file, {}), LOOKED_AT))
    if not found:
        raise HarnessError(f"{file} has no sentences; a task needs examples")
    task, words = name or _task_name(_stem(file)), [" ".join(word for word, _ in sentence) for sentence in found]
    tags = [" ".join(tag for _, tag in sentence) for sentence in found]
    return Proposal(
        path=file.parent / f"{task}.md",
        text=_card(task, file.name, _TAGS, {}, None, _language(" ".join(words))),
        type=_TAGS,
        examples=tuple({"tokens": text, "tags": tag} for text, tag in zip(words[:5], tags[:5], strict=True)),
    )


def _task_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "my-task"


def _as_text(cell: object) -> str:
    return "" if cell is None else "; ".join(map(str, cell)) if isinstance(cell, list) else str(cell)


def _stem(file: Path) -> str:
    stem = file.name.removesuffix(".gz")
    return next((stem.removesuffix(ending) for ending in (*FORMATS, *_CONLL[::-1]) if stem.endswith(ending)), stem)


def _roles(columns: Sequence[_Column], kind: str | None) -> tuple[str | None, dict[str, str]]:
    """The type and what its columns are called: a column of the right name first, else by its values."""
    named = {c.name: c for c in columns}
    longest = max((c.words for c in columns if not c.numeric), default=0.0)
    sets = [c for c in columns if c.lists or (c.separator and not c.numeric)]
    texts = [
        c
        for c in columns
        if not c.numeric
        and c not in sets
        and c.words >= max(_FEW_WORDS, longest / 4)
        and (not c.labels or c.words >= longest / 1.5)
    ]
    others = [c for c in columns if c not in texts]
    truths = [c for c in others if c.binary]
    numbers = [c for c in others if c.numeric and not c.binary]
    labels = [c for c in others if c.labels]
    starts, ends = ([c for c in others if c.numeric and part in c.name.lower()] for part in ("start", "end"))
    word = next((c.name for c in others if c.name.lower() in _WORDS), None)
    of_words = word is not None or (starts and len(starts) == len(ends))
    numbers = [c for c in numbers if c not in (*starts, *ends) and "index" not in c.name.lower()]
    labels = [c for c in labels if c not in (*starts, *ends) and c.name != word and "index" not in c.name.lower()]
    guess: str | None = None
    if of_words and texts and (labels or numbers):
        pair = len(texts) >= 2 and (len(starts) == 2 or not starts)
        guess = "word-in-context" if pair and labels else "word-label" if labels else "word-score"
    elif {"summary", "reference"} <= set(named) and numbers:
        guess = "summarization"
    elif len(texts) >= 2 and (truths or numbers):
        guess = "pair-classification" if truths and not numbers else "similarity"
    elif texts and sets:
        guess = "multilabel-classification"
    elif texts and labels:
        guess = "classification"
    elif len(texts) >= 2:
        guess = "bitext"
    elif len(two := [c for c in columns if not c.numeric and c.words < _FEW_WORDS]) == 2 and numbers:
        guess, texts = "word-similarity", two
    wanted = kind or guess
    if wanted is None:
        return None, {}
    fitting: dict[str, Sequence[_Column]] = {
        "text": texts,
        "text1": texts,
        "text2": texts[1:],
        "word1": texts,
        "word2": texts[1:],
        "summary": texts,
        "reference": texts,
        "labels": sets,
        "score": numbers or truths,
        "label": truths if wanted == "pair-classification" else labels,
        "start": starts,
        "start1": starts,
        "start2": starts[1:],
        "end": ends,
        "end1": ends,
        "end2": ends[1:],
    }
    roles: dict[str, str] = {}
    kind_of = TYPES[wanted]
    spans = {name for pair in kind_of.spans for name in pair}
    located = bool(spans) and not starts and word is not None
    for role in kind_of.roles:
        if located and role in spans:
            continue
        taken = set(roles.values())
        free = [c.name for c in fitting.get(role, ()) if c.name not in taken]
        near = [c for c in free if c.lower().startswith(role.rstrip("12")[:4])]
        roles[role] = role if role in named else next(iter([*near, *free]), "WRITE_ITS_NAME")
    if located and word is not None:
        roles[WORD] = word
    return wanted, roles


def _card(
    task: str, file: str, kind: str, roles: Mapping[str, str], group: str | None, language: str, separator: str = ""
) -> str:
    other = {role: name for role, name in roles.items() if role != name or role == WORD}
    lines = [f"task: {task}", f"type: {kind}", f"file: {_quoted(file)}"]
    if other:
        lines.append(f"columns: {{{', '.join(f'{role}: {_quoted(name)}' for role, name in other.items())}}}")
    if separator not in ("", TaskCard.model_fields["separator"].default):
        lines.append(f"separator: {_quoted(separator)}")
    if group:
        lines.append(f"group: {_quoted(group)}")
    lines += [f"language: {language}", "publish: ids"]
    return "\n".join(["---", *lines, "---", "", f"{TYPES[kind].about[0].upper()}{TYPES[kind].about[1:]}.", ""])


def _language(text: str) -> str:
    """The language by the script, where a tenth of the letters are of it: a guess to be corrected in the card."""
    letters = sum(map(str.isalpha, text)) or 1
    found = (code for script, code in _LANGUAGES.items() if len(re.findall(script, text)) >= letters / 10)
    return next(found, "eng-Latn")


def _quoted(value: str) -> str:
    """A value of YAML that means just this text."""
    plain = re.fullmatch(r"[A-Za-z_][\w./-]*", value) and value.lower() not in (
        "true",
        "false",
        "yes",
        "no",
        "null",
        "on",
        "off",
    )
    return value if plain else "'" + value.replace("'", "''") + "'"
