"""Databases that were filled apart, in one: every result once, or a refusal that names what clashes."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harness.errors import HarnessError
from harness.outcomes import OUTCOME_COLUMNS
from harness.store.connection import OnWait, publish, reading, writing

_LEFT_S = 3600.0
_ROWS = 500_000  # of outcomes, moved at a time
# What a result is: two of one identity are the same measurement. What it measures is its cell.
_CELL = "r.system_id, r.evaluation, r.dtype, r.device, s.task, s.split, s.subset, s.revision, s.metric"
_RESULTS = f"""
    SELECT s.result, (s.run_id, s.task, s.split, s.subset), ({_CELL}), s.score, o.rows, o.digest,
           y.variant || CASE WHEN y.seed IS NULL THEN '' ELSE ' (seed ' || y.seed || ')' END,
           json_extract_string(r.provenance, '$.weights_sha256')
    FROM score s JOIN run r USING (run_id) JOIN system y USING (system_id) LEFT JOIN (
        SELECT result, count(*) AS rows, sum(hash({", ".join(OUTCOME_COLUMNS)})::HUGEINT) AS digest
        FROM outcome GROUP BY result
    ) o USING (result) ORDER BY s.result
"""
# Tables whose rows are not of one result, and the key of a row. Of two unlike rows with one key that of the target
# stands, or the newer one.
_SHARED = {
    "system": ("system_id",),
    "run": ("run_id",),
    "cost": ("run_id", "task"),
    "stage": ("digest",),
    "overlap": ("stage", "task", "revision", "how", "source", "note"),
    "noise_floor": ("system_id", "task", "split", "subset", "revision", "metric", "dtype", "device"),
    "declared": ("task", "revision"),
    "calibration": ("report", "made_at"),
    "example_text": ("task", "split", "subset", "revision", "example_id"),
}
_NEWER = {"overlap": "added_at", "noise_floor": "measured_at"}
_OF_RESULT = ("score", "reported", "made_text")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What came from one database: how many results it gave, and how many were there already.

    `retrained` are stages that it holds with other weights than the target. Each system was measured with weights of
    one training, but two systems that share such a stage may stand on two trainings of it.
    """

    source: Path
    added: int
    there: int
    retrained: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Result:
    number: int
    identity: tuple[object, ...]
    cell: tuple[object, ...]
    score: float
    rows: int | None
    digest: int | None
    system: str
    weights: str | None

    @property
    def content(self) -> tuple[object, ...]:
        return (self.score, self.rows, self.digest)

    @property
    def name(self) -> str:
        task, split, subset = (str(each) for each in self.cell[4:7])
        return f"{self.system} · {task}" + ("" if subset == "default" else f" ({split}, {subset})")


def merge(
    sources: Sequence[Path], target: Path, *, wait_s: float = 60.0, on_wait: OnWait | None = None
) -> list[Merged]:
    """Add to the database `target` what those of `sources` hold and it lacks, in one transaction, and say how much.

    Results keep their runs, provenance, stages and overlaps; a result that is there already is not added again.
    `target` is made if it is not there.

    Raises HarnessError, and leaves `target` as it was, for a source that is missing or of a newer schema, and where two
    databases hold unlike outcomes of one system and task under the same conditions, or results of one system that were
    measured with unlike weights.
    """
    for source in sources:
        if not source.exists():
            raise HarnessError(f"there is no database at {source}; name those that `harness run --shard` wrote")
        if target.exists() and source.samefile(target):
            raise HarnessError(f"{source} is the target of --into itself; name the others alone")
    with _whole(target) as place, writing(place, wait_s=wait_s, on_wait=on_wait) as into:
        return [_add(source, into, target, wait_s=wait_s, on_wait=on_wait) for source in sources]


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """`target` where it is there, else a new database that takes its place at the end, or is removed.

    What a killed merge left is removed an hour later: until then it may be that of another machine.
    """
    if os.path.lexists(target):
        yield target
        return
    fresh = target.with_name(f".{target.name}.{os.getpid()}.merging")
    for left in target.parent.glob(f".{glob.escape(target.name)}.*.merging*"):
        with suppress(OSError):
            if left == fresh or time.time() - left.stat().st_mtime > _LEFT_S:
                left.unlink()
    try:
        yield fresh
        if not publish(fresh, target):
            raise HarnessError(f"{target} was made by another process meanwhile; give the same command again")
    finally:
        fresh.unlink(missing_ok=True)


def _add(
    source: Path, into: duckdb.DuckDBPyConnection, target: Path, *, wait_s: float, on_wait: OnWait | None
) -> Merged:
    with reading(source, wait_s=wait_s, read_only=True, on_wait=on_wait) as origin:
        here, theirs = _results(into), _results(origin)
        fresh = _fresh(here, theirs, target, source)
        _same_weights(here, fresh, target, source)
        tables = {name for (name,) in origin.execute("SELECT table_name FROM system.main.duckdb_tables()").fetchall()}
        retrained = _retrained(origin, into) if "stage" in tables else ()
        for table in (name for name in _SHARED if name in tables):
            _add_rows(table, origin, into)
        drawn = into.execute("SELECT nextval('result_number')::INTEGER FROM range(?)", [len(fresh)]).fetchall()
        numbers = dict(zip([each.number for each in fresh], sorted(number for (number,) in drawn), strict=True))
        for table in (name for name in _OF_RESULT if name in tables):
            _add_numbered(table, origin, into, numbers)
        for part in _in_parts(fresh):
            _add_numbered("outcome", origin, into, {number: numbers[number] for number in part})
    return Merged(source=source, added=len(fresh), there=len(theirs) - len(fresh), retrained=retrained)


