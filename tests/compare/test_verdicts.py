"""Families, seeds, draws, equivalence, ties, means over tasks: what a verdict rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.compare import analyse, compare, current_entries, needs, rank
from harness.compare.contrasts import VariantContrast, declared_contrasts, parse_contrasts
from harness.compare.families import Decision, explore, judge
from harness.compare.flips import flips
from harness.compare.results import TaskComparison
from harness.compare.wording import overall, scope, sentence
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import NoiseFloor, TaskKey, TaskPart, TaskResult, make_outcomes
from harness.stats.families import holm
from harness.store import Store
from tests.factory import TASKS, add_system, fill, ladder_store, one_transaction, rng_for

FEW = 400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return ladder_store(tmp_path_factory.mktemp("verdicts") / "results.duckdb")


@pytest.fixture(scope="module")
def topic(store: Store) -> TaskComparison:
    names = ["MiniTopic"]
    [task] = compare(store, base="mini", variant="bidir", against="causal", tasks=names, resamples=FEW).tasks
    return task


def scored(task: str, noise: object, *, n: int = 200, slope: float = 1.0, spread: float = 1.0) -> TaskResult:
    """A Spearman task: `slope` and `spread` are the signal and noise of a system's answers."""
    gold = rng_for("gold", task).normal(size=n)
    said = slope * gold + spread * rng_for("said", task, noise).normal(size=n)
    return result(task, "spearman", {"gold_score": gold, "predicted_score": said}, n)


def labelled(task: str, right: np.ndarray) -> TaskResult:
    """An accuracy task; `right` (n,) says which examples are answered rightly."""
    gold = np.where(rng_for("labels", task).random(len(right)) < 0.5, "a", "b")
    said = np.where(right, gold, np.where(gold == "a", "b", "a"))
    return result(task, "accuracy", {"gold_label": gold, "predicted_label": said}, len(right))


def result(task: str, metric: str, columns: dict[str, object], n: int) -> TaskResult:
    rows = make_outcomes({"example_id": [f"e{i}" for i in range(n)], **columns}, n)
    key = TaskKey(task=task, split="test", subset="default", revision="r", metric=metric)
    return TaskResult(key=key, task_type="STS", score=score_outcomes(metric, rows), outcomes=rows, seconds=0.1)


def store_of(path: Path, results: dict[tuple[str, int | None], list[TaskResult]]) -> Store:
    store = Store(path / "r.duckdb")
    with one_transaction(store):
        for (variant, seed), found in results.items():
            run_id = add_system(store, variant, seed=seed, tasks=[])
            for each in found:
                store.add_result(run_id, each)
    return store


@pytest.mark.slow
def test_a_declared_pair_is_decided_in_the_declared_family(store: Store) -> None:
    """Fewer hypotheses, so never less than among all pairs; and what is shown does not move it."""
    entries = current_entries(store)
    analysis = analyse(store, entries=entries, pairs=[], resamples=FEW)
    decisions = analysis.decisions["mini"]
    n_declared = len(declared_contrasts().declared)
    assert len(decisions.declared) == 4 * n_declared
    assert len(decisions.pairs) == 4 * 28
    for where, first in decisions.declared.items():
        among_all = decisions.pairs[where]
        assert first.p_adjusted is not None
        assert among_all.p_adjusted is not None
        assert first.p_adjusted <= among_all.p_adjusted
    checks = holm([decision.estimate.p for decision in decisions.declared.values()])
    assert checks == [decision.p_holm for decision in decisions.declared.values()]

    whole = compare(store, base="mini", variant="bidir-mntp", against="bidir", resamples=FEW)
    part = compare(store, base="mini", variant="bidir-mntp", against="bidir", tasks=["MiniSTS"], resamples=FEW)
    assert whole.family == part.family == "declared"
    [one] = part.tasks
    same = next(task for task in whole.tasks if task.key.task == "MiniSTS")
    assert (one.p, one.p_adjusted, one.verdict) == (same.p, same.p_adjusted, same.verdict)
    other = compare(store, base="mini", variant="random", against="bidir-supcon", resamples=FEW)
    assert other.family == "all pairs"
    assert "among all pairs" in sentence(other)


