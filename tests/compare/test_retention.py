"""What a comparison says of the language model: lower is better, and it is a question of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.compare import compare
from harness.compare.results import Comparison
from harness.compare.wording import sentence
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.stats.families import holm
from harness.store import Store
from leaderboard.build import build_site
from leaderboard.rows import _generation
from tests.factory import TASKS, add_system, rng_for

FEW = 200
N = 60


def result(task: str, metric: str, rate: float, seed: object) -> TaskResult:
    """A document's denominator is the same for all systems; its numerator is about `rate` of it."""
    gold = rng_for("bytes", task).integers(20, 200, N).astype(float)
    predicted = gold * rate * rng_for(task, seed).uniform(0.9, 1.1, N)
    ids = [f"document-{i}" for i in range(N)]
    rows = make_outcomes({"example_id": ids, "gold_score": gold, "predicted_score": predicted}, N)
    key = TaskKey(task=task, split="test", subset="mini", revision="r1", metric=metric)
    score = score_outcomes(metric, rows)
    return TaskResult(key=key, task_type="Retention", score=score, outcomes=rows, seconds=0.1)


# The second loses more, and repeats more.
RATES = {
    ("RetentionBits", "bits_per_byte"): (0.5, 0.8),
    ("RetentionPerplexity", "perplexity"): (1.6, 2.2),
    ("RetentionDistinctGreedy", "distinct_2"): (0.9, 0.6),
    ("RetentionRepeatsGreedy", "repeated_4"): (0.2, 0.5),
    ("RetentionSameText", "same_text"): (0.9, 0.5),
    ("RetentionSameTokens", "same_tokens"): (0.9, 0.6),
    ("RetentionMasked", "masked_accuracy"): (0.3, 0.6),
    ("RetentionAdaptersOff", "largest_change"): (0.0, 0.0),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("retention") / "results.duckdb")
    for place, (variant, skill) in enumerate((("causal", 0.4), ("bidir-supcon", 0.7))):
        seed = None if variant == "causal" else 0
        run_id = add_system(
            store, variant, seed=seed, skill=skill, tasks=[task for task in TASKS if task.metric == "accuracy"]
        )
        for (task, metric), rates in RATES.items():
            store.add_result(run_id, result(task, metric, rates[place], variant))
    return store


def both(store: Store, *, tasks: list[str] | None = None) -> Comparison:
    return compare(store, base="mini", variant="bidir-supcon", against="causal", tasks=tasks, resamples=FEW)


@pytest.fixture(scope="module")
def together(store: Store) -> Comparison:
    return both(store)


@pytest.fixture(scope="module")
def site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(store, tmp_path_factory.mktemp("out") / "site", resamples=FEW).parent


@pytest.mark.slow
def test_the_verdict_follows_the_metrics_direction(store: Store, together: Comparison) -> None:
    found = {task.key.task: task for task in together.tasks}
    assert {name: found[name].verdict for name, _ in RATES} == {
        "RetentionBits": "worse",
        "RetentionPerplexity": "descriptive",
        "RetentionDistinctGreedy": "descriptive",
        "RetentionRepeatsGreedy": "descriptive",
        "RetentionSameText": "descriptive",
        "RetentionSameTokens": "descriptive",
        "RetentionMasked": "better",
        "RetentionAdaptersOff": "descriptive",
    }
    assert found["RetentionBits"].difference > 0 > found["RetentionDistinctGreedy"].difference
    names = ["RetentionBits"]
    down = compare(store, base="mini", variant="causal", against="bidir-supcon", tasks=names, resamples=FEW)
    assert [task.verdict for task in down.tasks] == ["better"]


def test_numbers_are_the_stores_and_the_interval_holds_them(store: Store, together: Comparison) -> None:
    means = store.scores().set_index(["variant", "task"])["score"]
    for task in together.tasks:
        name = task.key.task
        assert task.difference == pytest.approx(means["bidir-supcon", name] - means["causal", name], abs=1e-9)
        if task.key.metric in ("bits_per_byte", "distinct_2", "repeated_4", "same_text", "masked_accuracy"):
            assert task.interval is not None
            assert task.interval.low < task.difference < task.interval.high
            assert (task.p is not None) == (task.verdict in ("worse", "better"))
            assert task.method.startswith("sign-flip permutation" if task.p else "skewness-corrected t interval")
            assert task.n_units == N


