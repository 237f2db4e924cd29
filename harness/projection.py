"""One fixed map from the vectors of a model to fewer numbers, so that models of several widths can be read at one.

It is drawn by the two widths alone: every system of a base, and every run, is read through the same map.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError

SEED = 20_240_607


def require_narrower(wide: int, narrow: int) -> None:
    """Raise HarnessError where vectors of `wide` numbers have no `narrow` ones to be mapped to."""
    if narrow > wide:
        raise HarnessError(f"vectors of {wide} numbers cannot be read at width {narrow}; take {wide} or less")


@lru_cache(maxsize=4)
def projection(wide: int, narrow: int) -> NDArray[np.float32]:
    """The map (`wide`, `narrow`) that vectors of `wide` numbers are multiplied by.

    Its columns are orthogonal and equally long. Over draws of the map it keeps inner products on average: it is a
    random projection times √(wide / narrow), and a rotation where both are equal. Raises HarnessError where `narrow` is
    larger than `wide`.
    """
    require_narrower(wide, narrow)
    # The stream of RandomState is the same in every version of numpy.
    normal = np.random.RandomState([SEED, wide, narrow]).standard_normal((wide, narrow))
    orthonormal, upper = np.linalg.qr(normal)
    # Without the signs, how the library counts the columns' directions would decide.
    found = (orthonormal * np.sign(np.diag(upper)) * np.sqrt(wide / narrow)).astype(np.float32)
    found.setflags(write=False)
    return found