def _results(connection: duckdb.DuckDBPyConnection) -> list[_Result]:
    return [
        _Result(number, tuple(identity), tuple(cell), *rest)
        for number, identity, cell, *rest in connection.execute(_RESULTS).fetchall()
    ]


def _fresh(here: Sequence[_Result], theirs: Sequence[_Result], target: Path, source: Path) -> list[_Result]:
    """The results of the source that the target lacks. Raises HarnessError where the two contradict each other."""
    known = {each.identity: each for each in here}
    by_cell: dict[tuple[object, ...], tuple[list[_Result], list[_Result]]] = {}
    for side, results in enumerate((here, theirs)):
        for each in results:
            by_cell.setdefault(each.cell, ([], []))[side].append(each)
    fresh: list[_Result] = []
    for ours, others in by_cell.values():
        for each in others:
            if (same := known.get(each.identity)) is not None and same.content != each.content:
                raise _clash(same, each, target, source)
        new = [each for each in others if each.identity not in known]
        shared = len(others) - len(new)
        if not new or shared == len(ours):  # all of it is known, or the source went on where the target stands
            fresh += new
        elif ours[-1].content != others[-1].content:
            raise _clash(ours[-1], others[-1], target, source)
    return sorted(fresh, key=lambda each: each.number)


def _clash(ours: _Result, theirs: _Result, target: Path, source: Path) -> HarnessError:
    return HarnessError(
        f"{theirs.name}: its outcomes in {source} differ from those that {target} has or was to get from another "
        f"database (score {theirs.score:.6f} and {ours.score:.6f}), and both were measured under the same conditions; "
        "leave one of the databases out. Nothing was merged"
    )


def _same_weights(here: Sequence[_Result], fresh: Sequence[_Result], target: Path, source: Path) -> None:
    """Raise HarnessError if what counts of a system would have been measured with several weights."""
    touched = {each.cell[0] for each in fresh}
    newest = {each.cell: each for each in (*here, *fresh) if each.cell[0] in touched}
    found: dict[object, str] = {}
    for each in newest.values():
        if each.weights is not None and found.setdefault(each.cell[0], each.weights) != each.weights:
            raise HarnessError(
                f"{each.system} was trained twice, with unlike results: its tasks in {source} were measured with other "
                f"weights than those in {target} or another database; give all shards one cache (HARNESS_CACHE), or "
                "train before with `harness train`. Nothing was merged"
            )


def _retrained(origin: duckdb.DuckDBPyConnection, into: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The stages that both have, with unlike weights: kind and address."""
    asked = "SELECT digest, kind, json_extract_string(manifest, '$.weights_sha256') FROM main.stage ORDER BY digest"
    here = {digest: weights for digest, _, weights in into.execute(asked).fetchall()}
    return tuple(
        f"{kind} {digest[:12]}"
        for digest, kind, weights in origin.execute(asked).fetchall()
        if weights and here.get(digest) and here[digest] != weights
    )


def _add_rows(table: str, origin: duckdb.DuckDBPyConnection, into: duckdb.DuckDBPyConnection) -> None:
    """Add the rows of a table that is not of single results."""
    newer = _NEWER.get(table)
    match = " AND ".join(f"t.{column} = theirs.{column}" for column in _SHARED[table])
    with _registered(into, origin.sql(f"SELECT * FROM main.{table} ORDER BY rowid").to_arrow_table()):
        if table == "run":  # one that was copied while it was under way, and has ended since
            into.execute(
                "UPDATE run t SET finished_at = theirs.finished_at FROM theirs "
                f"WHERE {match} AND t.finished_at IS NULL AND theirs.finished_at IS NOT NULL"
            )
        known = f"SELECT 1 FROM {table} t WHERE {match}" + (f" AND t.{newer} >= theirs.{newer}" if newer else "")
        replacing = "OR REPLACE " if newer else ""
        into.execute(f"INSERT {replacing}INTO {table} BY NAME SELECT * FROM theirs WHERE NOT EXISTS ({known})")


def _add_numbered(
    table: str, origin: duckdb.DuckDBPyConnection, into: duckdb.DuckDBPyConnection, numbers: dict[int, int]
) -> None:
    """Add the rows that `table` has of the results in `numbers`, under their new numbers."""
    if not numbers:
        return
    old = sorted(numbers)
    rows = origin.sql(
        f"SELECT * FROM main.{table} WHERE result BETWEEN ? AND ? AND list_contains(?, result) ORDER BY rowid",
        params=[old[0], old[-1], old],
    ).to_arrow_table()
    new = [numbers[number] for number in rows.column("result").to_pylist()]
    place = rows.schema.get_field_index("result")
    with _registered(into, rows.set_column(place, "result", [new])):
        into.execute(f"INSERT INTO {table} BY NAME SELECT * FROM theirs")


def _in_parts(results: Sequence[_Result]) -> Iterator[list[int]]:
    """Their numbers, some results at a time: all outcomes of a large study do not fit into memory."""
    part: list[int] = []
    held = 0
    for each in results:
        if part and held + (each.rows or 0) > _ROWS:
            yield part
            part, held = [], 0
        part.append(each.number)
        held += each.rows or 0
    yield part


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, rows: Any) -> Iterator[None]:
    """While this lasts, `rows` are the table `theirs` of `connection`."""
    connection.register("theirs", rows)
    try:
        yield
    finally:
        connection.unregister("theirs")