def test_the_family_of_retention_is_its_own(together: Comparison) -> None:
    for retention in (False, True):
        tasks = [task for task in together.tasks if task.is_retention == retention]
        assert len([task for task in tasks if task.p is not None]) == 2
        # two variants, so the family of all pairs is this pair: Holm over its t tests
        tested = [e for task in tasks if (e := task.estimate) is not None]
        t_p = [e.shape.p if e.shape else 2 * stats.t.sf(abs(e.value / e.se), e.df) for e in tested if e.se is not None]
        assert holm(t_p) == pytest.approx([task.p_holm for task in tasks if task.estimate is not None], rel=1e-6)


def test_sentences(store: Store, together: Comparison) -> None:
    start = "On base mini, bidir-supcon is better than causal on 2 of 2 tasks (family-wise p ≤ .05)."
    language = "1 of 2 measures, worse on 1; 6 measures are shown without a test."
    assert sentence(together) == f"{start} As a language model it is better on {language}"
    assert sentence(both(store, tasks=["RetentionBits"])) == (
        "On base mini, as a language model bidir-supcon is better than causal on none of 1 measure "
        "(family-wise p ≤ .05), worse on 1."
    )
    assert sentence(both(store, tasks=["RetentionPerplexity"])) == (
        "On base mini, bidir-supcon and causal were not tested against each other: 1 measure is shown without a test."
    )


@pytest.mark.slow
def test_perplexity_has_an_interval_on_the_log_scale(store: Store, site: Path) -> None:
    page = (site / "tasks" / "RetentionPerplexity.html").read_text("utf-8")
    assert "95% interval, skewness-corrected t" in page
    score = store.scores().set_index(["variant", "task"])["score"]["causal", "RetentionPerplexity"]
    assert f">{score:.2f}<" in page
    assert np.log(score) == pytest.approx(1.6, abs=0.1)


@pytest.mark.slow
def test_the_page_has_a_column_of_its_own(store: Store, site: Path) -> None:
    index = (site / "index.html").read_text("utf-8")
    table = index[index.index('<table class="board') : index.index("</table>")]
    scores = store.scores().set_index(["variant", "task"])["score"]
    difference = scores["bidir-supcon", "RetentionBits"] - scores["causal", "RetentionBits"]
    assert "bits_per_byte, lower is better" in table
    assert f"Δ +{difference:.3f}</span>" in table
    assert table.count('class="flag worse"') == 1  # more bits are worse
    (file,) = (site / "systems").glob("*bidir-supcon*.html")
    page = file.read_text("utf-8")
    share = 100 * scores["bidir-supcon", "RetentionSameText"]
    assert (
        f"Under the causal mask its greedy continuation equals the base’s in {share:.1f}\u00a0% (95\u00a0% interval"
        in page
    )
    assert "RetentionRepeatsGreedy" not in table
    assert "of 7 tasks" not in table
    charts = index[: index.index("All scores")]
    assert "RetentionBits" not in charts
    assert "As a language model: better on 1, worse on 1 of 2." in charts


def test_a_sentence_for_each_text() -> None:
    def cell(metric: str, subset: str, score: float) -> Any:
        key = TaskKey(task="T", split="test", subset=subset, revision="r1", metric=metric)
        return SimpleNamespace(score=SimpleNamespace(key=key, score=score, interval=None, spread=None, n_examples=60))

    one = [cell("same_text", "novels", 0.5), cell("same_tokens", "novels", 0.75)]
    said = _generation([cell("same_text", "mini", 1.0), *one])
    assert said == (
        "Under the causal mask its greedy continuation equals the base’s in 100.0\u00a0% of 60 texts (mini). "
        "Under the causal mask its greedy continuation equals the base’s in 50.0\u00a0% of 60 texts (novels); "
        "75.0\u00a0% of all tokens come before the first difference."
    )
    assert _generation(one[1:]) == ""


@pytest.mark.slow
def test_a_store_of_retention_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for place, variant in enumerate(("causal", "bidir")):
        run_id = add_system(store, variant, tasks=[])
        store.add_result(run_id, result("RetentionBits", "bits_per_byte", (0.5, 0.5)[place], "same"))
    index = build_site(store, tmp_path / "site", resamples=FEW).read_text("utf-8")
    assert "as a language model bidir is better than causal on none of 1 measure" in index
    assert 'class="rung"' in index
    assert "Δ +0.000" in index
