"""Seeds, equivalence, ties, means over tasks, ranks, flips, and what cannot be estimated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.compare import compare, needs, rank
from harness.compare.flips import flips
from harness.compare.wording import overall, scope, sentence
from harness.errors import HarnessError
from harness.outcomes import NoiseFloor, TaskPart, TaskResult
from tests.compare.kit import FEW, labelled, result, scored, store_of
from tests.factory import add_system, rng_for


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


def test_the_margin_that_a_task_card_declares_is_taken(tmp_path: Path) -> None:
    right = rng_for("right").random(4000) < 0.8
    swapped = right.copy()
    swapped[:8] = ~swapped[:8]
    store = store_of(tmp_path, {("causal", None): [labelled("T", right)], ("bidir", None): [labelled("T", swapped)]})
    [task] = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW).tasks
    store.add_declared("T", "another", margin=0.5, chance=None)
    store.add_declared("T", task.key.revision, margin=0.0001, chance=0.25)
    [task] = compare(store, base="mini", variant="bidir", against="causal", resamples=FEW).tasks
    assert (task.verdict, task.margin) == ("undecided", 0.0001)
    assert store.declared()["T", task.key.revision] == (0.0001, 0.25)


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
