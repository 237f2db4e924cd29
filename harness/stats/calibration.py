"""Does each method keep what it promises? Type-I error, coverage and power by simulation, with their error."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.stats.cases import ALPHA, Case, Rate

TYPE_ONE = (0.035, 0.065)
COVERAGE = (0.93, 0.97)
LEVEL = 1 - ALPHA


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One method on one design. `claimed`: the method claims validity there; `why` says why not.

    `type_one` is the family-wise error where the method adjusts for a family, `power` the share of effects of
    size `effect` that were found. None: the method has no such thing.
    """

    method: str
    design: str
    claimed: bool
    why: str
    effect: float | None
    type_one: Rate | None
    coverage: Rate | None
    power: Rate | None
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether type-I error and coverage lie within the bounds that are claimed."""
        error, cover = self.type_one, self.coverage
        return (error is None or TYPE_ONE[0] <= error.value <= TYPE_ONE[1]) and (
            cover is None or COVERAGE[0] <= cover.value <= COVERAGE[1]
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """All cells of one calibration, with what made them."""

    cells: tuple[Cell, ...]
    replicates: int
    resamples: int
    seconds: float

    @property
    def broken(self) -> tuple[Cell, ...]:
        """Cells in which validity is claimed and was not found."""
        return tuple(cell for cell in self.cells if cell.claimed and not cell.kept)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists, numbers and None."""
        return asdict(self) | {"cells": [asdict(cell) for cell in self.cells]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Read what `to_json` wrote."""
        cells = []
        for cell in data["cells"]:
            fields: dict[str, Any] = dict(cell)
            for name in ("type_one", "coverage", "power"):
                fields[name] = None if cell[name] is None else Rate(**cell[name])
            cells.append(Cell(**fields))
        return cls(**{**data, "cells": tuple(cells)})


def calibrate(
    cases: Sequence[Case],
    *,
    rng: np.random.Generator,
    replicates: int = 2_000,
    resamples: int = 999,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Run `cases` (`synthetic_grid`, `outcome_cases`) with `replicates` data sets each, under no effect and one.

    `resamples` are those within a replicate. Each case has a random stream of its own, so a cell does not
    change with the cells before it. `progress` is called with how many are done, of how many, and what is next.
    """
    began = time.perf_counter()
    cells = []
    for i, (case, own) in enumerate(zip(cases, rng.spawn(len(cases)), strict=True)):
        if progress is not None:
            progress(i, len(cases), f"{case.method}: {case.design}")
        start = time.perf_counter()
        found = case.measure(replicates=replicates, resamples=resamples, rng=own)
        cells.append(
            Cell(
                method=case.method,
                design=case.design,
                claimed=case.claimed,
                why=case.why,
                effect=found.effect,
                type_one=found.type_one,
                coverage=found.coverage,
                power=found.power,
                seconds=time.perf_counter() - start,
            )
        )
    return Report(cells=tuple(cells), replicates=replicates, resamples=resamples, seconds=time.perf_counter() - began)
