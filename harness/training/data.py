"""What a stage is trained on, and its fingerprint: the embedded English, a local file, or data of the hub."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.hub import HubData
from harness.recipes import MntpStage, Trained
from harness.rows import TEXT, Columns, check_columns, read_rows

COLUMNS: dict[str, Columns] = {
    "mntp": TEXT,
    "simcse": TEXT,
    "supcon": (("anchor",), ("positive",), ("negative",)),
}
# One draw of training text for everybody; the training seed moves batches, adapters and dropout, not the text.
DRAW = 1


@dataclass(frozen=True)
class TrainingData:
    """The named data of one stage: cheap to name and fingerprint, read only when training starts.

    `in_order`: the rows are a running text, taken from its beginning; else `examples` of them are drawn.
    """

    kind: str
    source: str
    examples: int
    in_order: bool = False

    @classmethod
    def of(cls, stage: Trained) -> TrainingData:
        joined = isinstance(stage, MntpStage) and stage.concatenate
        return cls(stage.kind, stage.data, stage.examples, in_order=joined)

    def fingerprint(self) -> str:
        """sha256 that changes whenever the text does.

        A file's columns are checked on the way. Raises HarnessError for a file that is not there or unfit.
        """
        hub = HubData.parse(self.source)
        if self.source == "mini":
            from harness.mini.corpus import data_version

            made = f"mini {data_version()} draw {DRAW}"
        elif hub is not None:
            made = self.source  # a commit and a path never change their content
        else:
            check_columns(self._file(), COLUMNS[self.kind])
            with self._file().open("rb") as file:
                made = hashlib.file_digest(file, "sha256").hexdigest()
        how = f"{self.kind} {self.examples} {self.in_order} draw {DRAW} {made}"
        return hashlib.sha256(how.encode()).hexdigest()

    def rows(self) -> list[tuple[str, ...]]:
        """The examples, one tuple a row in the order of COLUMNS[kind]; with `in_order`, all rows there are."""
        rows = self._embedded() if self.source == "mini" else list(self._read())
        if not rows:
            raise HarnessError(f"{self.source} holds no example for the {self.kind} stage; give a file with text in it")
        if self.in_order or len(rows) <= self.examples:
            return rows
        return [rows[index] for index in np.random.default_rng(DRAW).permutation(len(rows))[: self.examples]]

    def _embedded(self) -> list[tuple[str, ...]]:
        from harness.mini import corpus

        if self.kind == "supcon":
            return list(corpus.triplets(DRAW, self.examples))
        draw = corpus.mntp_documents if self.kind == "mntp" else corpus.sentences
        return [(text,) for text in draw(DRAW, self.examples)]

    def _read(self) -> Iterator[tuple[str, ...]]:
        hub = HubData.parse(self.source)
        for path in [self._file()] if hub is None else hub.files():
            yield from read_rows(path, COLUMNS[self.kind])

    def _file(self) -> Path:
        path = Path(self.source).expanduser()
        if not path.is_file():
            raise HarnessError(
                f"the data of the {self.kind} stage, {self.source!r}, is neither `mini`, nor a file here, nor hub:…"
            )
        return path
