"""A task of the words suite, before its data are read. Cheap: what measures it is imported when it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.outcomes import TaskResult
from harness.suites.task import ListedTask, TaskOptions
from harness.suites.words.data.sources import DataSet, fetched_folder

Features = Literal["", "cosine", "difference", "concatenation", "official"]

# Raise when the same system on the same data would score otherwise.
SUITE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class OnWordData(ListedTask):
    """A task on a word-level data set, which lies in `folder` (None: not opened yet).

    `positions`, of context probes, are the words read, counted from the target; `features`, of WiC, is what a probe
    sees of the two uses.
    """

    data: DataSet
    positions: tuple[int, ...] = (0,)
    features: Features = ""
    folder: Path | None = None
    option = "data_dir"

    @property
    def place(self) -> Path:
        """The folder that is read. Raises HarnessError if none was given."""
        if self.folder is None:
            raise HarnessError(f"{self.name} reads word-level data; give the folder that holds them (data_dir)")
        return self.folder

    @property
    def cost(self) -> int:
        """The texts of the data set."""
        return self.data.n_texts

    @property
    def data_path(self) -> str:
        """The repository of its first file."""
        return self.data.files[0].repository

    def chosen(self, options: TaskOptions) -> OnWordData:
        """The task on the folder of `options`. Raises HarnessError for data that are missing there or changed."""
        task = replace(self, folder=options.data_dir or (options.cache and fetched_folder(options.cache)))
        self.data.check(task.place)
        return task


@dataclass(frozen=True, kw_only=True)
class WordProbe(OnWordData):
    """A task of the words suite; its type says what measures it (harness.suites.words.tasks)."""

    @property
    def revision(self) -> str:
        """Suite version and what the data set's files must hold."""
        return f"{SUITE_VERSION}.cv.{self.data.revision}"

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure; the score first, its controls after it."""
        from harness.suites.words.tasks import measure

        return measure(self, encoder)
