"""What a task takes is counted, kept once, shown, and None where the device does not tell it."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from harness.encoder.reader import EncodingProgress
from harness.records import Cost
from harness.run.cost import metered, nvml_energy_j
from harness.store import Store
from harness.store.merge import merge
from harness.store.migrate import known_migrations, migrate
from leaderboard.build import build_site
from tests.factory import TASKS, add_system
from tests.run.kit import go, plan, request


def told(texts: int, all_texts: int, tokens: int) -> EncodingProgress:
    return EncodingProgress(texts=texts, all_texts=all_texts, tokens=tokens, all_tokens=100, seconds=2.0 * texts)


def test_tokens_of_whole_reads_are_counted_and_handed_on() -> None:
    heard: list[EncodingProgress] = []
    watch = SimpleNamespace(note=lambda message: None, reading=heard.append)
    encoder = SimpleNamespace(watch=watch)
    with metered(encoder) as meter:
        for _ in range(2):
            for progress in (told(1, 4, 70), told(4, 4, 100)):
                encoder.watch.reading(progress)
    assert encoder.watch is watch
    assert len(heard) == 4
    cost = meter.cost
    assert cost is not None
    assert (cost.tokens, cost.tokens_per_s, cost.energy_j) == (200, 200 / 16, None)
    assert cost.seconds > 0
    assert cost.peak_bytes is None or cost.peak_bytes > 1e6
    with metered(object()) as nothing:
        pass
    assert nothing.cost is not None
    assert (nothing.cost.tokens, nothing.cost.tokens_per_s) == (None, None)


@pytest.mark.parametrize("missing", ["", "library", "init", "device", "energy"])
def test_energy_is_that_of_the_driver_or_unknown(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def by_uuid(uuid: bytes, handle) -> int:
        asked.append(uuid.decode())
        return int(missing == "device")

    def energy(handle, pointer) -> int:
        ctypes.cast(pointer, ctypes.POINTER(ctypes.c_ulonglong))[0] = 12_500
        return 3 * (missing == "energy")

    def library(name: str):
        if missing == "library":
            raise OSError(name)
        return SimpleNamespace(
            nvmlInit_v2=lambda: int(missing == "init"),
            nvmlShutdown=lambda: asked.append("shut"),
            nvmlDeviceGetHandleByUUID=by_uuid,
            nvmlDeviceGetTotalEnergyConsumption=energy,
        )

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert nvml_energy_j("GPU-1") == (None if missing else 12.5)
    assert asked == {"library": [], "init": []}.get(missing, ["GPU-1", "shut"])


@pytest.mark.slow
def test_a_run_stores_its_costs_and_the_page_and_the_command_show_them(tiny_base: Path, store: Store, capsys) -> None:
    from harness.cli.show import show

    go(request(tiny_base, "causal", tasks=("SmallSTS",)), store)
    [run] = store.runs()
    [(key, cost)] = store.costs().items()
    assert key == (run.run_id, "SmallSTS")
    assert cost.tokens is not None
    assert cost.tokens > 10
    store.add_cost(run.run_id, "SmallSTS", Cost(seconds=1e9))
    assert store.costs() == {key: cost}, "the first one stands"
    show(run.run_id, db=store.path, as_json=True)
    assert json.loads(capsys.readouterr().out)["costs"]["SmallSTS"]["tokens"] == cost.tokens
    show(run.run_id, db=store.path)
    assert f"{cost.tokens:,}" in capsys.readouterr().out
    joined = "SELECT variant, tokens FROM result JOIN cost USING (run_id, task)"
    assert store.query(joined).values.tolist() == [["causal", cost.tokens]]
    build_site(store, Path("site"))
    page = next(Path("site").rglob("*causal*.html")).read_text(encoding="utf-8")
    assert "Cost of measuring" in page
    assert f"{cost.tokens:,}" in page
    assert "Do not compare these costs with those of another kind of device." in page
    merge([store.path], Path("merged.duckdb"))
    assert Store(Path("merged.duckdb")).costs() == {key: cost}


@pytest.mark.slow
def test_several_kinds_of_devices_are_told(store: Store) -> None:
    for dtype, seed in (("float32", 0), ("bfloat16", 1)):
        run = add_system(store, "bidir-mntp", seed=seed, tasks=TASKS[:1], dtype=dtype)
        store.add_cost(run, TASKS[0].name, Cost(seconds=60.0, energy_j=1500.0))
    build_site(store, Path("site"))
    page = next(Path("site").rglob("*bidir-mntp*.html")).read_text(encoding="utf-8")
    assert "These are several kinds of devices: do not compare their costs." in page
    assert "1,500 J" in page


@pytest.mark.slow
def test_a_database_without_costs_opens_and_measures_nothing_again(tiny_base: Path, store: Store) -> None:
    asked = request(tiny_base, "causal", tasks=("SmallSTS",))
    go(asked, store)
    old = Path("old.duckdb")
    with duckdb.connect(str(old)) as connection:
        migrate(connection, known_migrations()[:8], name="old")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{store.path}' AS new (READ_ONLY); ATTACH '{old}' AS old")
        for table in ("system", "run", "score", "outcome"):
            connection.execute(f"INSERT INTO old.{table} SELECT * FROM new.{table}")
    assert Store(old, read_only=True).costs() == {}
    assert len(Store(old, read_only=True).scores()) == 1
    assert plan(asked, Store(old)).idle
    assert Store(old).costs() == {}
    assert plan(asked, Store(old)).idle
