"""The largest predicted score: how far a loss moves at most. A maximum is described, not tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.metrics.answers import Aligned
from harness.metrics.metric import Found, Metric, scores_of, weights_of

if TYPE_CHECKING:
    from harness.stats import Contrast, Contributions


def _of(rows: pd.DataFrame) -> float:
    return float(scores_of(rows)[1].max())


def _describe(
    data: Aligned,
    contrasts: Sequence[Contrast],
    *,
    table: Contributions | None,
    rng: np.random.Generator,
    resamples: int,
) -> list[Found]:
    values = data.answer_nk.max(axis=0)
    return [Found(value=float(values @ weight)) for weight in weights_of(contrasts, data)]


METRICS = (
    Metric(
        name="largest_change", answers="score", of=_of, estimate=_describe, better="lower", scale=1.0, digits=3,
        unit="bits", least_span=0.01,
    ),
)  # fmt: skip