@pytest.mark.parametrize(
    ("difference", "p", "own_p", "p_equivalent", "verdict", "negligible", "tie"),
    [
        (0.05, 0.01, 0.01, 0.9, "better", False, False),
        (-0.05, 0.05, 0.01, 0.9, "worse", False, False),
        (0.05, 0.06, 0.01, 0.9, "undecided", False, False),
        (0.05, 0.01, 0.2, 0.9, "undecided", False, False),  # an adjusted p is never below the test's own
        (0.05, None, None, None, "undecided", False, False),
        (0.005, 0.9, 0.9, 0.05, "equivalent", False, False),
        (0.005, 0.01, 0.01, 0.05, "better", True, False),  # shown, and shown to be within the margin
        (0.001, 0.01, 0.01, 0.9, "undecided", False, True),  # shown, but not larger than the noise floor
        (0.001, 0.01, 0.01, 0.05, "equivalent", False, True),
        (0.0, 0.01, 0.01, 0.9, "undecided", False, False),
    ],
)
def test_the_rule(
    topic: TaskComparison, difference: float, p: float | None, own_p: float | None, p_equivalent: float | None,
    verdict: str, negligible: bool, tie: bool,
) -> None:  # fmt: skip
    task = topic
    assert task.estimate is not None
    decision = Decision(
        family="declared", estimate=replace(task.estimate, value=difference), p_adjusted=p, p_holm=None,
        p_equivalent=p_equivalent, margin=0.01, floor=0.002,
    )  # fmt: skip
    found = judge(replace(task, difference=difference, p=own_p), decision, alpha=0.05)
    assert (found.verdict, found.negligible, found.tie) == (verdict, negligible, tie)
    lower = replace(task, difference=difference, p=own_p, key=replace(task.key, metric="bits_per_byte"))
    other = {"better": "worse", "worse": "better"}.get(verdict, verdict)
    assert judge(lower, decision, alpha=0.05).verdict == other


def test_equivalence_is_adjusted_too(topic: TaskComparison) -> None:
    """Alone 0.0002; of four, Holm takes it times four, and what has no spread is no member."""
    task = topic
    assert task.estimate is not None
    estimates = [
        replace(task.estimate, value=value, se=se, df=99, p=0.9)
        for value, se in ((0.002, 0.0022), (0.05, 0.01), (0.03, 0.01), (-0.05, 0.01), (0.0, None))
    ]
    tasks = [replace(task, estimate=estimate, difference=estimate.value, p=0.9) for estimate in estimates]
    found = explore(tasks, contrasts=declared_contrasts(), floors={})
    alone = explore(tasks[:1], contrasts=declared_contrasts(), floors={})[0].p_equivalent
    assert alone == pytest.approx(stats.t.sf((0.01 - 0.002) / 0.0022, 99))
    assert found[0].p_equivalent == pytest.approx(4 * (alone or 0), rel=1e-9)
    assert found[4].p_equivalent is None
    assert [each.verdict for each in found] == ["equivalent", *["undecided"] * 4]


def test_another_base_is_exploratory(tmp_path: Path) -> None:
    store = fill(tmp_path / "r.duckdb", variants=["causal"], tasks=TASKS[:1])
    fill(tmp_path / "r.duckdb", variants=["causal"], tasks=TASKS[:1], base="maxi")
    found = compare(store, base="mini", variant="causal", against="causal", against_base="maxi", resamples=FEW)
    assert found.family == "exploratory"
    assert found.tasks[0].p == found.tasks[0].p_adjusted
    assert "exploratory" in sentence(found)


