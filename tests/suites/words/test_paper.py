"""Feng et al.'s protocol: its parts, its probes, its figures, and ours beside them."""

from __future__ import annotations

import csv
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.probes.mlp import MlpRecipe
from harness.reproduce import compare_with_paper, other_metrics
from harness.run.loop import execute
from harness.run.plan import RunRequest, plan_run
from harness.store import Store
from harness.suites.words import paper
from harness.suites.words.feng2025 import SUITE, TASKS
from harness.suites.words.figures import STEPS, figure, figures, paper_base
from harness.suites.words.paper import training_part
from tests.run.kit import Ear


def test_every_published_figure_is_there_once() -> None:
    text = (files("harness.suites.words") / "feng2025.tsv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    assert {int(row["table"]) for row in rows} == set(range(4, 12))
    assert len(figures()) == len(rows) == 680


def test_figures_are_found_by_our_names() -> None:
    subject = SUITE.task("Feng2025SubjectAnimacy")
    causal = "Sheared-LLaMA-1.3B"
    # Table 4, first word of a sentence: before the target.
    assert figure(subject, probe="MLP", metric="accuracy", model=causal, position=-1) == 0.547
    assert figure(subject, probe="MLP", metric="accuracy", model=f"{causal} Bi+MNTP", position=3) == 0.766
    assert figure(SUITE.task("Feng2025ObjectAnimacy"), probe="MLP", metric="accuracy", model=causal, position=0) == 1.0
    for entry in TASKS:
        for model in (f"{causal}{step}" for step in STEPS.values()):
            for position in entry.positions:
                where = position if len(entry.positions) > 1 else None
                metric = "accuracy" if entry.metric == "accuracy" else "Pearson"
                assert all(
                    figure(entry, probe=probe, metric=metric, model=model, position=where) is not None
                    for probe in ("linear", "MLP")
                ), (entry.name, model, position)
    assert paper_base("meta-llama/Llama-2-7b-hf", None) == "Llama-2-7B"
    assert paper_base("mini", None) == "Sheared-LLaMA-1.3B"
    with pytest.raises(HarnessError, match="did you mean Llama-2-7B"):
        paper_base("mini", "LLama-2-7B")


def test_parts_have_the_papers_sizes(shared_data: Path) -> None:
    """Telicity and duration: the released files are 40 and 28 rows longer than the paper's table."""
    sizes = {}
    for data in {task.data for task in TASKS}:
        train = training_part(data.words(shared_data / "probes").examples)
        sizes[data.name] = (int(train.sum()), int((~train).sum()))
    assert sizes == {
        "subject_animacy": (4000, 1000),
        "object_animacy": (4000, 1000),
        "verb_causative": (4000, 1000),
        "verb_dynamic": (4000, 1000),
        "telicity": (3952, 988),
        "duration": (2613, 654),
        "concretext": (347, 87),
        "sensorimotor": (358, 90),
        "wic": (1120, 280),
    }


@pytest.mark.slow
def test_a_study_is_measured_and_set_beside_its_figures(
    tiny_base: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "MlpRecipe", partial(MlpRecipe, max_epochs=1))
    store = Store(Path("results.duckdb"))
    tasks = ("Feng2025ConcreteText",)
    request = RunRequest(
        base=str(tiny_base), variants=("causal",), suite="feng2025", tasks=tasks, data_dir=shared_data / "probes"
    )
    plan = plan_run(request, store, place=Placement(device="cpu", dtype="float32"), cache=cache_folder())
    assert plan.suite.name == "feng2025"
    execute(plan, store, Ear(), command="test")
    assert store.scores().empty
    assert all(check.ok for check in store.verify())
    found = compare_with_paper(store, base=plan.base.name, paper_base="Llama-2-7B")
    assert len(found) == 2 * 4
    (row,) = [r for r in found if r.metric == "Pearson" and r.probe == "linear"]
    asked = {"probe": "linear", "metric": "Pearson", "model": "Llama-2-7B"}
    assert row.paper == figure(SUITE.task("Feng2025ConcreteText"), **asked)
    assert row.low is not None
    assert row.high is not None
    assert row.low < row.ours < row.high
    outcomes = store.outcomes(results=store.scores(diagnostics=True)["result"][:1])
    outcomes = outcomes.assign(predicted_score=outcomes["gold_score"])
    assert other_metrics(outcomes) == pytest.approx({"Spearman": 1.0, "MSE": 0.0, "R2": 1.0})
    with pytest.raises(HarnessError, match="no results of the paper's tasks on base elsewhere"):
        compare_with_paper(store, base="elsewhere", paper_base="Llama-2-7B")
    assert np.isfinite([r.ours for r in found]).all()
