"""What a comparison leaves out is said, and what it can use it uses."""

from pathlib import Path

import numpy as np
import pytest

from harness.api import describe
from harness.compare import compare, rank
from harness.compare.results import Comparison
from harness.outcomes import TaskResult
from harness.store import Store
from harness.suites.task import data_of
from tests.compare.kit import FEW, labelled, store_of


def skilled(name: str, skill: float, *, seed: int, n: int = 300) -> TaskResult:
    hard = np.random.default_rng([5, *name.encode()]).normal(size=n)
    return labelled(name, skill + hard + 0.5 * np.random.default_rng([seed, *name.encode()]).normal(size=n) > 0)


def stored(folder: Path, systems: dict[tuple[str, int | None], list[TaskResult]]) -> Store:
    folder.mkdir(exist_ok=True)
    return store_of(folder, systems)


def compared(folder: Path, systems: dict[tuple[str, int | None], list[TaskResult]]) -> Comparison:
    return compare(store_of(folder, systems), base="mini", variant="bidir", against="causal", resamples=FEW)


def test_a_task_of_one_side_is_named(tmp_path: Path) -> None:
    first = [skilled(name, 0.9, seed=1) for name in ("A", "B", "Lonely")]
    found = compared(tmp_path, {("causal", None): [skilled(n, 0.5, seed=2) for n in "AB"], ("bidir", None): first})
    assert [(task.task, who) for task, who in found.missing.items()] == [("Lonely", "bidir")]
    assert "Left out: Lonely (1 task): measured for bidir only, missing for causal." in describe(found)
    assert "2 tests of the encoder" in describe(found)


@pytest.mark.slow
def test_other_seeds_are_all_used(tmp_path: Path) -> None:
    systems = {("bidir", s): [skilled("A", 0.9, seed=s)] for s in (0, 1, 2)}
    systems |= {("causal", s): [skilled("A", 0.5, seed=s + 9)] for s in (0, 5, 6, 7)}
    found = compared(tmp_path, systems)
    [task] = found.tasks
    assert (task.seeds, task.seeds_against, task.n_seeds) == ((0, 1, 2), (0, 5, 6, 7), 3)
    assert task.difference == pytest.approx(task.score - task.score_against)
    assert "0, 1, 2 of bidir against 0, 5, 6, 7 of causal" in describe(found)


@pytest.mark.slow
@pytest.mark.parametrize(("names", "tested"), [("ABCDE", False), ("ABCDEF", True)])
def test_five_tasks_show_nothing_of_their_mean(tmp_path: Path, names: str, tested: bool) -> None:
    sides = {"bidir": 1.2, "causal": 0.2}
    systems = {(v, None): [skilled(n, skill, seed=i) for n in names] for i, (v, skill) in enumerate(sides.items())}
    found = compared(tmp_path, systems)
    assert found.across is not None
    assert (found.across.raw.p is not None, found.across.raw.interval is not None) == (tested, tested)
    assert ("The mean is not tested" in describe(found)) == (not tested)
    ranks = rank(stored(tmp_path / "again", systems), base="mini", resamples=FEW)
    assert ranks.overall is not None
    assert [p.ranks.low for p in ranks.overall.places] == ([1, 2] if tested else [1, 1])
    assert bool(ranks.few) == (not tested)


@pytest.mark.slow
def test_tasks_that_share_data_count_once(tmp_path: Path) -> None:
    names = ["AnimacyBefore", "AnimacyAt", "AnimacyAfter", "DomainBefore", "DomainAfter", "WiCLeft", "WiCRight", "X"]
    sides = {"bidir": 1.2, "causal": 0.2}
    systems = {(v, None): [skilled(n, skill, seed=i) for n in names] for i, (v, skill) in enumerate(sides.items())}
    found = compared(tmp_path, systems).across
    assert found is not None
    assert (found.n_tasks, found.n_units, found.raw.p) == (8, 4, None)
    assert data_of("At") == "At"


def test_what_is_not_calibrated_is_said(tmp_path: Path) -> None:
    """Forty units are few, and a seed that collapsed is not like the others."""
    systems = {("bidir", s): [skilled("A", 0.9 if s < 4 else -1.5, seed=s, n=40)] for s in range(5)}
    found = compared(tmp_path, systems | {("causal", None): [skilled("A", 0.5, seed=9, n=40)]})
    assert "fewer than 50 units: A (40)" in describe(found)
    assert "seed 4 of bidir lies far from its other seeds on 1 task" in describe(found)
