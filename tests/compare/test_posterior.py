"""The hierarchical model of a comparison: what it reads, what it refuses, what is printed."""

from dataclasses import replace

import numpy as np
import pytest

import harness.compare.posterior as room
from harness.cli.comparison import print_posterior
from harness.compare import compare
from harness.compare.posterior import posterior_of
from harness.compare.results import Comparison
from harness.errors import HarnessError
from harness.stats.hierarchical import Draws, SeedDifferences
from tests.compare.kit import FEW, labelled, scored, store_of

NAMES = ("WiCLeft", "WiCRight", "A", "B")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two seeds of bidir against causal: right on 4 and 6 more of 200, on B on none; and a task by Spearman."""
    right = np.arange(200)
    results = {("causal", None): [*(labelled(name, right < 100) for name in NAMES), scored("S", "causal")]}
    for seed in range(2):
        more = [labelled(name, right < 100 + (4 + 2 * seed) * (name != "B")) for name in NAMES]
        results["bidir", seed] = [*more, scored("S", f"bidir {seed}")]
    store = store_of(tmp_path_factory.mktemp("posterior"), results)
    return compare(store, base="mini", variant="bidir", against="causal", resamples=FEW)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[SeedDifferences]:
    """What the model is given; its draws are made up: the mean 0.5, the tasks as observed."""
    given: list[SeedDifferences] = []

    def sample(data: SeedDifferences, *, seed: int) -> Draws:
        given.append(data)
        task = np.tile(data.point_ts.mean(axis=1), (1000, 1))
        scalars = {name: np.full(1000, 0.5) for name in ("mean", *data.scales)}
        return Draws(scalars=scalars, task=task, r_hat=1.0, effective=1000.0, divergences=0)

    monkeypatch.setattr(room, "sample_posterior", sample)
    return given


@pytest.mark.slow
def test_it_reads_points_and_their_variances(compared: Comparison, asked: list[SeedDifferences]) -> None:
    found = posterior_of(compared)
    [data] = asked
    by_name = {each.task.task: i for i, each in enumerate(found.tasks)}
    assert data.point_ts[by_name["A"]] == pytest.approx([2.0, 3.0])
    assert data.data_t[by_name["WiCLeft"]] == data.data_t[by_name["WiCRight"]]
    assert len(set(data.data_t)) == 4
    assert data.trained
    # examples 100 to 103 differ with both seeds, 104 and 105 with one: the whole variance is of a mean of 2.5 points
    each = np.repeat([1.0, 0.5, 0.0], [4, 2, 194])
    whole = data.shared_t + data.single_t / 2
    assert whole[by_name["A"]] == pytest.approx(100**2 * each.var(ddof=1) / 200, rel=0.01)
    assert data.single_t[by_name["A"]] > 0
    assert data.shared_t[by_name["B"]] > 0, "no example differs, and still nothing is certain"
    assert (found.mean.median, found.mean.negligible, found.margin, found.n_seeds) == (0.5, 1.0, 1.0, 2)


def test_without_training_there_is_one_column(compared: Comparison, asked: list[SeedDifferences]) -> None:
    none = [replace(t, seeds=(None,), by_seed=t.by_seed[:1], crossed=None) for t in compared.tasks]
    assert posterior_of(replace(compared, tasks=tuple(none))).n_seeds == 0
    assert not asked[0].trained
    assert asked[0].point_ts.shape == (5, 1)


def test_too_little_is_refused(compared: Comparison, asked: list[SeedDifferences]) -> None:
    few = [task for task in compared.tasks if task.key.task in ("WiCLeft", "WiCRight", "A")]
    with pytest.raises(HarnessError, match="at least 3 tasks with data of their own"):
        posterior_of(replace(compared, tasks=tuple(few)))
    other = tuple(replace(task, by_seed=()) for task in compared.tasks)
    with pytest.raises(HarnessError, match="one training seed or more that both sides have on all tasks"):
        posterior_of(replace(compared, tasks=other))
    assert not asked


def test_the_table(compared: Comparison, asked: list[SeedDifferences], capsys: pytest.CaptureFixture[str]) -> None:
    print_posterior(posterior_of(compared), [task.key.part for task in compared.tasks])
    said = capsys.readouterr().out
    assert "mean over tasks" in said
    assert "P(within ±1)" in said
    assert "training seeds 0.5" in said
    assert "2 training seeds." in said
    assert "rest on the tests, not on this model" in said


@pytest.mark.slow
def test_a_fit_shrinks_and_agrees_with_the_mean(compared: Comparison) -> None:
    found = posterior_of(compared)
    assert found.r_hat <= 1.01
    assert compared.across is not None
    assert found.mean.low < 100 * compared.across.raw.value < found.mean.high
    observed = np.array([each.observed for each in found.tasks])
    medians = np.array([each.effect.median for each in found.tasks])
    assert np.ptp(medians) < np.ptp(observed)
    assert found == posterior_of(compared)
