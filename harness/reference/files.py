"""Reference files: the system and its runs first, a task a line, a hash of it all last. Read strictly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from harness.errors import HarnessError, near_names
from harness.outcomes import TaskKey
from harness.paths import whole_folder
from harness.records import Overlap, Provenance, Run, StoredRecipe, System
from harness.reference.answers import PackedAnswers
from harness.reference.questions import QUESTIONS, write_questions
from harness.reference.sealed import AGAIN, read_sealed, write_sealed
from harness.stage_record import StageManifest

SUFFIX = ".jsonl"
GOLDEN = "mini"  # the tracked results that the gate judges by
_MOMENTS = ("started_at", "finished_at")


@dataclass(frozen=True, kw_only=True)
class ReferenceResult:
    """One task's answers, and the score that they give. `run` is the place of its run in Reference.runs."""

    key: TaskKey
    task_type: str
    score: float
    seconds: float
    answers: PackedAnswers
    run: int = 0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One system with its results, and the runs that measured them, the newest last.

    `stages` made the system, and `overlaps` are what their data shares with the tasks; golden results have neither.
    """

    system: System
    runs: tuple[Run, ...]
    results: tuple[ReferenceResult, ...]
    stages: tuple[StageManifest, ...] = ()
    overlaps: tuple[Overlap, ...] = ()

    @property
    def run(self) -> Run:
        """The newest run."""
        return self.runs[-1]

    @property
    def name(self) -> str:
        """What it is called among references: base, variant and training seed."""
        seed = [] if self.system.seed is None else [f"seed{self.system.seed}"]
        return ".".join([self.system.base or "model", self.system.variant, *seed])


def write_references(
    folder: Path, references: Sequence[Reference], questions: Mapping[str, pd.DataFrame] | None = None
) -> None:
    """Make `folder` hold exactly `references`, and `questions` (harness.reference.questions): whole, or as it was.

    Raises HarnessError for two systems of one name, and for a folder with other files.
    """
    if folder.exists():
        strange = sorted(path.name for path in folder.iterdir() if path.suffix != SUFFIX)
        if strange:
            raise HarnessError(
                f"{folder} holds {strange[0]}, which is not a file of golden results; name another folder"
            )
    for name, count in Counter(reference.name for reference in references).items():
        if count > 1:
            raise HarnessError(f"{count} systems are called {name}, with different recipes; name one of them by its id")
    try:
        with whole_folder(folder) as fresh:
            for reference in references:
                _write(fresh / f"{reference.name.replace('/', '--')}{SUFFIX}", reference)
            if questions:
                write_questions(fresh, questions)
    except OSError as error:
        raise HarnessError(f"cannot write {folder}: {error.strerror or error}") from None


def tracked_folder(name: str = GOLDEN) -> Path:
    """Return the folder of the tracked results called `name`, or the folder that `name` is the path of.

    Raises HarnessError if there is neither.
    """
    package = Path(str(files("leaderboard"))) / "reference"
    for folder in (package / name, Path(name)):
        if folder.is_dir():
            return folder
    known = sorted(path.name for path in package.iterdir() if path.is_dir())
    raise HarnessError(f"there is no folder {name}, and no tracked results of that name; {near_names(name, known)}")


def read_references(folder: Path) -> list[Reference]:
    """Return the references of `folder` by file name; none where there is no folder.

    Raises HarnessError for a file that is not, to the byte, what `write_references` wrote.
    """
    return [_read(path) for path in sorted(folder.glob(f"*{SUFFIX}")) if path.name != QUESTIONS]


def _write(path: Path, reference: Reference) -> None:
    system = {f.name: getattr(reference.system, f.name) for f in fields(System) if f.name != "folder"}
    runs = [_plain_run(run) for run in reference.runs]
    made = {"stages": list(reference.stages), "overlaps": [asdict(each) for each in reference.overlaps]}
    head = {"system": system, "run": runs[-1], "earlier": runs[:-1], **made}
    rows = [{name: value for name, value in asdict(result).items() if name != "run"} for result in reference.results]
    for row, result in zip(rows, reference.results, strict=True):
        row.update({"run": result.run} if len(runs) > 1 else {})
    write_sealed(path, {name: value for name, value in head.items() if value}, rows)


def _plain_run(run: Run) -> dict[str, Any]:
    plain = {f.name: getattr(run, f.name) for f in fields(Run)}
    for name in _MOMENTS:
        plain[name] = None if plain[name] is None else plain[name].astimezone(UTC).isoformat(timespec="seconds")
    return plain


def _read(path: Path) -> Reference:
    head, rows = read_sealed(path)
    try:
        runs = tuple(map(_run, [*head.get("earlier", ()), head["run"]]))
        return Reference(
            system=System(**{**head["system"], "recipe": StoredRecipe.model_validate(head["system"]["recipe"])}),
            runs=runs,
            results=tuple(_result(row, runs) for row in rows),
            stages=tuple(map(StageManifest.model_validate, head.get("stages", ()))),
            overlaps=tuple(Overlap(**each) for each in head.get("overlaps", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(f"{path.name} has a missing or unknown field ({error}); {AGAIN}") from None


def _run(data: dict[str, Any]) -> Run:
    moments = {name: data[name] and datetime.fromisoformat(data[name]) for name in _MOMENTS}
    return Run(**{**data, **moments, "provenance": Provenance.model_validate(data["provenance"])})


def _result(data: dict[str, Any], runs: tuple[Run, ...]) -> ReferenceResult:
    made = {"key": TaskKey(**data["key"]), "answers": PackedAnswers(**data["answers"])}
    result = ReferenceResult(**{**data, **made})
    if result.run not in range(len(runs)):
        raise ValueError(f"run {result.run!r}")
    return result
