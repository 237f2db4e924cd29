"""What reading one split and subset of an evaluated task takes, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One evaluation of one split and subset: `draws` is the state of the task's random generator before it."""

    split: str
    subset: str
    draws: Any = None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """`outcomes` as harness.outcomes wants them; `texts` are those that were evaluated (a classifier's own training
    texts are not among them); `note` is said on screen beside the score; `shown` is what an example asked, by id.
    """

    outcomes: pd.DataFrame
    texts: list[str]
    note: str = ""
    shown: dict[str, str] | None = None
