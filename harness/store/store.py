"""`Store`: dataclasses in and out, and everything that is written; a connection lives no longer than a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import duckdb
import pandas as pd

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import OUTCOME_COLUMNS, NoiseFloor, TaskKey, TaskResult, check_outcomes
from harness.records import Cost, Overlap, Run, System, now, to_json
from harness.stage_record import StageManifest
from harness.store import columns
from harness.store.connection import file_state, writing
from harness.store.reader import StoreReader


class Store(StoreReader):
    """One results database, shared by any number of processes that take turns.

    Each method that writes is one short transaction, or a part of one (`together`). With `read_only` writing is
    refused; path, waiting and errors as in StoreReader.
    """

    _together: duckdb.DuckDBPyConnection | None = None

    def _writing(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if self._together is not None:
            return nullcontext(self._together)
        if self.read_only:
            raise HarnessError(f"{self.path} was opened for reading only")
        return self._alone()

    @contextmanager
    def _alone(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction of its own. What it writes is no change by another process."""
        with writing(self.path, wait_s=self.wait_s, on_wait=self.on_wait, threads=1) as connection:
            changes = self.changes
            yield connection
        self._seen, self._changes = file_state(self.path), changes

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write in one transaction what is written inside: the file is opened once. Nothing can be read meanwhile.

        Opening takes longer than writing a few rows. If anything is raised, nothing is written.
        """
        if self._together is not None:
            yield
            return
        with self._writing() as connection:
            self._together = connection
            try:
                yield
            finally:
                self._together = None

    def ready(self) -> None:
        """Make the database if it is not there and see that it can be written, before any work depends on it."""
        with self._writing():
            pass

    def add_system(self, system: System) -> str:
        """Store `system` unless it is there already, in which case only its folder is brought up to date."""
        values = [*columns.from_system(system), columns.naive(now())]
        with self._writing() as connection:
            connection.execute(
                f"INSERT INTO system ({columns.SYSTEM}, added_at) VALUES ({_marks(12)}) "
                "ON CONFLICT (system_id) DO UPDATE SET folder = coalesce(excluded.folder, folder)",
                values,
            )
        return system.system_id

    def add_stages(self, stages: Sequence[StageManifest]) -> None:
        """Store the manifests of `stages`; of a stage that is stored already the newest manifest stands."""
        if not stages:
            return
        with self._writing() as connection:
            for stage in stages:
                connection.execute(
                    f"INSERT INTO stage ({columns.STAGE}, added_at) VALUES ({_marks(4)}) "
                    "ON CONFLICT (digest) DO UPDATE SET manifest = excluded.manifest",
                    [*columns.from_stage(stage), columns.naive(now())],
                )

    def add_overlaps(self, overlaps: Sequence[Overlap]) -> None:
        """Store what stages and tasks share; what is stored already is counted once, with its newest figures."""
        if not overlaps:
            return
        with self._writing() as connection:
            for each in overlaps:
                connection.execute(
                    f"INSERT INTO overlap ({columns.OVERLAP}, added_at) VALUES ({_marks(9)}) "
                    "ON CONFLICT (stage, task, revision, how, source, note) "
                    "DO UPDATE SET n_texts = excluded.n_texts, n_shared = excluded.n_shared",
                    [*columns.from_overlap(each), columns.naive(now())],
                )

    def add_run(self, run: Run) -> str:
        """Store a new run of a stored system and return its id."""
        values = columns.from_run(run)
        with self._writing() as connection:
            if not _exists(connection, "system", "system_id", run.system_id):
                raise HarnessError(f"the database has no system {run.system_id}; add it before its run")
            if _exists(connection, "run", "run_id", run.run_id):
                raise HarnessError(f"the database already has a run {run.run_id}; give the new run another id")
            connection.execute(f"INSERT INTO run ({columns.RUN}) VALUES ({_marks(10)})", values)
        return run.run_id

    def finish_run(self, run_id: str) -> None:
        """Note that all tasks of the run are done."""
        with self._writing() as connection:
            if not _exists(connection, "run", "run_id", run_id):
                raise HarnessError(f"the database has no run {run_id}")
            connection.execute("UPDATE run SET finished_at = ? WHERE run_id = ?", [columns.naive(now()), run_id])

    def add_result(self, run_id: str, result: TaskResult, *, again: bool = True) -> int:
        """Store score and outcomes together, or neither; return the number of the result.

        With `again` False nothing is stored where the system has a result for the same task under the same conditions
        (evaluation, dtype, device): several processes that measure the same at once leave one. Then its number is
        returned.

        Raises HarnessError if the score is not the aggregate of the outcomes (to 1e-6) or not finite, if the
        run is unknown, or if it has a result for this task, split and subset already.
        """
        rows = _checked(result)
        with self._writing() as connection:
            if not _exists(connection, "run", "run_id", run_id):
                raise HarnessError(f"the database has no run {run_id}; add it before its results")
            if _in_run(connection, run_id, result.key):
                raise HarnessError(f"run {run_id} already has a result for {result.key.task}; measure it in a new run")
            if not again and (there := _measured(connection, run_id, result.key)):
                return there[-1]
            return _insert(connection, run_id, result, rows)

    def add_task(
        self,
        run_id: str,
        task: str,
        results: Sequence[TaskResult],
        *,
        cost: Cost | None = None,
        overlaps: Sequence[Overlap] = (),
        again: bool = True,
    ) -> None:
        """Store all that measuring `task` gave in a run, or nothing of it: results, cost and overlaps.

        Results that the run holds already stay as they are, so the same call twice changes nothing. `again` and errors
        as in `add_result`.
        """
        checked = [(result, _checked(result)) for result in results]  # before the file is taken
        with self.together():
            self.add_overlaps(overlaps)
            if cost is not None:
                self.add_cost(run_id, task, cost)
            with self._writing() as connection:
                if not _exists(connection, "run", "run_id", run_id):
                    raise HarnessError(f"the database has no run {run_id}; add it before its results")
                for result, rows in checked:
                    stored = _in_run(connection, run_id, result.key)
                    if not stored and (again or not _measured(connection, run_id, result.key)):
                        _insert(connection, run_id, result, rows)

    def add_cost(self, run_id: str, task: str, cost: Cost) -> None:
        """Store what it took to measure `task` in a run, once."""
        with self._writing() as connection:
            connection.execute(
                f"INSERT OR IGNORE INTO cost ({columns.COST}) VALUES ({_marks(7)})",
                columns.from_cost(run_id, task, cost),
            )

    def add_declared(self, task: str, revision: str, *, margin: float | None, chance: float | None) -> None:
        """Store what the card of a task declares of a revision, where it declares something."""
        if margin is None and chance is None:
            return
        with self._writing() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO declared VALUES ({_marks(4)})", [task, revision, margin, chance]
            )

    def add_noise_floors(self, floors: Iterable[NoiseFloor]) -> None:
        """Store how far scores move by themselves; a new measurement of the same system and task replaces the old."""
        with self._writing() as connection:
            for noise in floors:
                if not _exists(connection, "system", "system_id", noise.system_id):
                    raise HarnessError(
                        f"the database has no system {noise.system_id}; run it before you measure its noise floor"
                    )
                key = noise.key
                connection.execute(
                    f"INSERT OR REPLACE INTO noise_floor VALUES ({_marks(11)})",
                    [
                        *(noise.system_id, key.task, key.split, key.subset, key.revision, key.metric),
                        *(noise.dtype, noise.device, to_json(dict(noise.scores)), noise.floor),
                        columns.naive(now()),
                    ],
                )

    def add_calibration(self, report: Mapping[str, Any]) -> None:
        """Store a report of `harness calibrate` (CalibrationReport.to_json)."""
        with self._writing() as connection:
            connection.execute("INSERT INTO calibration VALUES (?, ?)", [to_json(report), columns.naive(now())])


def _checked(result: TaskResult) -> pd.DataFrame:
    """The outcomes of `result`. Raises HarnessError if they are not whole, or if they do not give its score."""
    rows = check_outcomes(result.outcomes)
    recomputed = score_outcomes(result.key.metric, rows)
    if not abs(recomputed - result.score) <= TOLERANCE:  # so written that NaN is refused too
        raise HarnessError(
            f"{result.key.task}: its score {result.score:.7g} differs from the {result.key.metric} of its outcomes, "
            f"{recomputed:.7g}; nothing was stored"
        )
    return rows


def _insert(connection: duckdb.DuckDBPyConnection, run_id: str, result: TaskResult, rows: pd.DataFrame) -> int:
    """Insert a checked result and return its number."""
    key = result.key
    [(number,)] = connection.execute("SELECT nextval('result_number')::INTEGER").fetchall()
    connection.execute(
        f"INSERT INTO score VALUES ({_marks(13)})",
        [
            *(number, run_id, key.task, key.split, key.subset, key.revision, key.metric, result.task_type),
            *(float(result.score), rows["example_id"].nunique(), rows["trial"].nunique()),
            *(float(result.seconds), columns.naive(now())),
        ],
    )
    connection.register("fresh_outcomes", rows)
    names = ", ".join(OUTCOME_COLUMNS)
    connection.execute(f"INSERT INTO outcome (result, {names}) SELECT ?, {names} FROM fresh_outcomes", [number])
    connection.unregister("fresh_outcomes")
    if result.shown is not None:
        _add_texts(connection, key, result.shown)
    if result.made:
        made = pd.DataFrame({"example_id": list(result.made), "made": list(result.made.values())}, dtype="string")
        connection.register("fresh_texts", made)
        connection.execute("INSERT INTO made_text SELECT ?, example_id, made FROM fresh_texts", [number])
        connection.unregister("fresh_texts")
    if result.reported is not None:
        connection.execute("INSERT INTO reported VALUES (?, ?)", [number, to_json(result.reported)])
    return int(number)


def _add_texts(connection: duckdb.DuckDBPyConnection, key: TaskKey, shown: Mapping[str, str]) -> None:
    """Add the texts of examples that have none yet; where none may be shown, take away those of before."""
    place = [key.task, key.split, key.subset, key.revision]
    if not shown:
        connection.execute("DELETE FROM example_text WHERE task = ?", [key.task])
        return
    fresh = pd.DataFrame({"example_id": list(shown), "shown": list(shown.values())}, dtype="string")
    connection.register("fresh_texts", fresh)
    connection.execute(
        "INSERT INTO example_text SELECT ?, ?, ?, ?, example_id, shown FROM fresh_texts WHERE example_id NOT IN "
        "(SELECT example_id FROM example_text WHERE task = ? AND split = ? AND subset = ? AND revision = ?)",
        [*place, *place],
    )
    connection.unregister("fresh_texts")


def _in_run(connection: duckdb.DuckDBPyConnection, run_id: str, key: TaskKey) -> bool:
    """Whether the run has a result for the task, split and subset of `key`."""
    rows = connection.execute(
        "SELECT 1 FROM score WHERE run_id = ? AND task = ? AND split = ? AND subset = ?", [run_id, *key.part]
    ).fetchall()
    return bool(rows)


def _measured(connection: duckdb.DuckDBPyConnection, run_id: str, key: TaskKey) -> list[int]:
    """The numbers of the results that the system of the run has for `key` under the conditions of the run."""
    rows = connection.execute(
        "SELECT s.result FROM score s JOIN run r USING (run_id) JOIN run m ON m.run_id = ? "
        "AND (r.system_id, r.evaluation, r.dtype, r.device) = (m.system_id, m.evaluation, m.dtype, m.device) "
        "WHERE (s.task, s.split, s.subset, s.revision, s.metric) = (?, ?, ?, ?, ?) ORDER BY s.result",
        [run_id, key.task, key.split, key.subset, key.revision, key.metric],
    ).fetchall()
    return [int(number) for (number,) in rows]


def _exists(connection: duckdb.DuckDBPyConnection, table: str, column: str, value: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", [value]).fetchall())


def _marks(n: int) -> str:
    return ", ".join("?" * n)
