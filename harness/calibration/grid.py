"""The cells of a calibration on synthetic outcomes, and where no validity is claimed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product

from harness.calibration.cases import (
    CROSSED,
    FLIPS,
    PAIRS,
    AcrossCase,
    CalibrationCase,
    FamilyCase,
    HierarchicalCase,
    MarginCase,
    MeanRanksCase,
    TaskCase,
)
from harness.calibration.looks import LooksCase
from harness.calibration.population import Population
from harness.calibration.replicates import (
    crossed_seeds,
    each_alone,
    naive_multi_bootstrap,
    one_seed_correlation,
    one_seed_means,
)
from harness.stats.across import LEAST_TASKS

_UNPAIRED, _PAIRED = (partial(each_alone, partial(crossed_seeds, paired=paired)) for paired in (False, True))
_flips = partial(TaskCase, method=FLIPS, runner=one_seed_means)
_pairs = partial(TaskCase, method=PAIRS, runner=partial(each_alone, one_seed_correlation))
_crossed = partial(TaskCase, method=CROSSED, runner=_PAIRED)
SAFE = "on the safe side: p is coarse, or larger than it has to be"
FEW_SEEDS = "fewer than 5 seeds: the variance of seeds is known too badly"
CHECK = "a check, shown for comparison; no verdict rests on it"


def synthetic_grid(*, quick: bool) -> list[CalibrationCase]:
    """Return the cells, a representative part of them if `quick`."""
    cases = [*_one_seed(quick=quick), *_seeds(quick=quick), *_draws(quick=quick)]
    cases += [*_margins(), *_across(quick=quick), *_families(quick=quick), *_looks(quick=quick)]
    return cases


def _one_seed(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for n in (100, 1_000) if quick else (100, 300, 1_000, 10_000):
        population = Population(outcome="accuracy", examples=n, units=n)
        coarse = "the two differ on some 30 examples: p is coarse, on the safe side" if n < 300 else ""
        times = 1 if n > 1_000 else 4
        made.append(_flips(design=f"accuracy, {n} examples", population=population, why=coarse, times=times))
    for n in (100,) if quick else (100, 1_000):
        population = Population(outcome="score", examples=n, units=n)
        made.append(_flips(design=f"scores, {n} examples", population=population))
    for units in (12, 60) if quick else (12, 25, 60, 200):
        population = Population(outcome="accuracy", examples=5 * units, units=units, system=0.7)
        few = "fewer than 50 units" if units < 50 else ""
        made.append(_flips(design=f"accuracy, {units} clusters of 5", population=population, why=few))
    for units in (60,) if quick else (60, 200):
        population = Population(outcome="accuracy", examples=8 * units, units=units, system=0.7, unequal=True)
        made.append(_flips(design=f"accuracy, {units} clusters of very unequal size", population=population, why=SAFE))
    for n in (300,) if quick else (300, 1_000):
        population = Population(outcome="accuracy", examples=n, units=n, level=3.6)
        made.append(_flips(design=f"accuracy near 100 %, {n} examples", population=population, why=SAFE, times=4))
    for n in (50,) if quick else (50, 100, 300):
        population = Population(outcome="score", examples=n, units=n, rare=True)
        made.append(_flips(design=f"scores, {n} queries, rare large losses", population=population, why=SAFE))
    for n, ties in ((100, True), (300, True)) if quick else ((100, True), (100, False), (300, True), (1_000, True)):
        population = Population(outcome="spearman", examples=n, units=n, ties=ties)
        made.append(_pairs(design=f"Spearman, {n} examples{', tied gold' if ties else ''}", population=population))
    for seed, points in ((0.022, 0.5), (0.044, 1), (0.088, 2)):
        population = Population(outcome="accuracy", examples=1_000, units=1_000, seed=seed)
        design = f"accuracy, 1000 examples, one seed (sd {points:g} points), read as a claim about the recipe"
        made.append(_flips(design=design, population=population, why="one seed says nothing about other seeds"))
    return made


def _seeds(*, quick: bool) -> list[CalibrationCase]:
    five = Population(outcome="accuracy", examples=200, units=200, seeds=5)
    profiles = {
        "same recipe, seeds × examples only": replace(five, system=0.0, seed=0.0, noise=1.0),
        "systems differ by example": replace(five, system=0.5, seed=0.0, noise=1.0),
        "large seed variance": replace(five, system=0.3, seed=0.15, noise=0.7),
    }
    made: list[CalibrationCase] = []
    for seeds in (2, 3, 5, 10) if quick else (2, 3, 4, 5, 7, 10):
        for name, profile in profiles.items():
            if quick and seeds in (2, 3) and name != "large seed variance":
                continue
            for n in (200,) if quick else (100, 1_000):
                design = f"accuracy, {n} examples, {seeds} paired seeds, {name}"
                population = replace(profile, examples=n, units=n, seeds=seeds)
                made.append(_crossed(design=design, population=population, why="" if seeds >= 5 else FEW_SEEDS))
    for name, profile in profiles.items():
        if not quick or profile.seed:
            design = f"accuracy, 200 examples, 5 unpaired seeds, {name}"
            made.append(_crossed(design=design, runner=_UNPAIRED, population=profile))
            tied = replace(profile, outcome="spearman", examples=300, units=300, ties=True)
            design = f"Spearman, 300 examples, tied gold, 5 paired seeds, {name}"
            made.append(_crossed(design=design, population=tied))
            clusters = replace(profile, examples=300, units=60)
            made.append(_crossed(design=f"accuracy, 60 clusters of 5, 5 paired seeds, {name}", population=clusters))
    if not quick:
        large = replace(five, examples=10_000, units=10_000, system=0.5, seed=0.05)
        made.append(_crossed(design="accuracy, 10000 examples, 5 paired seeds", population=large))
    for seeds in (5,) if quick else (5, 10):
        design = f"accuracy, 1000 examples, {seeds} paired seeds, one in ten collapses"
        population = Population(outcome="accuracy", examples=1_000, units=1_000, seeds=seeds, seed=0.1, collapse=True)
        made.append(_crossed(design=design, population=population, why="seeds are not normal"))
    naive = partial(TaskCase, method="multi-bootstrap, percentile", runner=partial(each_alone, naive_multi_bootstrap))
    for name in ("same recipe, seeds × examples only", "large seed variance"):
        design = f"accuracy, 100 examples, 5 paired seeds, {name}"
        made.append(naive(design=design, population=replace(profiles[name], examples=100, units=100), why=CHECK))
    return made


def _draws(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for seeds, draw in ((1, 0.15), (5, 0.15)) if quick else ((1, 0.0), (1, 0.15), (5, 0.0), (5, 0.15), (10, 0.15)):
        population = Population(
            outcome="accuracy", examples=200, units=200, seeds=seeds, draws=10, system=0.3,
            seed=0.1 if seeds > 1 else 0.0, noise=0.7, draw=draw,
        )  # fmt: skip
        seeded = f", {seeds} paired seeds" if seeds > 1 else ""
        design = f"accuracy, 200 examples, 10 draws{' that differ' if draw else ''}{seeded}"
        made.append(TaskCase(method="draws × examples", design=design, runner=_PAIRED, population=population))
    return made


def _margins() -> list[CalibrationCase]:
    one = Population(outcome="accuracy", examples=300, units=300)
    five = Population(outcome="accuracy", examples=200, units=200, seeds=5, system=0.3, seed=0.1, noise=0.7)
    tost = partial(MarginCase, method="equivalence (TOST)", gate=False)
    loss = partial(MarginCase, method="loss beyond a margin", gate=True)
    return [
        tost(design="accuracy, 300 examples", runner=one_seed_means, population=one),
        tost(design="accuracy, 200 examples, 5 paired seeds", runner=_PAIRED, population=five),
        tost(
            design="accuracy near 100 %, 1000 examples, margin 1 point",
            runner=one_seed_means,
            margin=0.01,
            why=SAFE,
            population=Population(outcome="accuracy", examples=1_000, units=1_000, level=3.6),
        ),
        loss(design="accuracy, 300 examples", runner=one_seed_means, population=one),
    ]


def _looks(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for looks in ((5, 7, 10),) if quick else ((5, 10), (5, 7, 10), (6, 8, 10, 12)):
        for spread, name in ((0.15, "large seed variance"), (0.0, "seeds × examples only")):
            population = Population(
                outcome="accuracy", examples=200, units=200, seeds=looks[-1], system=0.3, seed=spread, noise=0.7
            )
            shown = ", ".join(map(str, looks))
            case = partial(LooksCase, population=population, looks=looks)
            made.append(case(method="sequential looks", design=f"at {shown} paired seeds, {name}", why=SAFE))
            if spread:
                plain = case(method="looks without a rule", design=f"at {shown} paired seeds, {name}", spend=False)
                made.append(replace(plain, why="each look tests at 5 %: what the rule is for"))
    return made


def _across(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    over = partial(AcrossCase, method="mean over tasks")
    for tasks in (5, 7, 20) if quick else (2, 5, 7, 13, 20, 60):
        for seeds in (1, 5) if quick else (1, 3, 5, 10):
            why = "fewer than 6 tasks: the mean is not tested" if tasks < LEAST_TASKS else ""
            why = FEW_SEEDS if 1 < seeds < 5 else why
            made.append(over(design=f"{tasks} tasks{_seeded(seeds)}", tasks=tasks, seeds=seeds, why=why))
    made.append(over(design="7 tasks, heavy tails", tasks=7, seeds=1, heavy=True))
    check = partial(HierarchicalCase, method="hierarchical bootstrap-t", why=CHECK)
    for tasks, seeds in ((7, 1),) if quick else ((7, 1), (7, 5), (20, 1), (20, 5)):
        made.append(check(design=f"{tasks} tasks of 100 examples{_seeded(seeds)}", tasks=tasks, seeds=seeds))
    return made


def _families(*, quick: bool) -> list[CalibrationCase]:
    family = partial(FamilyCase, method="max-T", systems=3)
    made: list[CalibrationCase] = []
    for systems, tasks, seeds in ((3, 6, 5), (5, 12, 5)) if quick else product((3, 5), (6, 8, 12, 20), (1, 5, 10)):
        design = f"{systems} systems × {tasks} tasks{_seeded(seeds)}"
        of_mean = partial(MeanRanksCase, systems=systems, tasks=tasks, seeds=seeds)
        made.append(of_mean(method="ranks of the mean", design=design, why=SAFE if seeds > 1 or tasks == 6 else ""))
    for seeds in (1, 5):
        for moved in (0, 1):
            for tasks in (7,) if quick else (7, 20):
                for n in (200,) if seeds == 1 else (400,) if quick else (100, 400):
                    some = ", one system far better" if moved else ""
                    design = f"3 pairs × {tasks} tasks of {n} examples{_seeded(seeds)}{some}"
                    why = SAFE if n == 100 else ""  # the examples' share of the variance is as large as the seeds'
                    made.append(family(design=design, tasks=tasks, seeds=seeds, moved=moved, examples=n, why=why))
    return made


def _seeded(seeds: int) -> str:
    return f", {seeds} seeds" if seeds > 1 else ""
