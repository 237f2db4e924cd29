"""One task read at several places: its cells by layer where there are several, else by token position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.compare.cells import By, Cell, cells_of
from harness.compare.entries import Entry


@dataclass(frozen=True, kw_only=True)
class Places:
    """What a task gives by place; `guess` is the share of the most frequent gold label, None for scores."""

    by: By
    cells: tuple[Cell, ...]
    guess: float | None


def read_places(outcomes: pd.DataFrame, entries: Sequence[Entry], *, scores: pd.DataFrame) -> Places | None:
    """Estimate `entries` at each place in `outcomes`, those of `scores` (results of one task, subset and metric).

    The cells are those of `harness words`. None where the outcomes name neither layer nor position.
    """
    layers, positions = (outcomes[place].nunique() for place in ("layer", "position"))
    if not layers and not positions:
        return None
    by: By = "position" if positions and layers < 2 else "layer"
    labels = outcomes["gold_label"].dropna()
    return Places(
        by=by,
        cells=tuple(cells_of(outcomes, entries, scores=scores, by=by)),
        guess=float(labels.value_counts(normalize=True).max()) if len(labels) else None,
    )
