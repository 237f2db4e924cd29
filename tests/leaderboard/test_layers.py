"""The layers suite in the terminal and on its page: a chart a measure, and none on the page of words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.compare.layer_views import layer_cells
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.store import Store
from harness.suites.layers import MEASURES, TASK_TYPE
from leaderboard.build import build_site
from tests.cli.test_cli import call
from tests.factory import TASKS, add_system

pytestmark = pytest.mark.slow
N, LAYERS = 6, 3


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two variants; the values of `bidir` are larger by 1, and every layer adds 10."""
    store = Store(tmp_path / "results.duckdb")
    for more, variant in enumerate(("causal", "bidir")):
        run = add_system(store, variant, tasks=TASKS[:1])
        for measure in MEASURES:
            values = [10 * layer + more + 0.1 * n for layer in range(LAYERS) for n in range(N)]
            columns = {
                "example_id": [str(n) for n in range(N)] * LAYERS,
                "layer": [layer for layer in range(LAYERS) for _ in range(N)],
                "gold_score": [1.0] * len(values),
                "predicted_score": values,
            }
            outcomes = make_outcomes(columns, len(values))
            key = TaskKey(task="Layers", split="test", subset=measure.name, revision="r1", metric=measure.metric)
            score = score_outcomes(measure.metric, outcomes)
            store.add_result(run, TaskResult(key=key, task_type=TASK_TYPE, score=score, outcomes=outcomes, seconds=1.0))
    return store


def test_cells_are_means_over_texts_at_each_layer(store: Store) -> None:
    found = layer_cells(store, base="mini", measures=["entropy"], variants=["bidir"])
    assert [(cell.layer, cell.subset) for cell in found] == [(layer, "entropy") for layer in range(LAYERS)]
    assert [cell.value for cell in found] == pytest.approx([10 * layer + 1.25 for layer in range(LAYERS)])
    assert all(cell.low < cell.value < cell.high for cell in found if cell.low is not None and cell.high is not None)
    with pytest.raises(HarnessError, match="there is no measure 'entrpy'; did you mean entropy"):
        layer_cells(store, base="mini", measures=["entrpy"])
    with pytest.raises(
        HarnessError, match="layers of bidir-mntp were not measured on base mini yet; measure them with"
    ):
        layer_cells(store, base="mini", variants=["bidir-mntp"])


def test_the_table_and_the_page(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("layers", "--db", str(store.path), "--measure", "likeness to the base", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert re.search(r"likeness to the base +2 +20\.250 .* 21\.250 ", said)
    site = build_site(store, store.path.parent / "site", resamples=200).parent
    page = (site / "layers.html").read_text("utf-8")
    assert page.count(": by layer</title>") == len(MEASURES)
    assert "<h3>CKA</h3>" in page
    assert "<h3>Likeness to the base</h3>" in page
    assert "Layers" not in re.sub(r"<nav.*?</nav>", "", (site / "words.html").read_text("utf-8"), flags=re.S)
