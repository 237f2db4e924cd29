"""Paired sign-flip permutation test of a mean difference (Fisher 1935, The Design of Experiments, section 21).

Under the null hypothesis a unit's difference is as likely to have the other sign. The p value by sampling
counts the observed data as one of the permutations (Phipson and Smyth 2010, SAGMB 9(1), article 39). For a
statistic that is a sum over units only to first order the test holds for large samples (Hemerik, Goeman and
Finos 2020, JRSS B 82(3), theorem 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from harness.stats.units import FloatArray

_EXACT_UNITS = 16  # 2^16 sign patterns are enumerated, more are sampled
_CHUNK_CELLS = 1 << 22


@dataclass(frozen=True, kw_only=True)
class SignFlip:
    """Two-sided p; `permutations` were enumerated if `exact`, sampled otherwise."""

    p: float
    exact: bool
    permutations: int
    n_units: int


def sign_flip_tests(part_um: FloatArray, *, rng: np.random.Generator, resamples: int = 10_000) -> list[SignFlip]:
    """Test whether each column's sum over units is 0, `part_um` (units, m), flipping the signs of whole units.

    Exact where at most 16 units differ from 0, or all by one amount; else p = (b + 1) / (B + 1) with B = `resamples`,
    on flips that all columns share.
    """
    count = part_um.shape[0]
    # A unit without a difference has no sign to flip. Rounding makes such sums tiny rather than 0.
    size = np.abs(part_um).max(axis=0, initial=0.0)
    moving_um = (np.abs(part_um) > 1e-12 * size) & (size > 0)
    found: dict[int, SignFlip] = {}
    for j in range(part_um.shape[1]):
        moving = part_um[moving_um[:, j], j]
        if len(moving) <= _EXACT_UNITS:
            found[j] = _exact(moving, count)
        elif np.ptp(np.abs(moving)) < 1e-9 * size[j]:
            found[j] = _of_signs(moving, count)
    sampled = [j for j in range(part_um.shape[1]) if j not in found]
    if sampled:
        sums = np.where(moving_um, part_um, 0.0)[:, sampled]
        observed = _almost(sums.sum(axis=0))
        extreme = np.zeros(len(sampled), dtype=np.int64)
        for bits in sign_bits(count, resamples=resamples, rng=rng):
            extreme += np.count_nonzero(np.abs(flipped(bits, sums)) >= observed, axis=0)
        for j, b in zip(sampled, extreme.tolist(), strict=True):
            found[j] = SignFlip(p=(b + 1) / (resamples + 1), exact=False, permutations=resamples, n_units=count)
    return [found[j] for j in range(part_um.shape[1])]


def sign_bits(
    count: int, *, resamples: int, rng: np.random.Generator, first: int = 0, last: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Yield random bits (chunk, count), `resamples` rows in all; of them only rows `first` to `last`, if given.

    A row has the same bits whatever rows are asked for.
    """
    chunk = max(1, _CHUNK_CELLS // count)
    end = resamples if last is None else last
    for start in range(0, end, chunk):
        rows = min(chunk, resamples - start)
        drawn = rng.bytes(rows * (-(-count // 8)))
        if start + rows > first:
            packed = np.frombuffer(drawn, dtype=np.uint8).reshape(rows, -1)
            yield np.unpackbits(packed[max(0, first - start) : end - start], axis=1, count=count)


def flipped(bits: NDArray[np.int_] | NDArray[np.uint8], part_um: FloatArray) -> FloatArray:
    """Return the totals of `part_um` (units, m) under each row of `bits` (patterns, units), 1 keeping the sign."""
    return 2.0 * (bits.astype(np.float64) @ part_um) - part_um.sum(axis=0)


def _exact(moving: FloatArray, count: int) -> SignFlip:
    if not len(moving):
        return SignFlip(p=1.0, exact=True, permutations=1, n_units=count)
    patterns = 1 << len(moving)
    bits = (np.arange(patterns)[:, None] >> np.arange(len(moving))) & 1
    extreme = int(np.count_nonzero(np.abs(flipped(bits, moving[:, None])[:, 0]) >= _almost(moving.sum())))
    return SignFlip(p=extreme / patterns, exact=True, permutations=patterns, n_units=count)


def _of_signs(moving: FloatArray, count: int) -> SignFlip:
    """Where units differ by one amount the number of positive signs is binomial: McNemar's exact test."""
    fewer = min(np.count_nonzero(moving > 0), np.count_nonzero(moving < 0))
    p = min(1.0, 2 * float(special.bdtr(fewer, len(moving), 0.5)))
    return SignFlip(p=p, exact=True, permutations=2 ** len(moving), n_units=count)


def _almost(total: FloatArray) -> FloatArray:
    """Return |total|, a hair smaller: ties count as extreme, whatever the order of summation."""
    return np.abs(total) * (1 - 1e-10)
