"""A folder of word-level data: every file is what it is pinned to be before a row of it is used."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.suites.words.data.sources import SourceFile, get_data_set

Row = tuple[str, ...]


def default_folder() -> Path:
    """Where `harness data fetch words` puts the files."""
    return cache_folder() / "data" / "words"


@dataclass(frozen=True)
class WordData:
    """A data folder, laid out as the fetch makes it."""

    folder: Path

    def check(self, names: Iterable[str]) -> None:
        """Raise HarnessError if a file of the data sets `names` is missing or not what it is pinned to be."""
        for name in dict.fromkeys(names):
            for file in get_data_set(name).files:
                self._rows(name, file) if file.rows_sha256 else self.text(name, file)

    def text(self, name: str, file: SourceFile) -> str:
        """The text of a file that is pinned by its bytes; line ends as they are."""
        path = self.folder / file.path
        if not path.is_file():
            raise self._missing(name, file)
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise _changed(path, found, file.sha256)
        return content.decode("utf-8")

    def rows(self, name: str) -> list[list[Row]]:
        """The rows of each file of the data set `name` that is pinned by its rows, in the order of its files."""
        return [self._rows(name, file) for file in get_data_set(name).files if file.rows_sha256]

    def texts(self, name: str) -> list[str]:
        """The text of each file of the data set `name` that is pinned by its bytes, in the order of its files."""
        return [self.text(name, file) for file in get_data_set(name).files if file.sha256]

    def _rows(self, name: str, file: SourceFile) -> list[Row]:
        original, table = self.folder / file.path, self.folder / file.table
        if original.is_file():
            path, rows = (
                original,
                read_rows(
                    original.read_text("utf-8").replace("\r", ""), pairs=file.table.startswith("word_similarity")
                ),
            )
        elif table.is_file():
            path, rows = table, read_table(table.read_text("utf-8"), gold=file.path.endswith(".gold.txt"))
        else:
            raise self._missing(name, file)
        found = rows_sha256(rows)
        if found != file.rows_sha256:
            raise _changed(path, found, file.rows_sha256)
        return rows

    def _missing(self, name: str, file: SourceFile) -> HarnessError:
        if not self.folder.is_dir():
            return HarnessError(
                f"the word-level data are not at {self.folder}; fetch them with `harness data fetch words`, or name a "
                "folder that holds them with --data-dir"
            )
        return HarnessError(
            f"{self.folder} holds no data set {name} ({file.path} is missing); fetch it with "
            "`harness data fetch words`, or leave its tasks out with --tasks"
        )


def open_word_data(folder: Path | None, names: Iterable[str]) -> WordData:
    """The data in `folder` (None: where the fetch puts them), checked for the data sets `names`."""
    data = WordData(folder if folder is not None else default_folder())
    data.check(names)
    return data


def read_rows(text: str, *, pairs: bool = False) -> list[Row]:
    """Cells of lines that are parted by tabs, without quoting or heading; of word `pairs` by any white space."""
    return [tuple(line.split() if pairs else line.split("\t")) for line in text.split("\n") if line.strip()]


def read_table(text: str, *, gold: bool = False) -> list[Row]:
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


def rows_sha256(rows: Sequence[Row]) -> str:
    """What identifies rows whatever file they were read from."""
    return hashlib.sha256("".join("\t".join(row) + "\n" for row in rows).encode()).hexdigest()


def is_right(file: SourceFile, content: bytes) -> bool:
    """Whether `content` is what the file is pinned to be."""
    if file.sha256:
        return hashlib.sha256(content).hexdigest() == file.sha256
    return rows_sha256(_original_rows(file, content)) == file.rows_sha256


def _original_rows(file: SourceFile, content: bytes) -> list[Row]:
    text = content.decode("utf-8", errors="replace").replace("\r", "")
    return read_rows(text, pairs=file.table.startswith("word_similarity"))


def _changed(path: Path, found: str, expected: str) -> HarnessError:
    return HarnessError(
        f"{path} is not the file that is pinned (sha256 {found[:12]}…, expected {expected[:12]}…); fetch it again "
        "with `harness data fetch words`"
    )
