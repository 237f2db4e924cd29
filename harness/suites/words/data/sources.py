"""A word-level data set: its files, where they are fetched, what they must hold, and how they are read.

A file is pinned by a commit and the sha256 of its bytes. The files of full WiC and of word similarity are pinned by a
commit and the sha256 of their *rows* (cells joined by tabs, lines by newlines), because they are also passed on as
tables with a heading: both forms hold the same rows and are read. Every file is what it is pinned to be before a row of
it is used.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote

from harness.errors import HarnessError, MissingDataError
from harness.suites.words.data.examples import WordSet

RAW = "https://raw.githubusercontent.com"
TextRow = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file: `path` in a data folder, and `repository`@`commit`/`upstream` where it is fetched.

    Either `sha256` (of the bytes) or `rows_sha256` is given. `table` is where the same rows may lie as a table.
    `separator` parts the cells of a line; None: any white space.
    """

    path: str
    repository: str
    commit: str
    upstream: str
    sha256: str = ""
    rows_sha256: str = ""
    table: str = ""
    separator: str | None = "\t"

    @property
    def address(self) -> str:
        """Where it lies below the server's root."""
        return quote(f"{self.repository}/{self.commit}/{self.upstream}")

    def is_right(self, content: bytes) -> bool:
        """Whether `content` is what the file is pinned to be."""
        if self.sha256:
            return hashlib.sha256(content).hexdigest() == self.sha256
        return rows_sha256(self.split(content.decode("utf-8", errors="replace"))) == self.rows_sha256

    def split(self, text: str) -> list[TextRow]:
        """The rows of the file's `text`."""
        return read_rows(text.replace("\r", ""), separator=self.separator)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set by name: the work it comes from, its files, how many texts are in its examples, how it is read."""

    name: str
    source: str
    files: tuple[SourceFile, ...]
    n_texts: int
    parse: Callable[[DataSet, Path], WordSet] = field(compare=False)

    @property
    def revision(self) -> str:
        """12 hex digits of what its files must hold."""
        text = "\n".join(file.sha256 or file.rows_sha256 for file in self.files)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def check(self, folder: Path) -> None:
        """Raise HarnessError if a file is missing in `folder`, or not what it is pinned to be."""
        self.texts(folder)
        self.rows(folder)

    def words(self, folder: Path) -> WordSet:
        """Its examples, checked and parsed once a process. Raises HarnessError if something is wrong."""
        return _parsed(self, folder)

    def texts(self, folder: Path) -> list[str]:
        """The text of each file that is pinned by its bytes, in the order of the files; line ends as they are."""
        return [self._text(folder, file) for file in self.files if file.sha256]

    def rows(self, folder: Path) -> list[list[TextRow]]:
        """The rows of each file that is pinned by its rows, in the order of the files."""
        return [self._rows(folder, file) for file in self.files if file.rows_sha256]

    def _text(self, folder: Path, file: SourceFile) -> str:
        path = folder / file.path
        if not path.is_file():
            raise self._missing(folder, file)
        content = path.read_bytes()
        _check_sha256(path, hashlib.sha256(content).hexdigest(), file.sha256)
        return content.decode("utf-8")

    def _rows(self, folder: Path, file: SourceFile) -> list[TextRow]:
        original, table = folder / file.path, folder / file.table
        if original.is_file():
            path, rows = original, file.split(original.read_text("utf-8"))
        elif table.is_file():
            path, rows = table, read_table(table.read_text("utf-8"), gold=file.path.endswith(".gold.txt"))
        else:
            raise self._missing(folder, file)
        _check_sha256(path, rows_sha256(rows), file.rows_sha256)
        return rows

    def _missing(self, folder: Path, file: SourceFile) -> HarnessError:
        if not folder.is_dir():
            return MissingDataError(
                f"the word-level data are not at {folder}; fetch them with `harness data fetch words`, or name a "
                "folder that has them with --data-dir"
            )
        return MissingDataError(
            f"{folder} holds no data set {self.name} ({file.path} is missing); fetch it with "
            "`harness data fetch words`, or leave its tasks out with --tasks"
        )


@cache
def _parsed(data: DataSet, folder: Path) -> WordSet:
    return data.parse(data, folder)


def fetched_folder(cache: Path) -> Path:
    """Where `harness data fetch words` puts the files."""
    return cache / "data" / "words"


def read_rows(text: str, *, separator: str | None = "\t") -> list[TextRow]:
    """Cells of the lines of `text` that are not blank, without quoting or heading; None parts at any white space."""
    return [tuple(line.split(separator)) for line in text.split("\n") if line.strip()]


def read_table(text: str, *, gold: bool = False) -> list[TextRow]:
    """The same rows from a table with a heading: of word pairs, or of WiC (`gold`: only its labels)."""
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    if "word1" in (rows.fieldnames or ()):
        return [(row["word1"], row["word2"], row["score"]) for row in rows]
    if gold:
        return [(row["label"],) for row in rows]
    return [
        (row["lemma"], row["pos"], f"{row['index1']}-{row['index2']}", row["sentence1"], row["sentence2"])
        for row in rows
    ]


def rows_sha256(rows: Sequence[TextRow]) -> str:
    """What identifies rows whatever file they were read from."""
    return hashlib.sha256("".join("\t".join(row) + "\n" for row in rows).encode()).hexdigest()


def feng_file(path: str, sha256: str, *, upstream: str = "") -> SourceFile:
    """A file of the data that Feng et al. 2025 released."""
    return SourceFile(
        path=f"original/{path}",
        repository="Zhaoxin-Feng/semantic-probing-2025",
        commit="474ec8d048eebf31a5ff5906eb995469d8fa4b41",
        upstream=f"data/{upstream or path}",
        sha256=sha256,
    )


def _check_sha256(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise HarnessError(
            f"{path} has another SHA-256 than expected ({found[:12]}…, not {expected[:12]}…); fetch it again "
            "with `harness data fetch words`"
        )
