"""A published study next to our own results, where the store holds results of its protocol."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.reproduce import Line, compare_with_paper, in_lines
from harness.store import Store
from harness.suites.words.feng2025 import TASK_TYPE as PAPER_TYPE
from harness.suites.words.figures import paper_base
from leaderboard.model import BaseSection


@dataclass(frozen=True, kw_only=True)
class Published:
    """The figures of Feng et al. 2025 for `paper`, one of their bases, next to those of our `variants`."""

    paper: str
    variants: tuple[str, ...]
    lines: tuple[Line, ...]


def read_published(store: Store, base: BaseSection, everything: pd.DataFrame) -> Published | None:
    """Return the study next to `base`; None if `everything` (Store.scores with `beside`) has none of its tasks."""
    mine = everything[everything["base"].eq(base.name) & everything["task_type"].eq(PAPER_TYPE)]
    if not base.name or mine.empty:
        return None
    paper = paper_base(base.name, None)
    variants, lines = in_lines(compare_with_paper(store, base=base.name, paper_base=paper))
    return Published(paper=paper, variants=variants, lines=tuple(lines))
