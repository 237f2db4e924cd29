"""Paired sign-flip permutation test of a mean difference (Fisher 1935, The Design of Experiments, section
21).

Under the null hypothesis a unit's difference is as likely to have the other sign. The p value by sampling
counts the observed data as one of the permutations (Phipson and Smyth 2010, SAGMB 9(1), article 39).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.stats.units import FloatArray, finite, partition

_EXACT_UNITS = 16  # 2^16 sign patterns are enumerated, more are sampled
_CHUNK_CELLS = 1 << 22


@dataclass(frozen=True, kw_only=True)
class SignFlip:
    """Two-sided p; `permutations` were enumerated if `exact`, sampled otherwise."""

    p: float
    exact: bool
    permutations: int
    n_units: int


def sign_flip_test(
    differences: ArrayLike,
    *,
    units: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> SignFlip:
    """Test whether the (weighted) mean of `differences` (n,) is 0, flipping the signs of whole units.

    Exact where at most 16 units differ from 0; else p = (b + 1) / (B + 1) with B = `resamples`.
    """
    difference = finite(differences, what="differences")
    parts = partition(len(difference), units)
    sums = parts.total(difference if weights is None else difference * finite(weights, what="weights"))
    # A unit without a difference has no sign to flip. Rounding makes such sums tiny rather than 0.
    size = np.abs(sums).max(initial=0.0)
    moving = sums[np.abs(sums) > 1e-12 * size] if size > 0 else sums[:0]
    if not len(moving):
        return SignFlip(p=1.0, exact=True, permutations=1, n_units=parts.count)
    observed = abs(moving.sum()) * (1 - 1e-10)  # ties count as extreme, whatever the order of summation
    if len(moving) <= _EXACT_UNITS:
        patterns = 1 << len(moving)
        bits = (np.arange(patterns)[:, None] >> np.arange(len(moving))) & 1
        extreme = int(np.count_nonzero(np.abs(_flipped(bits, moving)) >= observed))
        return SignFlip(p=extreme / patterns, exact=True, permutations=patterns, n_units=parts.count)
    extreme = 0
    chunk = max(1, _CHUNK_CELLS // len(moving))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        packed = np.frombuffer(rng.bytes(rows * (-(-len(moving) // 8))), dtype=np.uint8).reshape(rows, -1)
        signs = np.unpackbits(packed, axis=1, count=len(moving))
        extreme += int(np.count_nonzero(np.abs(_flipped(signs, moving)) >= observed))
    return SignFlip(p=(extreme + 1) / (resamples + 1), exact=False, permutations=resamples, n_units=parts.count)


def _flipped(bits: NDArray[np.int_] | NDArray[np.uint8], sums: FloatArray) -> FloatArray:
    """Return the total of `sums` (units,) under each row of `bits` (patterns, units), 1 keeping the sign."""
    return 2.0 * (bits.astype(np.float64) @ sums) - sums.sum()
