"""What a calibration found: the error rates of every method on every design, with their Monte-Carlo error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

TYPE_ONE = (0.035, 0.065)
COVERAGE = (0.93, 0.97)
_RATES = ("type_one", "coverage", "power")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of replicates with its Monte-Carlo standard error."""

    value: float
    se: float
    replicates: int


@dataclass(frozen=True, kw_only=True)
class ErrorRates:
    """Error rates of one method on one design. None: the method has no such rate.

    `type_one` is the family-wise error where the method adjusts for a family, `power` the share of effects of
    size `effect` that were found.
    """

    effect: float | None = None
    type_one: Rate | None = None
    coverage: Rate | None = None
    power: Rate | None = None


@dataclass(frozen=True, kw_only=True)
class CalibrationCell(ErrorRates):
    """One method on one design. `claimed`: the method claims validity there; `why` says why not."""

    method: str
    design: str
    claimed: bool
    why: str
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether type-I error and coverage lie within the bounds that are claimed."""
        error, cover = self.type_one, self.coverage
        return (error is None or TYPE_ONE[0] <= error.value <= TYPE_ONE[1]) and (
            cover is None or COVERAGE[0] <= cover.value <= COVERAGE[1]
        )


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """All cells of one calibration, with what made them."""

    cells: tuple[CalibrationCell, ...]
    replicates: int
    resamples: int
    seconds: float

    @property
    def broken(self) -> tuple[CalibrationCell, ...]:
        """Cells in which validity is claimed and was not found."""
        return tuple(cell for cell in self.cells if cell.claimed and not cell.kept)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists, numbers and None."""
        return asdict(self) | {"cells": [asdict(cell) for cell in self.cells]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CalibrationReport:
        """Read what `to_json` wrote."""
        cells = []
        for cell in data["cells"]:
            rates = {name: None if cell[name] is None else Rate(**cell[name]) for name in _RATES}
            cells.append(CalibrationCell(**{**cell, **rates}))
        return cls(**{**data, "cells": tuple(cells)})
