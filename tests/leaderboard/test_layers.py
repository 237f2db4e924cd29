"""Suites by layer in the terminal and on their pages: charts of each measure, and none on the page of words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.compare.layer_views import layer_cells
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.store import Store
from harness.suites import layers, repetition
from harness.suites.by_layer import LayeredTask
from leaderboard.build import build_site
from tests.cli.test_cli import call
from tests.factory import TASKS, add_system

pytestmark = pytest.mark.slow
N, LAYERS = 6, 3
LAYERED: tuple[LayeredTask, ...] = (layers.TASKS[0], repetition.TASKS[0])


def add(store: Store, run: int, *, task: str, kind: str, subset: str, metric: str, more: float, layered: int) -> None:
    """A result at so many layers, each 10 above the one before it; without any where there are none."""
    values = [10 * layer + more + 0.1 * n for layer in range(max(1, layered)) for n in range(N)]
    columns: dict[str, object] = {
        "example_id": [str(n) for n in range(N)] * max(1, layered),
        "gold_score": [1.0] * len(values),
        "predicted_score": values,
    }
    if layered:
        columns["layer"] = [layer for layer in range(layered) for _ in range(N)]
    outcomes = make_outcomes(columns, len(values))
    key = TaskKey(task=task, split="test", subset=subset, revision="r1", metric=metric)
    score = score_outcomes(metric, outcomes)
    store.add_result(run, TaskResult(key=key, task_type=kind, score=score, outcomes=outcomes, seconds=1.0))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Ten variants, more than a chart has room for; the values of each are larger by 1 than those of the one before."""
    store = Store(tmp_path / "results.duckdb")
    for more, variant in enumerate(("causal", "bidir", *(f"other-{number}" for number in range(8)))):
        run = add_system(store, variant, tasks=TASKS[:1])
        for task in LAYERED:
            for measure in task.measures[:3] if more > 1 else task.measures:
                named = {"task": task.name, "kind": task.task_type, "subset": measure.name, "metric": measure.metric}
                add(store, run, **named, more=more, layered=LAYERS)
    return store


def test_cells_are_means_over_texts_at_each_layer(store: Store) -> None:
    task = layers.TASKS[0]
    found = layer_cells(store, task, base="mini", measures=["entropy"], variants=["bidir"])
    assert [(cell.layer, cell.subset) for cell in found] == [(layer, "entropy") for layer in range(LAYERS)]
    assert [cell.value for cell in found] == pytest.approx([10 * layer + 1.25 for layer in range(LAYERS)])
    assert all(cell.low < cell.value < cell.high for cell in found if cell.low is not None and cell.high is not None)
    (one,) = layer_cells(store, task, base="mini", measures=["entropy"], layers=[1], variants=["bidir"])
    assert one == found[1]
    with pytest.raises(HarnessError, match="there is no measure 'entrpy'; did you mean entropy"):
        layer_cells(store, task, base="mini", measures=["entrpy"])
    with pytest.raises(HarnessError, match="there is no layer 3: of base mini the layers 0 to 2 were measured"):
        layer_cells(store, task, base="mini", layers=[3])
    with pytest.raises(
        HarnessError,
        match="the suite repetition was not measured for bidir-mntp on base mini yet; measure it with `harness run "
        "--suite repetition",
    ):
        layer_cells(store, repetition.TASKS[0], base="mini", variants=["bidir-mntp"])


def test_the_tables_and_the_pages(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ("--db", str(store.path), "--variant", "causal", "--variant", "bidir")
    assert call("layers", *two, "--measure", "likeness to the base", monkeypatch=monkeypatch) == 0
    assert re.search(r"likeness to the base +2 +20\.250 .* 21\.250 ", capsys.readouterr().out)
    assert call("repetition", *two, "--measure", "share, 1 copy", "--layer", "1", monkeypatch=monkeypatch) == 0
    assert re.search(r"share, 1 copy +1 +1025\.0 .* 1125\.0 ", capsys.readouterr().out)
    assert call("repetition", *two, "--layer", "9", monkeypatch=monkeypatch) == 2
    assert "there is no layer 9" in capsys.readouterr().err

    site = build_site(store, store.path.parent / "site", resamples=200).parent
    for task in LAYERED:
        page = (site / f"{task.suite}.html").read_text("utf-8")
        # Ten variants are two charts of a measure, two variants are one.
        assert len(re.findall(r": by layer( \(part \d of 2\))?</title>", page)) == 2 * 3 + len(task.measures) - 3
        assert f"<h3>{task.first[0].upper()}{task.first[1:]}</h3>" in page
        assert f"harness {task.suite} --base mini" in page
    curve = (site / "repetition.html").read_text("utf-8")
    assert curve.count("Weight of a repeated sentence in layer 2: by copies") == 2
    assert "copies of the sentence</text>" in curve
    assert "its share of the tokens" in curve
    words = re.sub(r"<nav.*?</nav>", "", (site / "words.html").read_text("utf-8"), flags=re.S)
    assert "Layers" not in words
    assert "Repetition" not in words


def test_what_an_older_version_stored_of_repetition_is_shown_among_the_words(tmp_path: Path) -> None:
    store = Store(tmp_path / "old.duckdb")
    run = add_system(store, "causal", tasks=TASKS[:1])
    for subset in ("default", "after, k=8"):
        add(store, run, task="RepeatedPassage", kind="Attention", subset=subset, metric="pull", more=0.1, layered=0)
    site = build_site(store, tmp_path / "site", resamples=200).parent
    assert "RepeatedPassage" in (site / "words.html").read_text("utf-8")
    assert "RepeatedPassage" not in (site / "index.html").read_text("utf-8")


def test_diagnostics_alone_make_no_site_and_the_sentence_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "layers.duckdb")
    run = add_system(store, "causal", tasks=())
    task = layers.TASKS[0]
    for each in task.measures:
        add(store, run, task=task.name, kind=task.task_type, subset=each.name, metric=each.metric, more=0.1, layered=2)
    with pytest.raises(HarnessError, match="has diagnostics alone, and pages show them beside scores; make some with"):
        build_site(store, tmp_path / "site")