@pytest.mark.slow
def test_five_seeds_are_a_sample_and_four_are_not(tmp_path: Path) -> None:
    """A recipe that is better on these checkpoints, by seeds that scatter: only the crossed test doubts it."""
    n = 400
    for seeds in (4, 5):
        results: dict[tuple[str, int | None], list[TaskResult]] = {("causal", None): []}
        hard = rng_for("hard").random(n)
        results["causal", None].append(labelled("T", hard < 0.60))
        for seed in range(seeds):
            share = (0.52, 0.60, 0.66, 0.80, 0.62)[seed]
            results["bidir-supcon", seed] = [labelled("T", hard < share)]
        (tmp_path / str(seeds)).mkdir()
        store = store_of(tmp_path / str(seeds), results)
        found = compare(store, base="mini", variant="bidir-supcon", against="causal", resamples=FEW)
        [task] = found.tasks
        assert task.n_seeds == seeds
        assert task.crossed is not None
        assert task.crossed.p is not None
        assert task.crossed.p > 0.1
        assert task.over == ("seeds" if seeds == 5 else "checkpoints")
        assert task.verdict == ("undecided" if seeds == 5 else "better")
        assert ("holds for the recipe on this base" in scope(found)) == (seeds == 5)
        assert needs(found)[0].recipe


def test_equivalent_and_within_the_margin(tmp_path: Path) -> None:
    n = 4000
    right = rng_for("right").random(n) < 0.8
    swapped = right.copy()
    swapped[:8] = ~swapped[:8]
    store = store_of(tmp_path, {("causal", None): [labelled("T", right)], ("bidir", None): [labelled("T", swapped)]})
    [task] = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW).tasks
    assert (task.verdict, task.margin) == ("equivalent", 0.01)
    assert task.p_equivalent is not None
    assert task.p_equivalent < 0.001
    assert task.mcnemar is not None
    assert task.mcnemar.only_first + task.mcnemar.only_second == 8


@pytest.mark.slow
def test_below_the_noise_floor_is_a_tie(tmp_path: Path) -> None:
    n = 2000
    right = np.arange(n) < 1000
    more = np.arange(n) < 1100
    store = store_of(tmp_path, {("causal", None): [labelled("T", right)], ("bidir", None): [labelled("T", more)]})
    [task] = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW).tasks
    assert (task.verdict, task.floor, task.tie) == ("better", None, False)
    [system] = [each for each in store.systems() if each.variant == "causal"]
    made = NoiseFloor(
        system_id=system.system_id, base_revision=system.base_revision, key=task.key, dtype="float32", device="cpu",
        scores={"a": 0.5, "b": 0.56},
    )  # fmt: skip
    store.add_noise_floors([made])
    assert store.noise_floors() == [made]
    found = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)
    [task] = found.tasks
    assert (task.verdict, task.tie) == ("undecided", True)
    assert task.floor == pytest.approx(0.06)
    assert "undecided on 1 (1 within the noise floor)" in sentence(found)
    assert rank(store, base="mini", resamples=FEW).tasks[0].places[0].letters == "a"
    assert len(store.scores()) == 2, "a noise measurement is no result"
    with pytest.raises(HarnessError, match="has no system"):
        store.add_noise_floors([replace(made, system_id="0" * 16)])


@pytest.mark.slow
def test_means_over_tasks(tmp_path: Path) -> None:
    """Sixteen tasks, better on all: the raw mean is that of the scores, the bound is near the count."""
    names = [f"T{i:02}" for i in range(16)]
    results = {
        ("causal", None): [scored(name, "causal", spread=1.5) for name in names],
        ("bidir", None): [scored(name, "bidir", spread=0.5) for name in names],
    }
    store = store_of(tmp_path, results)
    found = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)
    scores = store.scores().groupby("variant")["score"].mean()
    assert found.across is not None
    assert found.replicability is not None
    assert found.across.raw.value == pytest.approx(scores["bidir"] - scores["causal"])
    assert found.across.standardised is not None
    assert not found.across.few
    assert found.replicability.at_least == 16
    assert "the true number of tasks where it is better is at least 16 of 16 (95 % confidence);" in overall(found)
    assert "do not generalise" not in overall(found)
    few = compare(store, base="mini", variant="bidir", against="causal", tasks=names[:3], resamples=FEW)
    assert "The mean is not tested: 3 tasks" in overall(few)


