"""Which examples belong together: the one place that partitions units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import HarnessError

FloatArray = NDArray[np.float64]
MIN_UNITS = 5  # fewer give no bootstrap worth the name
_CHUNK_CELLS = 1 << 21  # resamples are made in pieces of about 16 MB


@dataclass(frozen=True)
class Units:
    """A partition of n examples: `code` (n,) numbers each example's unit from 0 to `count` - 1."""

    code: NDArray[np.intp]
    count: int

    def total(self, values: FloatArray) -> FloatArray:
        """Sum `values`, (n,) or (n, k), within units: (count,) or (count, k)."""
        if values.ndim == 1:
            return np.bincount(self.code, weights=values, minlength=self.count).astype(np.float64)
        return np.stack([self.total(column) for column in values.T], axis=1)


def partition(n: int, units: ArrayLike | None) -> Units:
    """Number the units of `n` examples; `units` (n,) are any labels, None makes each example its own unit."""
    if units is None:
        return Units(np.arange(n), n)
    labels: NDArray[Any] = np.asarray(units)
    if labels.shape != (n,):
        raise HarnessError(f"{n} examples need {n} units, got {labels.shape[0] if labels.ndim else 1}")
    names, code = np.unique(labels, return_inverse=True)
    return Units(code.astype(np.intp), len(names))


def bootstrap_counts(count: int, *, resamples: int, rng: np.random.Generator) -> Iterator[tuple[slice, FloatArray]]:
    """Yield (rows, counts) in chunks: how often each unit is drawn, (count, chunk), in resamples `rows`."""
    chunk = max(1, min(resamples, _CHUNK_CELLS // count))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = rng.integers(0, count, size=(count, size), dtype=np.int64)
        drawn *= size
        drawn += np.arange(size)
        counts = np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
        yield slice(start, start + size), counts.astype(np.float64)


def degrees_of_freedom(share_u: FloatArray) -> float:
    """Return the degrees of freedom of a variance over units: their number less 1 where all have one share (units,).

    Bell and McCaffrey 2002, Survey Methodology 28(2): where a few large units make most of the mean, less is known of
    its variance than their number says.
    """
    count, square = len(share_u), share_u**2
    return float(square.sum() ** 2 / (square**2).sum() * (count - 1) / count)


def finite(values: ArrayLike, *, what: str) -> FloatArray:
    """Return `values` as float64; raise HarnessError if any is not a finite number."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise HarnessError(f"the {what} have a value that is not a finite number")
    return array
