"""Families, the rule, power: what a verdict rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from harness.compare import analyse, compare, current_entries, needs, rank
from harness.compare.contrasts import VariantContrast, declared_contrasts, parse_contrasts
from harness.compare.families import Decision, explore, judge
from harness.compare.results import TaskComparison
from harness.compare.wording import sentence
from harness.errors import HarnessError
from harness.stats.families import holm
from harness.store import Store
from tests.compare.kit import FEW
from tests.factory import TASKS, fill, ladder_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return ladder_store(tmp_path_factory.mktemp("verdicts") / "results.duckdb")


@pytest.fixture(scope="module")
def topic(store: Store) -> TaskComparison:
    names = ["MiniTopic"]
    [task] = compare(store, base="mini", variant="bidir", against="causal", tasks=names, resamples=FEW).tasks
    return task


@pytest.mark.slow
def test_a_declared_pair_is_decided_in_the_declared_family(store: Store) -> None:
    """Fewer hypotheses, so never less than among all pairs; and what is shown does not move it."""
    entries = current_entries(store)
    analysis = analyse(store, entries=entries, pairs=[], resamples=FEW)
    decisions = analysis.decisions["mini"]
    measured = {entry.variant for entry in entries}
    n_declared = sum({pair.variant, pair.against} <= measured for pair in declared_contrasts().declared)
    assert n_declared > 5
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
