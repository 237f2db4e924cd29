"""Parts of a plan: each result in exactly one, equal in cost, whatever is stored; merged they are the whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.errors import HarnessError
from harness.run.plan import RunPlan
from harness.run.shard import Shard
from harness.store import Store
from harness.store.merge import merge
from harness.suites.mini import SUITE as MINI
from tests.run.kit import SMALL, go, plan, request

COST = {task.name: task.cost for task in MINI.tasks}


def cells(planned: RunPlan) -> list[tuple[str, str]]:
    return [(job.label, task.name) for job in planned.jobs for task in job.missing]


def test_every_result_is_in_one_part_and_parts_cost_the_same(tiny_base: Path, store: Store) -> None:
    variants = ("bidir", "bidir-mntp", "bidir-simcse", "bidir-supcon", "ninth")
    planned = plan(request(tiny_base, *variants, seeds=(0, 1)), store)
    systems = [job.system for job in planned.jobs]
    whole = sorted((place, task) for place in range(len(systems)) for task in MINI.names)
    for n in (1, 3, 7, 40, 200):
        shares = [Shard(number=k, of=n).share(systems, MINI.tasks) for k in range(1, n + 1)]
        parts = [[(place, task.name) for place, tasks in enumerate(share) for task in tasks] for share in shares]
        assert sorted(cell for part in parts for cell in part) == whole
        costs = [sum(COST[task] for _, task in part) for part in parts]
        assert max(abs(cost - sum(costs) / n) for cost in costs) <= max(COST.values())
    trained = [place for place, job in enumerate(planned.jobs) if job.label.startswith("bidir-")]
    halves = [
        {place for place, tasks in enumerate(Shard(number=k, of=2).share(systems, MINI.tasks)) if tasks} for k in (1, 2)
    ]
    seeds = [{place for place in trained if planned.jobs[place].label.endswith(f"(seed {seed})")} for seed in (0, 1)]
    assert all(len(half & seed) != 2 for half in halves for seed in seeds), "who shares a stage stands together"


@pytest.mark.slow
def test_a_part_does_not_depend_on_what_is_stored(tiny_base: Path, store: Store) -> None:
    asked = request(tiny_base, "bidir", "ninth")
    parts = [plan(replace(asked, shard=Shard(number=k, of=2)), store) for k in (1, 2)]
    assert sorted(cell for part in parts for cell in cells(part)) == sorted(cells(plan(asked, store)))
    go(request(tiny_base, "causal", tasks=("SmallSTS",)), store)
    for part, again in zip(
        parts, [plan(replace(asked, shard=Shard(number=k, of=2)), store) for k in (1, 2)], strict=True
    ):
        assert cells(again) == [cell for cell in cells(part) if cell != ("causal", "SmallSTS")]


def test_a_part_needs_every_system(tiny_base: Path, store: Store) -> None:
    absent = request(tiny_base, "bidir", "ninth", data=(), shard=Shard(number=1, of=2))
    card = Path("model_cards/ninth.md")
    card.write_text(card.read_text().replace("examples: 40", "data: absent.txt, examples: 40"))
    with pytest.raises(
        HarnessError, match=r"--shard needs every system on every machine, and ninth is not here: .*absent"
    ):
        plan(absent, store)


@pytest.mark.parametrize("said", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3"])
def test_what_is_no_part_is_refused(said: str) -> None:
    with pytest.raises(HarnessError, match=f"--shard {said}: give the number of the part"):
        Shard.parse(said)
    assert str(Shard.parse("3/40")) == "3/40"


@pytest.mark.slow
def test_three_parts_merged_equal_the_whole(tiny_base: Path, store: Store) -> None:
    asked = request(tiny_base, "bidir", "ninth", "tenth")
    go(asked, store)
    parts = [Store(Path(f"part-{k}.duckdb")) for k in (1, 2, 3)]
    for k, part in enumerate(parts, start=1):
        part.ready()
        go(replace(asked, shard=Shard(number=k, of=3)), part)
    merged = Store(Path("merged.duckdb"))
    assert sum(each.added for each in merge([part.path for part in parts], merged.path)) == 4 * len(SMALL)
    assert plan(asked, merged).idle
    one, other = (
        each.scores(current=False).sort_values(["variant", "task"]).reset_index(drop=True) for each in (store, merged)
    )
    changes = ["result", "run_id", "seconds", "measured_at"]
    pd.testing.assert_frame_equal(one.drop(columns=changes), other.drop(columns=changes))
    for here, there in zip(one["result"], other["result"], strict=True):
        pd.testing.assert_frame_equal(
            store.outcomes(results=[here]).drop(columns="result"),
            merged.outcomes(results=[there]).drop(columns="result"),
        )
    assert merged.stages().keys() == store.stages().keys()
    assert merged.overlaps() == store.overlaps()
