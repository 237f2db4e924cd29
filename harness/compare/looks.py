"""A comparison at a declared look: its verdicts by what alpha spending leaves for this number of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from harness.compare.estimates import SEEDS_FOR_A_RECIPE
from harness.compare.families import judge_again
from harness.compare.overall import better_on
from harness.compare.results import Comparison
from harness.errors import HarnessError
from harness.stats.looks import Look, spent

LEAST_ALPHA = 0.0005  # five times the smallest p that 10,000 resamples give


def at_look(comparison: Comparison, looks: Sequence[int]) -> Comparison:
    """Judge `comparison` again, as one of the looks at `looks` (numbers of seeds, declared before the first).

    Estimates, intervals and p values stay. Over all looks an error has the probability that a single test has. Raises
    HarnessError for looks that cannot be, and where the seeds that were measured are none of them.
    """
    declared = _checked(looks)
    seeds = _seeds(comparison)
    shown = ", ".join(map(str, declared))
    if seeds not in declared:
        later = [look for look in declared if look > seeds]
        how = (
            f"train {later[0] - seeds} more (--seeds {later[0]})" if later else "a look was left out, or came too late"
        )
        raise HarnessError(f"{seeds} training seeds are not one of the declared looks ({shown}); {how}")
    number = declared.index(seeds)
    shares = spent(declared, alpha=comparison.alpha)
    if shares[0] < LEAST_ALPHA:
        raise HarnessError(
            f"a first look at {declared[0]} of {declared[-1]} seeds asks for a p of at most {shares[0]:.1g}, which no "
            "family reaches; look later for the first time"
        )
    look = Look(number=number + 1, seeds=declared, alpha=shares[number])
    tasks = tuple(judge_again(task, alpha=look.alpha) for task in comparison.tasks)
    counted = better_on(tasks, alpha=look.alpha)
    return replace(comparison, tasks=tasks, alpha=look.alpha, replicability=counted, look=look)


def _checked(looks: Sequence[int]) -> tuple[int, ...]:
    shown = ", ".join(map(str, looks))
    if len(looks) < 2 or any(after <= before for before, after in pairwise(looks)):
        raise HarnessError(f"looks are two or more growing numbers of seeds, such as 5,7,10; got {shown or 'none'}")
    if looks[0] < SEEDS_FOR_A_RECIPE:
        raise HarnessError(f"the first look has {looks[0]} seeds; it needs at least {SEEDS_FOR_A_RECIPE}")
    return tuple(looks)


def _seeds(comparison: Comparison) -> int:
    """Return the number of training seeds, the same ones on both sides and in all tasks."""
    trained = [{s for s in (t.seeds, t.seeds_against) if s != (None,)} for t in comparison.tasks]
    who = f"{comparison.variant.variant} and {comparison.against.variant}"
    if not all(trained):
        raise HarnessError(f"looks add training seeds, and neither of {who} has any; compare them without looks")
    sets = {frozenset(side) for sides in trained for side in sides}
    if len(sets) > 1:
        counts = " and ".join(map(str, sorted({len(seeds) for seeds in sets})))
        raise HarnessError(
            f"at a look {who} need the same seeds on all tasks, and here they differ ({counts} seeds); measure those "
            "that are missing"
        )
    return len(next(iter(sets)))
