"""`Store`: dataclasses in, dataclasses and DataFrames out; a connection lives no longer than a call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from harness.errors import HarnessError
from harness.metrics import TOLERANCE, score_outcomes
from harness.outcomes import BESIDE_TYPES, OUTCOME_COLUMNS, NoiseFloor, TaskKey, TaskResult, check_outcomes
from harness.records import Overlap, Run, StageRecord, System, now, to_json
from harness.store.connection import OnWait, reading, writing
from harness.store.query import run_query
from harness.store.verify import Check, check_score

_SYSTEM = "system_id, base, base_revision, variant, seed, kind, card_hash, recipe, lineage, data, folder"
_OVERLAP = "stage, source, task, revision, how, n_texts, n_shared, note"
_RUN = "run_id, system_id, suite, dtype, device, evaluation, provenance, mask_proof, started_at, finished_at"


class Store:
    """One results database, shared by any number of processes that take turns.

    Each method opens the file, does one short transaction and closes it. A method that finds the file taken
    waits up to `wait_s` seconds, calling `on_wait` once with a sentence, and then raises StoreBusyError.
    Reading never creates the file; with `read_only` writing is refused.
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
        self.wait_s = wait_s
        self.read_only = read_only
        self.on_wait = on_wait

    def _reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return reading(self.path, wait_s=self.wait_s, read_only=self.read_only, on_wait=self.on_wait)

    def _writing(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if self.read_only:
            raise HarnessError(f"{self.path} was opened for reading only")
        return writing(self.path, wait_s=self.wait_s, on_wait=self.on_wait)

    # ---- writing

    def ready(self) -> None:
        """Make the database if it is not there and see that it can be written, before any work depends on it."""
        with self._writing():
            pass

    def add_system(self, system: System) -> str:
        """Store `system` unless it is there already, in which case only its folder is brought up to date."""
        values = [
            *(system.system_id, system.base, system.base_revision, system.variant, system.seed, system.kind),
            *(system.card_hash, to_json(system.recipe), to_json(system.lineage), to_json(system.data)),
            *(system.folder, _naive(now())),
        ]
        with self._writing() as connection:
            connection.execute(
                f"INSERT INTO system ({_SYSTEM}, added_at) VALUES ({_marks(12)}) "
                "ON CONFLICT (system_id) DO UPDATE SET folder = coalesce(excluded.folder, folder)",
                values,
            )
        return system.system_id

    def add_stages(self, stages: Sequence[StageRecord]) -> None:
        """Store the manifests of `stages`; of a stage that is stored already the newest manifest stands."""
        if not stages:
            return
        with self._writing() as connection:
            for stage in stages:
                connection.execute(
                    "INSERT INTO stage (digest, kind, manifest, added_at) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (digest) DO UPDATE SET manifest = excluded.manifest",
                    [stage.digest, stage.kind, to_json(stage.manifest), _naive(now())],
                )

    def add_overlaps(self, overlaps: Sequence[Overlap]) -> None:
        """Store what stages and tasks share; what is stored already is counted once, with its newest figures."""
        if not overlaps:
            return
        with self._writing() as connection:
            for each in overlaps:
                connection.execute(
                    f"INSERT INTO overlap ({_OVERLAP}, added_at) VALUES ({_marks(9)}) "
                    "ON CONFLICT (stage, task, revision, how, source, note) "
                    "DO UPDATE SET n_texts = excluded.n_texts, n_shared = excluded.n_shared",
                    [
                        *(each.stage, each.source, each.task, each.revision, each.how),
                        *(each.n_texts, each.n_shared, each.note, _naive(now())),
                    ],
                )

    def add_run(self, run: Run) -> str:
        """Store a new run of a stored system and return its id."""
        proof = None if run.mask_proof is None else to_json(run.mask_proof)
        finished = None if run.finished_at is None else _naive(run.finished_at)
        with self._writing() as connection:
            if not _exists(connection, "system", "system_id", run.system_id):
                raise HarnessError(f"the store holds no system {run.system_id}; add it before its run")
            if _exists(connection, "run", "run_id", run.run_id):
                raise HarnessError(f"the store holds a run {run.run_id} already; a rerun needs a new id")
            connection.execute(
                f"INSERT INTO run ({_RUN}) VALUES ({_marks(10)})",
                [
                    *(run.run_id, run.system_id, run.suite, run.dtype, run.device, run.evaluation),
                    *(to_json(run.provenance), proof, _naive(run.started_at), finished),
                ],
            )
        return run.run_id

    def finish_run(self, run_id: str) -> None:
        """Note that all tasks of the run are done."""
        with self._writing() as connection:
            if not _exists(connection, "run", "run_id", run_id):
                raise HarnessError(f"the store holds no run {run_id}")
            connection.execute("UPDATE run SET finished_at = ? WHERE run_id = ?", [_naive(now()), run_id])

    def add_result(self, run_id: str, result: TaskResult) -> int:
        """Store score and outcomes together, or neither; return the number of the result.

        Raises HarnessError if the score is not the aggregate of the outcomes (to 1e-6) or not finite, if the
        run is unknown, or if it has a result for this task, split and subset already.
        """
        key, rows = result.key, check_outcomes(result.outcomes)
        recomputed = score_outcomes(key.metric, rows)
        if not abs(recomputed - result.score) <= TOLERANCE:  # so written that NaN is refused too
            raise HarnessError(
                f"{key.task}: its score {result.score:.7g} is not the {key.metric} of its outcomes, "
                f"{recomputed:.7g}; nothing was stored"
            )
        with self._writing() as connection:
            if not _exists(connection, "run", "run_id", run_id):
                raise HarnessError(f"the store holds no run {run_id}; add it before its results")
            taken = connection.execute(
                "SELECT 1 FROM score WHERE run_id = ? AND task = ? AND split = ? AND subset = ?",
                [run_id, key.task, key.split, key.subset],
            ).fetchall()
            if taken:
                raise HarnessError(f"run {run_id} holds a result for {key.task} already; a rerun needs a new run")
            [(number,)] = connection.execute("SELECT nextval('result_number')::INTEGER").fetchall()
            connection.execute(
                f"INSERT INTO score VALUES ({_marks(13)})",
                [
                    *(
                        number,
                        run_id,
                        key.task,
                        key.split,
                        key.subset,
                        key.revision,
                        key.metric,
                        result.task_type,
                    ),
                    *(float(result.score), rows["example_id"].nunique(), rows["trial"].nunique()),
                    *(float(result.seconds), _naive(now())),
                ],
            )
            connection.register("fresh_outcomes", rows)
            columns = ", ".join(OUTCOME_COLUMNS)
            connection.execute(
                f"INSERT INTO outcome (result, {columns}) SELECT ?, {columns} FROM fresh_outcomes", [number]
            )
            connection.unregister("fresh_outcomes")
            if result.shown:
                _add_texts(connection, key, result.shown)
            if result.reported is not None:
                connection.execute("INSERT INTO reported VALUES (?, ?)", [number, to_json(result.reported)])
        return int(number)

    def add_noise_floors(self, floors: Iterable[NoiseFloor]) -> None:
        """Store how far scores move by themselves; a new measurement of the same system and task replaces the old."""
        with self._writing() as connection:
            for noise in floors:
                if not _exists(connection, "system", "system_id", noise.system_id):
                    raise HarnessError(f"the store holds no system {noise.system_id}; run it before its noise")
                key = noise.key
                connection.execute(
                    f"INSERT OR REPLACE INTO noise_floor VALUES ({_marks(11)})",
                    [
                        *(noise.system_id, key.task, key.split, key.subset, key.revision, key.metric),
                        *(noise.dtype, noise.device, to_json(dict(noise.scores)), noise.floor),
                        _naive(now()),
                    ],
                )

    def add_calibration(self, report: Mapping[str, Any]) -> None:
        """Store a report of `harness calibrate` (harness.stats.Report.to_json)."""
        with self._writing() as connection:
            connection.execute("INSERT INTO calibration VALUES (?, ?)", [to_json(report), _naive(now())])

    # ---- reading

    def noise_floors(self) -> list[NoiseFloor]:
        """Return all measured noise floors; a database from before they were kept has none."""
        with self._reading() as connection:
            rows = _later(
                connection,
                "noise_floor",
                "SELECT system_id, base_revision, task, split, subset, revision, metric, dtype, device, scores "
                "FROM noise_floor JOIN system USING (system_id) ORDER BY ALL",
            )
        return [
            NoiseFloor(
                system_id=system, base_revision=base, key=TaskKey(
                    task=task, split=split, subset=subset, revision=revision, metric=metric
                ), dtype=dtype, device=device, scores=json.loads(scores),
            )
            for system, base, task, split, subset, revision, metric, dtype, device, scores in rows
        ]  # fmt: skip

    def query(self, sql: str) -> pd.DataFrame:
        """Return what one SELECT gives; raise HarnessError for a statement that does anything else."""
        with self._reading() as connection:
            return run_query(connection, sql)

    def calibration(self) -> tuple[dict[str, Any], datetime] | None:
        """Return the newest report of a calibration and when it was made, or None."""
        with self._reading() as connection:
            query = "SELECT report, made_at FROM calibration ORDER BY rowid DESC LIMIT 1"
            rows = _later(connection, "calibration", query)
        return (json.loads(rows[0][0]), rows[0][1].replace(tzinfo=UTC)) if rows else None

    def done(self, system_id: str, *, dtype: str, evaluation: str, device: str | None = None) -> frozenset[TaskKey]:
        """Return what needs no second measurement: the system's committed results under these conditions.

        Results of a killed run count. `device` None accepts any. A database that does not exist yet has none.
        """
        if not self.path.exists():
            return frozenset()
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT task, split, subset, revision, metric FROM result WHERE system_id = ? "
                "AND dtype = ? AND evaluation = ? AND (?::VARCHAR IS NULL OR device = ?)",
                [system_id, dtype, evaluation, device, device],
            ).fetchall()
        names = ("task", "split", "subset", "revision", "metric")
        return frozenset(TaskKey(**dict(zip(names, row, strict=True))) for row in rows)

    def systems(self) -> list[System]:
        """Return all systems in the order they were first added."""
        with self._reading() as connection:
            rows = connection.execute(f"SELECT {_SYSTEM} FROM system ORDER BY added_at, system_id").fetchall()
        return [
            System(
                base=base, base_revision=revision, variant=variant, seed=seed, kind=kind, card_hash=card_hash,
                recipe=json.loads(recipe), lineage=json.loads(lineage), data=json.loads(data), folder=folder,
            )
            for _, base, revision, variant, seed, kind, card_hash, recipe, lineage, data, folder in rows
        ]  # fmt: skip

    def stages(self, digests: Iterable[str] | None = None) -> dict[str, StageRecord]:
        """Return the stored stages by digest: those of `digests` that are there, in their order, or all."""
        with self._reading() as connection:
            rows = _later(connection, "stage", "SELECT digest, kind, manifest FROM stage ORDER BY added_at, digest")
        found = {row[0]: StageRecord(digest=row[0], kind=row[1], manifest=json.loads(row[2])) for row in rows}
        return found if digests is None else {digest: found[digest] for digest in digests if digest in found}

    def overlaps(self, *, system_id: str | None = None) -> list[Overlap]:
        """Return what the stages of one system (or all stages) share with tasks, by task and stage."""
        with self._reading() as connection:
            rows = _later(
                connection,
                "overlap",
                f"SELECT {_OVERLAP} FROM overlap ORDER BY task, revision, stage, how, source, note",
            )
        names = [name.strip() for name in _OVERLAP.split(",")]
        found = [Overlap(**dict(zip(names, row, strict=True))) for row in rows]
        if system_id is None:
            return found
        made_by = {stage for each in self.systems() if each.system_id == system_id for stage in each.stage_digests}
        return [each for each in found if each.stage in made_by]

    def runs(self, *, system_id: str | None = None) -> list[Run]:
        """Return the runs (of one system, or all), oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {_RUN} FROM run WHERE ?::VARCHAR IS NULL OR system_id = ? ORDER BY started_at, run_id",
                [system_id, system_id],
            ).fetchall()
        return [_run(row) for row in rows]

    def scores(self, *, current: bool = True, run_id: str | None = None, beside: bool = False) -> pd.DataFrame:
        """Return one row a result, by number, with the columns of the view `result` (migrations).

        `current` keeps the newest of each system × task × split × subset: a rerun replaces what it repeats. Controls
        and diagnostics (outcomes.BESIDE_TYPES) are among them only with `beside`.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT * FROM result WHERE (NOT ? OR current) AND (?::VARCHAR IS NULL OR run_id = ?) "
                "AND (? OR task_type NOT IN (SELECT unnest(?))) ORDER BY result",
                [current and run_id is None, run_id, run_id, beside, sorted(BESIDE_TYPES)],
            ).df()
        # DuckDB gives a float column where a seed is NULL
        return rows.astype({"seed": "Int64", "current": bool})

    def outcomes(
        self, *, results: Iterable[int] | None = None, run_id: str | None = None, task: str | None = None
    ) -> pd.DataFrame:
        """Return `result` and the outcome columns of the chosen results, in the order they were stored.

        Without `results`, those of the run, or the current ones of every system; `task` narrows either.
        """
        if results is None:
            scores = self.scores(run_id=run_id, beside=run_id is not None)
            results = scores["result"][scores["task"].eq(task) if task is not None else slice(None)]
        numbers = sorted({int(number) for number in results})
        with self._reading() as connection:
            return _outcomes(connection, numbers)

    def reported(self, results: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Return what mteb reported beside the main score of those of `results` that have it."""
        wanted = {int(number) for number in results}
        with self._reading() as connection:
            rows = _later(connection, "reported", "SELECT result, scores FROM reported")
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

    def example_texts(self, *, task: str, split: str, subset: str) -> dict[str, str]:
        """Return what the examples of a task asked, by id, where it was stored; of revisions the newest."""
        with self._reading() as connection:
            query = (
                "SELECT example_id, shown FROM example_text WHERE task = ? AND split = ? AND subset = ? ORDER BY rowid"
            )
            return dict(_later(connection, "example_text", query, [task, split, subset]))

    def text_counts(self) -> list[tuple[str, str, str, int]]:
        """Return task, split, subset and how many of its examples have a text."""
        with self._reading() as connection:
            query = "SELECT task, split, subset, count(*) FROM example_text GROUP BY ALL ORDER BY ALL"
            return [tuple(row) for row in _later(connection, "example_text", query)]

    def verify(self) -> Iterator[Check]:
        """Recompute every stored score, superseded ones too, from its rows; yield a Check for each."""
        for row in self.scores(current=False, beside=True).to_dict("records"):
            yield check_score(row, self.outcomes(results=[row["result"]]).drop(columns="result"))


def _outcomes(connection: duckdb.DuckDBPyConnection, numbers: list[int]) -> pd.DataFrame:
    columns = ["result", *OUTCOME_COLUMNS]
    low, high = (numbers[0], numbers[-1]) if numbers else (0, -1)
    # The range lets DuckDB skip row groups; the list picks exactly. rowid is the order of insertion.
    table = connection.sql(
        f"SELECT {', '.join(columns)} FROM outcome WHERE result BETWEEN ? AND ? AND list_contains(?, result) "
        "ORDER BY rowid",
        params=[low, high, numbers or [-1]],
    ).to_arrow_table()
    frame = pd.DataFrame({name: table.column(name).to_pandas() for name in columns})
    return frame.astype({"result": np.int32, **OUTCOME_COLUMNS})


def _run(row: tuple[Any, ...]) -> Run:
    run_id, system_id, suite, dtype, device, evaluation, provenance, proof, started, finished = row
    return Run(
        run_id=run_id, system_id=system_id, suite=suite, dtype=dtype, device=device, evaluation=evaluation,
        provenance=json.loads(provenance), mask_proof=None if proof is None else json.loads(proof),
        started_at=started.replace(tzinfo=UTC), finished_at=finished and finished.replace(tzinfo=UTC),
    )  # fmt: skip


def _add_texts(connection: duckdb.DuckDBPyConnection, key: TaskKey, shown: Mapping[str, str]) -> None:
    """Add the texts of examples that have none yet."""
    place = [key.task, key.split, key.subset, key.revision]
    fresh = pd.DataFrame({"example_id": list(shown), "shown": list(shown.values())}, dtype="string")
    connection.register("fresh_texts", fresh)
    connection.execute(
        "INSERT INTO example_text SELECT ?, ?, ?, ?, example_id, shown FROM fresh_texts WHERE example_id NOT IN "
        "(SELECT example_id FROM example_text WHERE task = ? AND split = ? AND subset = ? AND revision = ?)",
        [*place, *place],
    )
    connection.unregister("fresh_texts")


def _later(connection: duckdb.DuckDBPyConnection, table: str, query: str, values: Sequence[object] = ()) -> list[Any]:
    """Return the rows of `query`; none where the database is older than `table` and open for reading only."""
    try:
        connection.execute(f"SELECT 1 FROM main.{table} LIMIT 0")
    except duckdb.CatalogException:
        return []
    return connection.execute(query, list(values)).fetchall()


def _exists(connection: duckdb.DuckDBPyConnection, table: str, column: str, value: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", [value]).fetchall())


def _marks(n: int) -> str:
    return ", ".join("?" * n)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
