"""`StoreReader`: everything that is asked of the database, as dataclasses and DataFrames."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from harness.outcomes import DIAGNOSTIC_TYPES, OUTCOME_COLUMNS, NoiseFloor, TaskKey, TaskPart
from harness.records import Cost, Overlap, Run, System
from harness.stage_record import StageManifest
from harness.store import columns
from harness.store.connection import OnWait, check_name, file_state, reading
from harness.store.query import run_query
from harness.store.verify import Check, VerifyProgress, batches, check_scores


class StoreReader:
    """One results database and what it holds.

    Each method opens the file, asks and closes it. A method that finds the file taken waits up to `wait_s` seconds,
    calling `on_wait` once with a sentence, and then raises StoreBusyError. Reading never creates the file; with
    `read_only` it does not bring an older schema up to date either.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        wait_s: float = 60.0,
        read_only: bool = False,
        on_wait: OnWait | None = None,
    ) -> None:
        self.path = Path(path)
        check_name(self.path)
        self.wait_s = wait_s
        self.read_only = read_only
        self.on_wait = on_wait
        self._seen: tuple[int, ...] = ()
        self._changes = 0

    @property
    def changes(self) -> int:
        """A number that grows when another process, or another Store of this one, has written to the database."""
        if (state := file_state(self.path)) != self._seen:
            self._seen, self._changes = state, self._changes + 1
        return self._changes

    def _reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return reading(self.path, wait_s=self.wait_s, read_only=self.read_only, on_wait=self.on_wait)

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(query, list(values)).fetchall()

    def _later(self, table: str, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of `query`; none where the database is older than `table` and open for reading only."""
        with self._reading() as connection:
            return _later(connection, table, query, values)

    def noise_floors(self) -> list[NoiseFloor]:
        """Return all measured noise floors; a database from before they were kept has none."""
        query = f"SELECT {columns.NOISE} FROM noise_floor JOIN system USING (system_id) ORDER BY ALL"
        rows = self._later("noise_floor", query)
        return [columns.to_noise_floor(row) for row in rows]

    def query(self, sql: str) -> pd.DataFrame:
        """Return what one SELECT gives; raise HarnessError for a statement that does anything else."""
        with self._reading() as connection:
            return run_query(connection, sql)

    def calibration(self) -> tuple[dict[str, Any], datetime] | None:
        """Return the newest report of a calibration and when it was made, or None."""
        rows = self._later("calibration", "SELECT report, made_at FROM calibration ORDER BY rowid DESC LIMIT 1")
        return (json.loads(rows[0][0]), columns.aware(rows[0][1])) if rows else None

    def done(self, system_id: str, *, dtype: str, evaluation: str, device: str | None = None) -> frozenset[TaskKey]:
        """Return what needs no second measurement: the system's committed results under these conditions.

        Results of a killed run count. `device` None accepts any. A database that does not exist yet has none.
        """
        if not self.path.exists():
            return frozenset()
        query = (
            f"SELECT DISTINCT {columns.KEY} FROM result WHERE system_id = ? "
            "AND dtype = ? AND evaluation = ? AND (?::VARCHAR IS NULL OR device = ?)"
        )
        return frozenset(map(columns.to_key, self._rows(query, [system_id, dtype, evaluation, device, device])))

    def weights(self, system_id: str) -> frozenset[str]:
        """Return the hashes of the weights with which the results of a system that count were measured."""
        query = "SELECT DISTINCT provenance FROM result JOIN run USING (run_id) WHERE result.system_id = ? AND current"
        found = {columns.to_provenance(text).weights_sha256 for (text,) in self._rows(query, [system_id])}
        return frozenset(each for each in found if each)

    def systems(self) -> list[System]:
        """Return all systems in the order they were first added."""
        rows = self._rows(f"SELECT {columns.SYSTEM} FROM system ORDER BY added_at, system_id")
        return [columns.to_system(row) for row in rows]

    def stages(self, digests: Iterable[str] | None = None) -> dict[str, StageManifest]:
        """Return the stored stages by digest: those of `digests` that are there, in their order, or all."""
        rows = self._later("stage", f"SELECT {columns.STAGE} FROM stage ORDER BY added_at, digest")
        found = {stage.digest: stage for stage in map(columns.to_stage, rows)}
        return found if digests is None else {digest: found[digest] for digest in digests if digest in found}

    def overlaps(self, *, system_id: str | None = None) -> list[Overlap]:
        """Return what the stages of one system (or all stages) share with tasks, by task and stage."""
        query = f"SELECT {columns.OVERLAP} FROM overlap ORDER BY task, revision, stage, how, source, note"
        found = [columns.to_overlap(row) for row in self._later("overlap", query)]
        if system_id is None:
            return found
        made_by = {stage for each in self.systems() if each.system_id == system_id for stage in each.stage_digests}
        return [each for each in found if each.stage in made_by]

    def runs(self, *, system_id: str | None = None) -> list[Run]:
        """Return the runs (of one system, or all), oldest first."""
        query = f"SELECT {columns.RUN} FROM run WHERE ?::VARCHAR IS NULL OR system_id = ? ORDER BY started_at, run_id"
        rows = self._rows(query, [system_id, system_id])
        return [columns.to_run(row) for row in rows]

    def costs(self) -> dict[tuple[str, str], Cost]:
        """Return what each task of each run took, by the run's id and the task; older results have none."""
        found = self._later("cost", f"SELECT {columns.COST} FROM cost ORDER BY run_id, task")
        return {(run_id, task): cost for run_id, task, cost in map(columns.to_cost, found)}

    def scores(
        self,
        *,
        current: bool = True,
        run_id: str | None = None,
        diagnostics: bool = False,
        dtype: str | None = None,
        device: str | None = None,
    ) -> pd.DataFrame:
        """Return one row a result, by number, with the columns of the view `result` (migrations).

        And the `margin` of equivalence that the card of its task declares (`declared`); NaN where it declares none.

        `current` keeps the one of each system × task × split × subset that counts: the newest, in the dtype and on the
        device that the systems of its base share (migration 8), or in `dtype` and on `device` where it was measured so.
        Controls and diagnostics (outcomes.DIAGNOSTIC_TYPES) are among them only with `diagnostics`.
        """
        asked = "(?::VARCHAR IS NULL OR dtype = ?) AND (?::VARCHAR IS NULL OR device = ?)"
        order = f"PARTITION BY system_id, task, split, subset ORDER BY {asked} DESC, current DESC, result DESC"
        with self._reading() as connection:
            rows = connection.execute(
                f"WITH chosen AS (SELECT * REPLACE (result = first(result) OVER ({order}) AS current) FROM result) "
                "SELECT * FROM chosen WHERE (NOT ? OR current) AND (?::VARCHAR IS NULL OR run_id = ?) "
                "AND (? OR task_type NOT IN (SELECT unnest(?))) ORDER BY result",
                [
                    *(dtype, dtype, device, device, current and run_id is None),
                    *(run_id, run_id, diagnostics, sorted(DIAGNOSTIC_TYPES)),
                ],
            ).df()
            declared = _later(connection, "declared", "SELECT task, revision, margin FROM declared")
        margins = {(task, revision): margin for task, revision, margin in declared}
        rows["margin"] = [margins.get(task) for task in zip(rows["task"], rows["revision"], strict=True)]
        # DuckDB gives a float column where a seed is NULL
        return rows.astype({"seed": "Int64", "current": bool, "margin": float})

    def outcomes(self, *, results: Iterable[int]) -> pd.DataFrame:
        """Return `result` and the outcome columns of the results with these numbers, in the order they were stored."""
        numbers = sorted({int(number) for number in results}) or [-1]
        names = ["result", *OUTCOME_COLUMNS]
        # The range lets DuckDB skip row groups; the list picks exactly. rowid is the order of insertion.
        query = (
            f"SELECT {', '.join(names)} FROM outcome WHERE result BETWEEN ? AND ? AND list_contains(?, result) "
            "ORDER BY rowid"
        )
        with self._reading() as connection:
            table = connection.sql(query, params=[numbers[0], numbers[-1], numbers]).to_arrow_table()
            frame = pd.DataFrame({name: table.column(name).to_pandas() for name in names})
        return frame.astype({"result": np.int32, **OUTCOME_COLUMNS})

    def declared(self) -> dict[tuple[str, str], tuple[float | None, float | None]]:
        """Return the margin and the chance that the cards of tasks declare, by task and revision."""
        rows = self._later("declared", "SELECT task, revision, margin, chance FROM declared")
        return {(str(task), str(revision)): (margin, chance) for task, revision, margin, chance in rows}

    def reported(self, results: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Return what mteb reported beside the main score of those of `results` that have it."""
        wanted = {int(number) for number in results}
        rows = self._later("reported", "SELECT result, scores FROM reported")
        return {number: json.loads(scores) for number, scores in rows if number in wanted}

    def copy_to(self, target: Path) -> list[Path]:
        """Copy the database to `target` while nobody can write it; return the files, a log of its own among them.

        A writer that was killed leaves a log beside its database, which belongs to it until the next write.
        """
        with self._reading():
            made = [Path(shutil.copyfile(self.path, target))]
            log = self.path.with_name(f"{self.path.name}.wal")
            if log.is_file():
                made.append(Path(shutil.copyfile(log, target.with_name(f"{target.name}.wal"))))
        return made

    def example_texts(self, part: TaskPart) -> dict[str, str]:
        """Return what the examples of a task asked, by id, where it was stored; of revisions the newest."""
        query = "SELECT example_id, shown FROM example_text WHERE task = ? AND split = ? AND subset = ? ORDER BY rowid"
        return dict(self._later("example_text", query, part))

    def made_texts(self, results: Iterable[int]) -> dict[int, dict[str, str]]:
        """Return what cures made of the examples of each of `results`, by id, where there is something."""
        found: dict[int, dict[str, str]] = {}
        wanted = sorted(map(int, results))
        query = "SELECT result, example_id, made FROM made_text WHERE list_contains(?, result) ORDER BY rowid"
        for result, example, made in self._later("made_text", query, [wanted]):
            found.setdefault(result, {})[example] = made
        return found

    def text_counts(self) -> dict[TaskPart, int]:
        """Return how many examples of each task have a text."""
        query = "SELECT task, split, subset, count(*) FROM example_text GROUP BY ALL ORDER BY ALL"
        return {TaskPart(*part): count for *part, count in self._later("example_text", query)}

    def verify(self, progress: VerifyProgress | None = None) -> Iterator[Check]:
        """Recompute every stored score, superseded ones too, from its rows; yield a Check for each.

        Outcomes are read many results at a time, because opening the database takes longer than checking one.
        """
        rows = self.scores(current=False, diagnostics=True)
        done = 0
        for batch in batches(rows):
            for check in check_scores(batch.to_dict("records"), self.outcomes(results=batch["result"])):
                if progress is not None:
                    progress(done, len(rows), f"{check.variant}, {check.key.task}")
                done += 1
                yield check


def _later(connection: Any, table: str, query: str, values: Sequence[object] = ()) -> list[Any]:
    """The rows of `query`; none where the database is older than `table`."""
    try:
        connection.execute(f"SELECT 1 FROM main.{table} LIMIT 0")
    except duckdb.CatalogException:
        return []
    return list(connection.execute(query, list(values)).fetchall())
