"""Results of several bases with a planted interaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.compare import current_entries
from harness.compare.axis.analysis import analyse_axis
from harness.compare.axis.declared import BaseAxis, measured_axis, read_axes
from harness.compare.axis.results import AxisAnalysis, Interaction
from harness.store import Store
from tests.compare.kit import FEW, labelled
from tests.factory import add_system, rng_for

N = 400
LEVELS = {"wide": ["wide-0", "wide-1"], "deep": ["deep-0", "deep-1"]}
GAINS = {"wide": 0.05, "deep": 0.30}  # of the step bidir-mntp - bidir in the share of right answers


def right(base: str, variant: str, gain: float, *, seed: object = 0) -> np.ndarray:
    """Which of N examples a system has right: the easy ones, those that all bases find easy first, and `gain` more."""
    ease = rng_for("ease").random(N) + 0.3 * rng_for(base, variant, seed).random(N)
    return ease < np.quantile(ease, 0.4 + (gain if variant == "bidir-mntp" else 0.0))


def shapes(path: Path, *, seeds: int = 2, levels: Mapping[str, list[str]] = LEVELS) -> Store:
    """Causal, bidir and bidir-mntp on every base; the last step gains more on deep than on wide in MiniTopic alone."""
    store = Store(path / "shapes.duckdb")
    with store.together():
        for level, bases in levels.items():
            for base in bases:
                for variant in ("causal", "bidir", "bidir-mntp"):
                    for seed in range(seeds) if variant == "bidir-mntp" else [None]:
                        run = add_system(store, variant, base=base, seed=seed, tasks=[], base_revision=f"of-{base}")
                        gain = GAINS.get(level, 0.05)
                        store.add_result(run, labelled("MiniTopic", right(base, variant, gain, seed=seed)))
                        store.add_result(run, labelled("MiniOther", right(base, variant, 0.1, seed=(seed, "o"))))
    return store


def axis(levels: Mapping[str, list[str]] = LEVELS) -> BaseAxis:
    return read_axes({"shape": {"change": "depth", "levels": dict(levels)}}, where="test")[0]


def found_in(store: Store, of: BaseAxis | None = None, **options: object) -> AxisAnalysis:
    entries = current_entries(store)
    return analyse_axis(store, measured_axis(of or axis(), entries), entries=entries, resamples=FEW, **options)


def interaction(found: AxisAnalysis, task: str, variant: str, level: str = "deep") -> Interaction:
    [one] = [i for i in found.interactions if (i.key.task, i.step.variant, i.level) == (task, variant, level)]
    return one
