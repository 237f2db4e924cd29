"""Do sequential looks keep their error rate: seeds are added, the test is made at each look, any rejection counts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.calibration.cases import ALPHA, EFFECT, CalibrationCase, half_width, rate
from harness.calibration.population import Population, Sample, sample, shift_for, truth
from harness.calibration.replicates import Replicates, crossed
from harness.calibration.report import ErrorRates
from harness.stats.effects import crossed_effect
from harness.stats.estimate import Estimate
from harness.stats.looks import spent


@dataclass(frozen=True, kw_only=True)
class LooksCase(CalibrationCase):
    """A pair with paired seeds, tested at each of `looks`; `population` has the seeds of the last one.

    With `spend` each look has its share of alpha, else all of it: what people do who look again and again.
    """

    population: Population
    looks: tuple[int, ...]
    spend: bool = True

    def measure(self, *, replicates: int, resamples: int, rng: np.random.Generator) -> ErrorRates:
        """Run the cell: type I and power are the shares of studies that reject at one look or more."""
        null = self._run(0.0, replicates=replicates, rng=rng)
        shift = shift_for(self.population, EFFECT * half_width(Replicates.of([each[-1] for each in null])) / 2)
        moved = self._run(shift, replicates=replicates, rng=rng)
        return ErrorRates(
            type_one=rate(self._rejected(null)), power=rate(self._rejected(moved)),
            effect=truth(self.population, shift=shift),
        )  # fmt: skip

    def _run(self, shift: float, *, replicates: int, rng: np.random.Generator) -> list[list[Estimate]]:
        found = []
        for _ in range(replicates):
            all_of_it = sample(self.population, shift=shift, rng=rng)
            found.append([crossed_effect(*crossed(_first(all_of_it, seeds), paired=True)) for seeds in self.looks])
        return found

    def _rejected(self, studies: list[list[Estimate]]) -> np.ndarray:
        limits = spent(self.looks, alpha=ALPHA) if self.spend else (ALPHA,) * len(self.looks)
        return np.array([
            any(e.p is not None and e.p <= limit for e, limit in zip(each, limits, strict=True)) for each in studies
        ])  # fmt: skip


def _first(s: Sample, seeds: int) -> Sample:
    return replace(s, first=s.first[:, :seeds], second=s.second[:, :seeds])
