"""Reference files: JSON lines, the system and its run first, a task a line, a hash of it all last. Read strictly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.outcomes import TaskKey
from harness.paths import whole_folder
from harness.records import Provenance, Run, StoredRecipe, System, to_json
from harness.reference.answers import PackedAnswers

FORMAT = "harness reference 1"
SUFFIX = ".jsonl"


@dataclass(frozen=True, kw_only=True)
class ReferenceResult:
    """One task's answers, and the score that they give."""

    key: TaskKey
    task_type: str
    score: float
    seconds: float
    answers: PackedAnswers


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One system with its results, by task."""

    system: System
    run: Run
    results: tuple[ReferenceResult, ...]

    @property
    def file_name(self) -> str:
        seed = "" if self.system.seed is None else f".seed{self.system.seed}"
        return f"{self.system.base}.{self.system.variant}{seed}{SUFFIX}"


def write_references(folder: Path, references: Sequence[Reference]) -> None:
    """Make `folder` hold exactly `references`: whole, or as it was."""
    if folder.exists():
        strange = sorted(path.name for path in folder.iterdir() if path.suffix != SUFFIX)
        if strange:
            raise HarnessError(
                f"{folder} holds {strange[0]}, which is not a file of golden results; name another --reference"
            )
    try:
        with whole_folder(folder) as fresh:
            for reference in references:
                (fresh / reference.file_name).write_text(_write(reference), encoding="utf-8", newline="\n")
    except OSError as error:
        raise HarnessError(f"cannot write {folder}: {error.strerror or error}") from None


def read_references(folder: Path) -> list[Reference]:
    """Return the references of `folder` by file name; none where there is no folder.

    Raises HarnessError for a file that is not, to the byte, what `write_references` wrote.
    """
    return [_read(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def _write(reference: Reference) -> str:
    system = {f.name: getattr(reference.system, f.name) for f in fields(System) if f.name != "folder"}
    run = {f.name: getattr(reference.run, f.name) for f in fields(Run)}
    for moment in ("started_at", "finished_at"):
        run[moment] = None if run[moment] is None else run[moment].astimezone(UTC).isoformat(timespec="seconds")
    lines = [to_json({"format": FORMAT, "system": system, "run": run})]
    lines += [to_json(asdict(result)) for result in reference.results]
    text = "".join(f"{line}\n" for line in lines)
    return text + to_json({"sha256": _sha256(text)}) + "\n"


def _read(path: Path) -> Reference:
    text = path.read_text(encoding="utf-8")
    body, _, last = text.removesuffix("\n").rpartition("\n")
    if last != to_json({"sha256": _sha256(body + "\n")}):
        raise HarnessError(
            f"{path.name} was changed (its hash differs); restore it from version control, or make it "
            "again with `harness regress --update`"
        )
    head, *rows = [json.loads(line) for line in body.split("\n")]
    if head.get("format") != FORMAT:
        raise HarnessError(
            f"{path.name} has the format {head.get('format')!r}, but only {FORMAT!r} can be read; run "
            "`harness regress --update`"
        )
    try:
        return Reference(system=_system(head["system"]), run=_run(head["run"]), results=tuple(map(_result, rows)))
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(
            f"{path.name} has a missing or unknown field ({error}); make it again with `harness regress --update`"
        ) from None


def _run(data: dict[str, Any]) -> Run:
    moments = {name: data[name] and datetime.fromisoformat(data[name]) for name in ("started_at", "finished_at")}
    return Run(**{**data, **moments, "provenance": Provenance.model_validate(data["provenance"])})


def _system(data: dict[str, Any]) -> System:
    return System(**{**data, "recipe": StoredRecipe.model_validate(data["recipe"])})


def _result(data: dict[str, Any]) -> ReferenceResult:
    return ReferenceResult(**{**data, "key": TaskKey(**data["key"]), "answers": PackedAnswers(**data["answers"])})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
