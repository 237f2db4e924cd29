"""One of N equal parts of a plan, for machines that share nothing: each stores its own, `harness merge` joins them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from harness.errors import HarnessError
from harness.run.systems import AnySystem, PlannedSystem
from harness.suites.task import Task


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Part `number` (from 1) of `of` parts. What is in it depends on what is asked for alone, not on what is stored."""

    number: int
    of: int

    @classmethod
    def parse(cls, said: str) -> Shard:
        """`3/40` ─▶ part 3 of 40. Raises HarnessError for anything else."""
        found = re.fullmatch(r"([0-9]+)/([0-9]+)", said.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise HarnessError(f"--shard {said}: give the number of the part and of all parts, from 1/40 to 40/40")
        return cls(number=int(found[1]), of=int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, systems: Sequence[AnySystem], tasks: Sequence[Task]) -> list[tuple[Task, ...]]:
        """The tasks of each system that are in this part.

        The cells (a system and a task) stand in a row: systems that share stages beside each other, so that few parts
        train the same stage. The row is cut where the costs of the tasks add up to equal parts. No part costs more than
        the mean and its dearest cell.
        """
        costs = _costs(tasks)
        order = sorted(range(len(systems)), key=lambda place: (_stages(systems[place]), place))
        whole = sum(costs) * len(systems)
        mine: list[tuple[Task, ...]] = [()] * len(systems)
        before = 0
        for place in order:
            for task, cost in zip(tasks, costs, strict=True):
                # the part in which the middle of the cell lies
                if (2 * before + cost) * self.of // (2 * whole) == self.number - 1:
                    mine[place] = (*mine[place], task)
                before += cost
        return mine


def _costs(tasks: Sequence[Task]) -> list[int]:
    """What each task says that it costs, at least 1; a task that does not say it counts as the mean of the others."""
    said = [task.cost for task in tasks]
    known = [max(1, cost) for cost in said if cost is not None]
    usual = round(mean(known)) if known else 1
    return [usual if cost is None else max(1, cost) for cost in said]


def _stages(system: AnySystem) -> tuple[str, ...]:
    return tuple(stage.digest for stage in system.lineage) if isinstance(system, PlannedSystem) else ()
