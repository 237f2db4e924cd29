"""`harness calibrate`: the report is shown, stored and drawn; the exit code says whether a promise was broken."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.calibration import run as room
from harness.calibration.cases import CalibrationCase
from harness.calibration.report import CalibrationReport, ErrorRates, Rate
from harness.calibration.run import store_cases
from harness.cli import main
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, FakeTask, add_system


@dataclass(frozen=True, kw_only=True)
class Fixed(CalibrationCase):
    """A case whose error rate is known."""

    error: float
    method: str = "a method"
    design: str = "<b>a design</b>"

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        rate = Rate(value=self.error, se=0.005, replicates=replicates)
        return ErrorRates(type_one=rate, coverage=None, power=rate, effect=0.1)


def call(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["harness", "calibrate", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cases", "code", "said"),
    [
        ([Fixed(error=0.05), Fixed(error=0.2, why="too few")], 0, "1 of 1 cells"),
        ([Fixed(error=0.05), Fixed(error=0.07)], 1, "1 of 2 cells"),
    ],
    ids=["kept", "broken"],
)
def test_exit_code_table_and_stored_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cases: list[Fixed], code: int, said: str
) -> None:
    monkeypatch.setattr(room, "synthetic_grid", lambda *, quick: list(cases))
    assert call("--quick", monkeypatch=monkeypatch) == code
    shown = capsys.readouterr().out
    assert said in shown
    assert "5.0 ± 0.5" in shown
    assert ("no: too few" in shown) == (not cases[1].claimed)
    assert ("OUT OF BOUNDS" in shown) == bool(code)
    stored = Store("results.duckdb").calibration()
    assert stored is not None
    report = CalibrationReport.from_json(stored[0])
    assert report.replicates == 2_000
    assert [cell.type_one.value for cell in report.cells if cell.type_one] == [case.error for case in cases]
    assert call("--json", monkeypatch=monkeypatch) == code
    assert json.loads(capsys.readouterr().out)["broken"] == code


@pytest.mark.slow
def test_the_page_shows_the_last_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", tasks=TASKS[:1])
    methods = build_site(store, tmp_path / "site", resamples=200).with_name("methods.html")
    assert "This database holds no calibration" in methods.read_text("utf-8")
    for error in (0.05, 0.09):
        monkeypatch.setattr(room, "synthetic_grid", lambda *, quick, error=error: [Fixed(error=error)])
        room.run_calibration(store, quick=True)
    build_site(store, tmp_path / "site", resamples=200)
    page = methods.read_text("utf-8")
    assert "9.0 ± 0.5" in page
    assert "5.0 ± 0.5" not in page
    assert "yes, but out of bounds" in page
    assert "&lt;b&gt;a design&lt;/b&gt;" in page


@pytest.mark.slow
def test_cells_on_the_stores_outcomes(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    uneven = FakeTask("MiniContext", "probe", 90)
    tasks = (*TASKS[:3], uneven)
    add_system(store, "causal", tasks=tasks)
    for seed in (0, 1):
        add_system(store, "bidir", seed=seed, tasks=tasks)
    found = store_cases(store, quick=False)
    designs = [(case.method, case.design.removeprefix("outcomes of ")) for case in found]
    # Pearson is not simulated; context probes have units of unequal size here
    assert designs == [
        ("t on influence functions", "MiniSTS, bidir and causal, one seed"),
        ("sign flips and t", "MiniTopic, bidir and causal, one seed"),
    ]
    measured = found[1].measure(replicates=40, resamples=99, rng=np.random.default_rng(0))
    assert measured.type_one is not None
    assert measured.type_one.value < 0.3
    assert store_cases(Store(store.path), quick=True)
