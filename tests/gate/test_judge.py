"""The gate's statistics on made-up outcomes: a loss is named, chance and small losses are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.gate.declared import Gate, declared_gate, parse_gate
from harness.gate.judge import Remeasured, judge
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, make_outcomes
from tests.factory import TASKS, FakeTask, outcomes_of, rng_for

GATE = Gate(
    alpha=0.05,
    margins={"accuracy": 0.02, "spearman": 0.03, "pearson": 0.05, "v_measure": 0.05},
    variants=("causal",),
    one_by_one=(),
)


def pair(task: FakeTask, now: pd.DataFrame, reference: pd.DataFrame, row: str = "causal") -> Remeasured:
    key = TaskKey(task=task.name, split="test", subset="default", revision="r1", metric=task.metric)
    scores = [score_outcomes(task.metric, rows) for rows in (now, reference)]
    return Remeasured(row=row, key=key, now=now, reference=reference, score_now=scores[0], score_reference=scores[1])


def exchanged(task: FakeTask, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """An A/A pair by construction: units of two systems, drawn with replacement, each swapped or not by a coin."""
    rng = rng_for("exchange", task.name, seed)
    first, second = outcomes_of(task, skill=0.5, seed="a"), outcomes_of(task, skill=0.5, seed="b")
    of_unit = first.groupby("unit").indices
    drawn = rng.choice(sorted(of_unit), len(of_unit))
    place = np.concatenate([of_unit[unit] for unit in drawn])
    copy = np.repeat(np.arange(len(drawn)), [len(of_unit[unit]) for unit in drawn])
    swap = (rng.random(len(drawn)) < 0.5)[copy]
    a, b = (frame.iloc[place].reset_index(drop=True) for frame in (first, second))
    for frame in (a, b):
        frame["example_id"] = pd.array(
            [f"{i}#{c}" for i, c in zip(frame["example_id"], copy, strict=True)], dtype="string"
        )
        frame["unit"] = pd.array([str(c) for c in copy], dtype="string")
    for said in ("predicted_label", "predicted_score"):
        a[said], b[said] = a[said].where(~swap, b[said]), b[said].where(~swap, a[said])
    return a, b


def test_nothing_moved_is_identical() -> None:
    rows = [outcomes_of(task, skill=0.5) for task in TASKS]
    found = judge([pair(t, r, r.copy()) for t, r in zip(TASKS, rows, strict=True)], GATE)
    assert [moved.verdict for moved in found.tasks] == ["identical"] * len(TASKS)
    assert not found.losses


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_loss_is_named_and_nothing_else(task: FakeTask) -> None:
    pairs = []
    for each in TASKS:
        reference = outcomes_of(each, skill=0.8)
        now = outcomes_of(each, skill=0.2, seed="broken") if each.name == task.name else reference
        pairs.append(pair(each, now, reference))
    found = judge(pairs, GATE)
    assert [moved.key.task for moved in found.losses] == [task.name]
    (loss,) = found.losses
    assert loss.p is not None
    assert loss.p < 0.05
    assert loss.interval is not None
    assert loss.interval.high < -loss.margin
    assert loss.changed > 0


@pytest.mark.slow
def test_ten_runs_of_the_same_thing_do_not_fail() -> None:
    """Family-wise at 5 %, half a failure in ten would be expected at no loss at all; a margin leaves far fewer."""
    small = [FakeTask(task.name, task.kind, 80, task.task_type) for task in TASKS]
    for seed in range(10):
        found = judge([pair(task, *exchanged(task, seed)) for task in small], GATE, seed=seed)
        assert not found.losses, seed
        assert all(moved.changed for moved in found.tasks)


def test_a_gain_and_a_small_loss_pass() -> None:
    task = FakeTask("MiniTopic", "accuracy", 2000)
    low, high = outcomes_of(task, skill=0.5), outcomes_of(task, skill=0.9)
    assert not judge([pair(task, high, low)], GATE).losses
    slightly = high.copy()
    wrong = slightly.index[slightly["example_id"].isin([f"text-{i}" for i in range(20)])]
    slightly.loc[wrong, "predicted_label"] = "none of them"
    found = judge([pair(task, slightly, high)], GATE).tasks[0]
    assert -0.011 < found.difference < 0
    assert found.verdict == "held"


def test_a_loss_that_hits_every_example_alike_has_no_p_and_counts() -> None:
    ids = [f"e{i}" for i in range(50)]
    right = make_outcomes({"example_id": ids, "gold_label": ["a"] * 50, "predicted_label": ["a"] * 50}, 50)
    wrong = make_outcomes({"example_id": ids, "gold_label": ["a"] * 50, "predicted_label": ["b"] * 50}, 50)
    task = FakeTask("MiniTopic", "accuracy", 50)
    (found,) = judge([pair(task, wrong, right)], GATE).tasks
    assert (found.verdict, found.p) == ("loss", None)
    (back,) = judge([pair(task, right, wrong)], GATE).tasks
    assert back.verdict == "held"


@pytest.mark.slow
def test_the_family_is_all_rows_and_tasks() -> None:
    """A loss that is just significant alone is not among many true nulls."""
    task = FakeTask("MiniTopic", "accuracy", 200)
    reference = outcomes_of(task, skill=0.6)
    first = reference["trial"].eq(0)
    reference = reference[first].reset_index(drop=True)
    now = reference.copy()
    right = now.index[now["gold_label"] == now["predicted_label"]][:12]
    now.loc[right, "predicted_label"] = "none of them"
    alone = judge([pair(task, now, reference)], GATE).tasks[0]
    assert alone.p is not None
    assert alone.verdict == "loss"
    small = FakeTask("MiniContext", "probe", 60)
    others = [pair(small, *exchanged(small, seed), row=f"r{seed}") for seed in range(20)]
    among = judge([pair(task, now, reference), *others], GATE).tasks[0]
    assert among.p == pytest.approx(21 * alone.p)
    assert among.verdict != "loss"


def test_other_examples_are_refused() -> None:
    task = TASKS[0]
    rows = outcomes_of(task, skill=0.5)
    fewer = rows.iloc[:-1]
    with pytest.raises(HarnessError, match=r"MiniSTS: 0 examples only in the first, 1 only in the second.*--update"):
        judge([pair(task, fewer, rows)], GATE)


def test_the_declaration_is_read_strictly() -> None:
    text, margins = "alpha: 0.05\nvariants: [causal]\none_by_one: []\n", {"accuracy": 0.02}
    assert parse_gate(text, margins=margins).margin("accuracy") == 0.02
    with pytest.raises(HarnessError, match="declares no loss margin for spearman"):
        parse_gate(text, margins=margins).margin("spearman")
    with pytest.raises(HarnessError, match="unknown or missing field"):
        parse_gate(text + "beta: 1\n", margins=margins)
    with pytest.raises(HarnessError, match="alpha lies between"):
        parse_gate(text.replace("0.05", "2"), margins=margins)
    assert set(declared_gate().margins) == {"accuracy", "spearman", "pearson", "v_measure", "bits_per_byte"}
