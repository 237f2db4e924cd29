"""What is kept of an evaluated split and subset."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Kept:
    """`outcomes` as harness.outcomes wants them; `texts` are those that were evaluated (a classifier's own training
    texts are not among them); `note` is said on screen beside the score; `shown` is what an example asked, by id.
    """

    outcomes: pd.DataFrame
    texts: list[str]
    note: str = ""
    shown: dict[str, str] | None = None