@pytest.mark.slow
def test_ranks_are_sets_and_the_unranked_say_why(tmp_path: Path) -> None:
    skills = {"causal": 1.5, "bidir": 1.5, "bidir-mntp": 0.4}
    results: dict[tuple[str, int | None], list[TaskResult]] = {
        (name, None): [scored(task, name, spread=spread) for task in ("A", "B", "C", "D", "E", "F", "G", "H")]
        for name, spread in skills.items()
    }
    results["random", None] = [scored("A", "random")]
    store = store_of(tmp_path, results)
    run_id = add_system(store, "causal-supcon", tasks=[], proof=None)
    for task in results["causal", None]:
        store.add_result(run_id, task)
    found = rank(store, base="mini", resamples=FEW)
    assert found.unranked == {
        "random": "7 of 8 tasks not measured, B among them",
        "causal-supcon": "no mask proof: its attention has not been checked against the card",
    }
    assert found.overall is not None
    top, *rest = found.overall.places
    assert (top.variant, top.ranks.low, top.ranks.high, top.letters) == ("bidir-mntp", 1, 1, "a")
    assert {(p.ranks.low, p.ranks.high, p.letters) for p in rest} == {(2, 3, "b")}
    for ranking in found.tasks:
        assert ranking.places[0].variant == "bidir-mntp"
        assert {p.variant for p in ranking.places} == set(skills)
    # a choice of tasks makes a variant complete, and moves no test
    narrow = rank(store, base="mini", tasks=["A"], resamples=FEW)
    assert "random" not in narrow.unranked
    before = {p.variant: p.letters for p in next(r for r in found.tasks if r.task and r.task[0] == "A").places}
    after = {p.variant: p.letters for p in narrow.tasks[0].places}
    assert len({before["causal"], before["bidir"]}) == len({after["causal"], after["bidir"]})


def test_flips_name_the_examples(tmp_path: Path) -> None:
    right, other = np.arange(50) < 30, np.arange(50) >= 25
    results = {
        ("causal", None): [labelled("T", right), scored("S", "causal", n=50)],
        ("bidir", None): [labelled("T", other), scored("S", "bidir", n=50)],
    }
    store = store_of(tmp_path, results)
    tasks = [TaskPart("T", "test", "default"), TaskPart("S", "test", "default")]
    labels, scores = flips(store, base="mini", variant="bidir", against="causal", tasks=tasks, most=3)
    assert (labels.gained, labels.lost, len(labels.shown)) == (20, 25, 3)
    first = labels.shown[0]
    assert (first.example_id, first.predicted_against == first.gold, first.predicted != first.gold) == (
        "e0",
        True,
        True,
    )
    assert (scores.gained, len(scores.shown)) == (None, 3)
    sizes = [abs(each.change) for each in scores.shown]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.slow
def test_power_counts_examples_and_seeds(store: Store) -> None:
    found = compare(store, base="mini", variant="bidir-mntp", against="bidir", resamples=FEW)
    small, large = needs(found, effect=1.0), needs(found, effect=20.0)
    assert {each.task[0] for each in small} == {"MiniSTS", "MiniNorms", "MiniTopic", "MiniContext"}
    for a, b in zip(small, large, strict=True):
        assert a.power is not None
        assert b.power is not None
        assert a.power < b.power
        if a.units is not None and b.units is not None:
            assert a.units >= b.units
        assert a.seeds is None or a.seeds >= 5


