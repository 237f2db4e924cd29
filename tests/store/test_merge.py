"""Databases that were filled apart, in one: nothing lost, nothing twice, nothing half there, nothing mixed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.outcomes import NoiseFloor
from harness.records import Overlap, Provenance, Run
from harness.stage_record import StageManifest
from harness.store import Store
from harness.store.merge import Merged, merge
from harness.store.migrate import known_migrations, migrate
from tests.factory import TASKS, add_system, result_of
from tests.store.test_sharing import python

TWO = TASKS[:2]
CELLS = [(variant, task) for variant in ("causal", "bidir", "bidir-mntp") for task in TWO]
OVERLAP = Overlap(stage="a" * 64, source="mini", task="T", revision="1", how="measured", n_texts=10, n_shared=2)


def filled(path: Path, cells=CELLS) -> Store:
    store = Store(path)
    with store.together():
        for variant, task in cells:
            add_system(store, variant, tasks=[task])
    return store


def contents(store: Store) -> list[pd.DataFrame]:
    """What a reader of the store sees, without what two runs of one study differ in: ids, numbers and moments."""
    scores = store.scores(diagnostics=True).sort_values(["variant", "task"]).reset_index(drop=True)
    frames = [scores.drop(columns=["result", "run_id", "measured_at"])]
    return frames + [store.outcomes(results=[number]).drop(columns="result") for number in scores["result"]]


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names}


def told(call) -> str:
    with pytest.raises(HarnessError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.slow
def test_three_shards_equal_the_store_that_was_never_split_and_twice_changes_nothing(tmp_path: Path) -> None:
    whole = filled(tmp_path / "whole.duckdb")
    shards = [tmp_path / f"{number}.duckdb" for number in range(3)]
    for number, path in enumerate(shards):
        shard = filled(path, CELLS[number::3])
        shard.add_stages([StageManifest(digest=str(number % 2) * 64, kind="mntp")])
        shard.add_overlaps([OVERLAP, replace(OVERLAP, task=f"U{number}")])
    target = Store(tmp_path / "results.duckdb")
    said = merge(shards, target.path)
    assert said == [Merged(source=path, added=2, there=0) for path in shards]
    for ours, theirs in zip(contents(target), contents(whole), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert all(check.ok for check in target.verify())
    assert {run.run_id: run for run in target.runs()} == {
        run.run_id: run for path in shards for run in Store(path).runs()
    }
    assert (len(target.systems()), len(target.stages()), len(target.overlaps())) == (3, 2, 4)
    before = rows(target.path)
    assert [each.added for each in merge([*shards[1:], shards[0]], target.path)] == [0, 0, 0]
    assert rows(target.path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.duckdb", "1.duckdb", "2.duckdb", "results.duckdb", "whole.duckdb",
    ]  # fmt: skip


@pytest.mark.slow
def test_texts_reports_and_noise_come_along(tmp_path: Path) -> None:
    source = filled(tmp_path / "a.duckdb", CELLS[:1])
    run = source.runs()[0]
    result = result_of(TASKS[2], skill=0.5)
    shown = {"text-0": "a text", "text-1": "another"}
    source.add_result(run.run_id, replace(result, shown=shown, reported={"accuracy": [1.0]}))
    floor = NoiseFloor(
        system_id=run.system_id, base_revision="0123456789abcdef", key=result.key, dtype="float32", device="cpu",
        scores={"batch 1": 0.5, "batch 2": 0.25},
    )  # fmt: skip
    source.add_noise_floors([floor])
    source.add_calibration({"made": "up"})
    filled(tmp_path / "b.duckdb", CELLS[2:4])
    target = Store(tmp_path / "b.duckdb")
    for _ in range(2):
        merge([source.path], target.path)
        assert target.example_texts(result.key.part) == shown
        [number] = target.query("SELECT result FROM score WHERE task = 'MiniTopic'")["result"]
        assert target.reported([number]) == {number: {"accuracy": [1.0]}}
        assert target.noise_floors() == [floor]
        report = target.calibration()
        assert report is not None
        assert report[0] == {"made": "up"}
    assert len(target.query("SELECT * FROM calibration")) == 1
    source.add_noise_floors([replace(floor, scores={"batch 1": 0.5, "batch 2": 0.5})])
    merge([source.path], target.path)
    assert [each.floor for each in target.noise_floors()] == [0], "the newer one stands"


@pytest.mark.slow
def test_a_copy_that_went_on_gives_what_is_new(tmp_path: Path) -> None:
    target = filled(tmp_path / "results.duckdb", CELLS[:2])
    copy = Store(target.copy_to(tmp_path / "copy.duckdb")[0])
    add_system(copy, "bidir", tasks=TWO)
    add_system(copy, "causal", tasks=TASKS[:1], skill=0.7)  # measured again with --force: the newest counts
    assert merge([copy.path], target.path) == [Merged(source=copy.path, added=3, there=2)]
    assert merge([target.path], copy.path) == [Merged(source=target.path, added=0, there=5)]
    for ours, theirs in zip(contents(target), contents(copy), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


def test_the_same_measurement_on_two_machines_is_stored_once(tmp_path: Path) -> None:
    target, other = filled(tmp_path / "a.duckdb", CELLS[:2]), filled(tmp_path / "b.duckdb", CELLS[1:3])
    assert merge([other.path], target.path) == [Merged(source=other.path, added=1, there=1)]
    assert len(target.scores(current=False)) == 3


def test_unlike_outcomes_are_refused_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    target = filled(tmp_path / "a.duckdb", CELLS[:2])
    good, bad = filled(tmp_path / "b.duckdb", CELLS[2:4]), Store(tmp_path / "c.duckdb")
    add_system(bad, "causal", tasks=TWO[:1], skill=0.9)
    before = contents(target)
    said = told(lambda: merge([good.path, bad.path], target.path))
    assert "causal · MiniSTS: its outcomes in" in said
    assert "c.duckdb" in said
    for ours, theirs in zip(contents(target), before, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert "causal · MiniSTS" in told(lambda: merge([target.path, bad.path], tmp_path / "new.duckdb"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.duckdb", "b.duckdb", "c.duckdb"]
    tampered = Store(target.copy_to(tmp_path / "t.duckdb")[0])
    with duckdb.connect(str(tampered.path)) as connection:
        connection.execute("UPDATE outcome SET predicted_score = 9 WHERE result = 1 AND example_id = 'pair-7'")
    assert "causal · MiniSTS" in told(lambda: merge([tampered.path], target.path))


@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True])
def test_a_kill_leaves_the_target_as_it_was(tmp_path: Path, there: bool) -> None:
    """In the middle of the transaction, with one database added and half of the next; then the same again."""
    code = """
        import sys, time
        from pathlib import Path
        import harness.store.merge as module
        added, plain = [], module._add_numbered
        def slow(table, *rest):
            plain(table, *rest)
            added.append(table)
            if added.count("outcome") == 2:
                print("inside", flush=True); time.sleep(60)
        module._add_numbered = slow
        module.merge([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))
    """
    sources, target = [tmp_path / "a.duckdb", tmp_path / "b.duckdb"], tmp_path / "results.duckdb"
    for number, source in enumerate(sources):
        filled(source, CELLS[number::3][:1])
    before = rows(filled(target, CELLS[4:5]).path) if there else None
    process = python(code, target, *sources)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n", process.stderr and process.stderr.read()
    process.kill()
    process.communicate()
    assert (rows(target) if target.exists() else None) == before
    for left in tmp_path.glob(".*"):
        os.utime(left, (1, 1))
    assert [each.added for each in merge(sources, target)] == [1, 1]
    assert len(Store(target).scores()) == 2 + there
    assert not [path.name for path in tmp_path.iterdir() if path.name[0] == "." or path.suffix == ".wal"]


@pytest.mark.slow
def test_one_system_of_two_trainings_is_refused(tmp_path: Path) -> None:
    stores = [Store(tmp_path / name) for name in ("a.duckdb", "b.duckdb")]
    for store, task, weights in zip(stores, TWO, ("1" * 64, "2" * 64), strict=True):
        add_system(store, "bidir-mntp", seed=0, tasks=[])
        [system] = store.systems()
        run = Run(
            system_id=system.system_id, suite="mini", dtype="float32", device="cpu", evaluation="1",
            provenance=Provenance(weights_sha256=weights),
        )  # fmt: skip
        store.add_run(run)
        store.add_result(run.run_id, result_of(task, skill=0.5))
    said = told(lambda: merge([stores[1].path], stores[0].path))
    assert said.startswith("bidir-mntp (seed 0) was trained twice, with unlike results")
    assert len(stores[0].scores()) == 1


def test_what_cannot_be_merged_is_told_in_a_sentence(tmp_path: Path) -> None:
    store = filled(tmp_path / "a.duckdb", CELLS[:1])
    new = tmp_path / "new.duckdb"
    for source, weights in ((store, "1" * 64), (filled(tmp_path / "b.duckdb", CELLS[2:3]), "2" * 64)):
        source.add_stages([StageManifest(digest="a" * 64, kind="mntp", weights_sha256=weights)])
    said = merge([store.path, tmp_path / "b.duckdb"], tmp_path / "c.duckdb")
    assert [each.retrained for each in said] == [(), ("mntp aaaaaaaaaaaa",)]
    assert "there is no database at absent.duckdb" in told(lambda: merge([Path("absent.duckdb")], new))
    assert "is the target of --into itself" in told(lambda: merge([store.path], store.path))
    (tmp_path / "text.duckdb").write_text("id,score\n" * 900)
    assert "is not a DuckDB database" in told(lambda: merge([store.path, tmp_path / "text.duckdb"], new))
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 'from the future')")
    assert "has schema 99 and this harness knows schemas up to" in told(lambda: merge([store.path], new))
    assert not new.exists()


@pytest.mark.slow
def test_a_database_of_the_first_schema_is_merged_as_it_is(tmp_path: Path) -> None:
    old = tmp_path / "old.duckdb"
    with duckdb.connect(str(old)) as connection:
        migrate(connection, known_migrations()[:1], name="old")
        connection.execute(
            "INSERT INTO system VALUES "
            "('s', 'mini', '1', 'bidir', NULL, 'variant', '', '{}', '{}', '{}', NULL, now()::TIMESTAMP)"
        )
        connection.execute(
            "INSERT INTO run VALUES ('r', 's', 'mini', 'float32', 'cpu', '1', '{}', NULL, now()::TIMESTAMP, NULL)"
        )
        connection.execute(
            "INSERT INTO score VALUES "
            "(1, 'r', 'T', 'test', 'default', '1', 'accuracy', 'x', 0.5, 1, 1, 1, now()::TIMESTAMP)"
        )
        connection.execute("INSERT INTO outcome (result, example_id, unit, trial) VALUES (1, 'e', 'e', 0)")
    target = filled(tmp_path / "a.duckdb", CELLS[:1])
    assert merge([old], target.path) == [Merged(source=old, added=1, there=0)]
    assert sorted(target.scores()["task"]) == ["MiniSTS", "T"]
    assert len(target.outcomes(results=[2])) == 1
