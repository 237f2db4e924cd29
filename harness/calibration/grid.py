"""The cells of a calibration on synthetic outcomes, and where no validity is claimed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from harness.calibration.cases import AcrossCase, CalibrationCase, FamilyCase, HierarchicalCase, MarginCase, TaskCase
from harness.calibration.population import Population
from harness.calibration.replicates import crossed_seeds, naive_multi_bootstrap, one_seed_correlations, one_seed_means

_PAIRED = partial(crossed_seeds, paired=True)
_UNPAIRED = partial(crossed_seeds, paired=False)
_FLIPS = "sign flips, bootstrap-t"
_PAIRS = "resampling of pairs, BCa"
_CROSSED = "seeds × examples"
FEW_SEEDS = "fewer than 5 seeds: the variance of seeds is known too badly"
CHECK = "a check, shown for comparison; no verdict rests on it"


def synthetic_grid(*, quick: bool) -> list[CalibrationCase]:
    """Return the cells, a representative part of them if `quick`."""
    cases = [*_one_seed(quick=quick), *_seeds(quick=quick), *_draws(quick=quick)]
    cases += [*_margins(), *_across(quick=quick), *_families(quick=quick)]
    return cases


def _one_seed(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for n in (100, 1_000) if quick else (100, 300, 1_000, 10_000):
        population = Population(outcome="accuracy", examples=n, units=n)
        coarse = "the two differ on some 30 examples: p is coarse, on the safe side" if n < 300 else ""
        made.append(
            TaskCase(
                method=_FLIPS,
                design=f"accuracy, {n} examples",
                runner=one_seed_means,
                population=population,
                why=coarse,
                times=1 if n > 1_000 else 4,
            )
        )
    for n in (100,) if quick else (100, 1_000):
        population = Population(outcome="score", examples=n, units=n)
        made.append(
            TaskCase(method=_FLIPS, design=f"scores, {n} examples", runner=one_seed_means, population=population)
        )
    for units in (12, 60) if quick else (12, 25, 60, 200):
        population = Population(outcome="accuracy", examples=5 * units, units=units, system=0.7)
        few = units < 50
        made.append(
            TaskCase(
                method=_FLIPS,
                design=f"accuracy, {units} clusters of 5",
                runner=one_seed_means,
                population=population,
                why="fewer than 50 units" if few else "",
            )
        )
    for n, ties in ((100, True), (300, True)) if quick else ((100, True), (100, False), (300, True), (1_000, True)):
        population = Population(outcome="spearman", examples=n, units=n, ties=ties)
        design = f"Spearman, {n} examples{', tied gold' if ties else ''}"
        made.append(TaskCase(method=_PAIRS, design=design, runner=one_seed_correlations, population=population))
    population = Population(outcome="accuracy", examples=1_000, units=1_000, seed=0.05)
    made.append(
        TaskCase(
            method=_FLIPS,
            design="accuracy, 1000 examples, one seed, read as a claim about the recipe",
            runner=one_seed_means,
            population=population,
            why="one seed says nothing about other seeds",
        )
    )
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
                made.append(
                    TaskCase(
                        method=_CROSSED,
                        design=f"accuracy, {n} examples, {seeds} paired seeds, {name}",
                        runner=_PAIRED,
                        population=replace(profile, examples=n, units=n, seeds=seeds),
                        why="" if seeds >= 5 else FEW_SEEDS,
                    )
                )
    for name, profile in profiles.items():
        if not quick or profile.seed:
            design = f"accuracy, 200 examples, 5 unpaired seeds, {name}"
            made.append(TaskCase(method=_CROSSED, design=design, runner=_UNPAIRED, population=profile))
            tied = replace(profile, outcome="spearman", examples=300, units=300, ties=True)
            design = f"Spearman, 300 examples, tied gold, 5 paired seeds, {name}"
            made.append(TaskCase(method=_CROSSED, design=design, runner=_PAIRED, population=tied))
            clusters = replace(profile, examples=300, units=60)
            design = f"accuracy, 60 clusters of 5, 5 paired seeds, {name}"
            made.append(TaskCase(method=_CROSSED, design=design, runner=_PAIRED, population=clusters))
    if not quick:
        large = replace(five, examples=10_000, units=10_000, system=0.5, seed=0.05)
        design = "accuracy, 10000 examples, 5 paired seeds"
        made.append(TaskCase(method=_CROSSED, design=design, runner=_PAIRED, population=large))
    for name in ("same recipe, seeds × examples only", "large seed variance"):
        made.append(
            TaskCase(
                method="multi-bootstrap, percentile",
                design=f"accuracy, 100 examples, 5 paired seeds, {name}",
                runner=partial(naive_multi_bootstrap, paired=True),
                population=replace(profiles[name], examples=100, units=100),
                why=CHECK,
            )
        )
    return made


def _draws(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for seeds, draw in ((1, 0.15), (5, 0.15)) if quick else ((1, 0.0), (1, 0.15), (5, 0.0), (5, 0.15), (10, 0.15)):
        population = Population(
            outcome="accuracy",
            examples=200,
            units=200,
            seeds=seeds,
            draws=10,
            system=0.3,
            seed=0.1 if seeds > 1 else 0.0,
            noise=0.7,
            draw=draw,
        )
        seeded = f", {seeds} paired seeds" if seeds > 1 else ""
        design = f"accuracy, 200 examples, 10 draws{' that differ' if draw else ''}{seeded}"
        made.append(TaskCase(method="draws × examples", design=design, runner=_PAIRED, population=population))
    return made


def _margins() -> list[CalibrationCase]:
    one = Population(outcome="accuracy", examples=300, units=300)
    five = Population(outcome="accuracy", examples=200, units=200, seeds=5, system=0.3, seed=0.1, noise=0.7)
    return [
        MarginCase(
            method="equivalence (TOST)",
            design="accuracy, 300 examples",
            runner=one_seed_means,
            population=one,
            gate=False,
        ),
        MarginCase(
            method="equivalence (TOST)",
            design="accuracy, 200 examples, 5 paired seeds",
            runner=_PAIRED,
            population=five,
            gate=False,
        ),
        MarginCase(
            method="loss beyond a margin",
            design="accuracy, 300 examples",
            runner=one_seed_means,
            population=one,
            gate=True,
        ),
    ]


def _across(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for tasks in (7, 20) if quick else (5, 7, 13, 20, 60):
        for seeds in (1, 5) if quick else (1, 3, 5, 10):
            seeded = f", {seeds} seeds" if seeds > 1 else ""
            why = "5 tasks have 32 sign patterns: p cannot reach 5 %" if tasks < 6 and seeds == 1 else ""
            why = FEW_SEEDS if 1 < seeds < 5 else why
            made.append(
                AcrossCase(
                    method="mean over tasks",
                    design=f"{tasks} tasks{seeded}",
                    tasks=tasks,
                    seeds=seeds,
                    why=why,
                )
            )
    made.append(AcrossCase(method="mean over tasks", design="7 tasks, heavy tails", tasks=7, seeds=1, heavy=True))
    for tasks, seeds in ((7, 1),) if quick else ((7, 1), (7, 5), (20, 1), (20, 5)):
        seeded = f", {seeds} seeds" if seeds > 1 else ""
        made.append(
            HierarchicalCase(
                method="hierarchical bootstrap-t",
                design=f"{tasks} tasks of 100 examples{seeded}",
                tasks=tasks,
                seeds=seeds,
                why=CHECK,
            )
        )
    return made


def _families(*, quick: bool) -> list[CalibrationCase]:
    made: list[CalibrationCase] = []
    for seeds in (1, 5):
        for moved in (0, 1):
            for tasks in (7,) if quick else (7, 20):
                for n in (200,) if seeds == 1 else (400,) if quick else (100, 400):
                    seeded = f", {seeds} seeds" if seeds > 1 else ""
                    some = ", one system far better" if moved else ""
                    made.append(
                        FamilyCase(
                            method="max-T",
                            design=f"3 pairs × {tasks} tasks of {n} examples{seeded}{some}",
                            tasks=tasks,
                            systems=3,
                            seeds=seeds,
                            moved=moved,
                            examples=n,
                        )
                    )
    return made