@pytest.mark.parametrize("what", ["ties", "one example"])
def test_what_cannot_be_estimated_is_undecided(tmp_path: Path, what: str) -> None:
    """All ties, or a single example: no p, no interval, no verdict, no width of 0."""
    right = np.array([True]) if what == "one example" else np.arange(40) < 20
    other = ~right if what == "one example" else right
    store = store_of(tmp_path, {("causal", None): [labelled("T", right)], ("bidir", None): [labelled("T", other)]})
    found = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)
    [task] = found.tasks
    assert (task.verdict, task.p_adjusted, task.interval) == ("undecided", None, None)
    assert task.mde is None or task.mde > 6 / 40  # of 40 examples the exact test needs six that differ
    assert task.p in (None, 1.0)
    assert needs(found)[0].power is None
    assert overall(found) == ""


def test_a_constant_score_and_a_nan_never_reach_the_store(tmp_path: Path) -> None:
    gold = np.arange(10.0)
    with pytest.raises(HarnessError, match="the predictions or the labels are constant"):
        result("T", "spearman", {"gold_score": gold, "predicted_score": np.ones(10)}, 10)
    with pytest.raises(HarnessError, match="not a finite number: the model returned NaN or infinity"):
        result("T", "spearman", {"gold_score": gold, "predicted_score": np.where(gold == 3, np.nan, gold)}, 10)


@pytest.mark.slow
def test_empty_and_unknown(store: Store, tmp_path: Path) -> None:
    empty = Store(tmp_path / "r.duckdb")
    empty.ready()
    with pytest.raises(HarnessError, match="it is empty; `harness run"):
        rank(empty, base="mini")
    with pytest.raises(HarnessError, match="the database is empty"):
        compare(empty, base="mini", variant="bidir", against="causal")
    with pytest.raises(HarnessError, match="no results on base 'maxi'"):
        rank(store, base="maxi")
    with pytest.raises(HarnessError, match="results of the task 'MiniST': did you mean MiniSTS"):
        rank(store, base="mini", tasks=["MiniST"])
    with pytest.raises(HarnessError, match="results of the suite 'maxi'"):
        rank(store, base="mini", suite="maxi")


def test_margins_are_points_and_the_file_has_a_name() -> None:
    contrasts = declared_contrasts()
    assert contrasts.equivalence["accuracy"] == 0.01
    assert contrasts.loss["bits_per_byte"] == 0.01
    assert "v_measure" not in contrasts.equivalence
    assert len(contrasts.sha256) == 64
    text = "alpha: 0.05\nheadline: {variant: a, against: b}\ncontrols: []\n"
    steps = [VariantContrast(variant="a", against="b")]
    assert parse_contrasts(text, steps=steps).declared == tuple(steps)
    for bad, words in (
        ("margins: {equivalence: {accuracy: 0}}", "the margin of accuracy has to be a number above 0"),
        ("margins: {equivalence: {acuracy: 1}}", "did you mean accuracy"),
        ("margins: {tolerance: {accuracy: 1}}", "unknown or missing field"),
    ):
        with pytest.raises(HarnessError, match=words):
            parse_contrasts(text + bad, steps=steps)


def test_a_query_reads_and_never_writes(store: Store) -> None:
    found = store.query("SELECT count(*) AS n FROM score")
    assert found["n"].tolist() == [len(store.scores(current=False))]
    for sql, words in (
        ("DELETE FROM score", "only reads the database, and DELETE is not allowed"),
        ("CREATE TABLE t (a INT)", "only reads the database"),
        ("SELECT 1; DROP TABLE score", "one SELECT, not 2"),
        ("COPY score TO 'x.csv'", "only reads the database"),
        ("SELECT * FROM read_csv('x.csv')", "DuckDB cannot run this"),
        ("SELECT nope FROM score", "DuckDB cannot run this"),
        ("", "one SELECT, not 0"),
    ):
        with pytest.raises(HarnessError, match=words):
            store.query(sql)
    assert isinstance(store.query("SELECT 1"), pd.DataFrame)
