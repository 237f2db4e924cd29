"""A published study beside what was measured here, where the store holds its protocol."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.reproduce import Line, compare_with_paper, in_lines
from harness.store import Store
from harness.suites.words import PAPER_TYPE
from harness.suites.words.figures import paper_base
from leaderboard.model import Base


@dataclass(frozen=True, kw_only=True)
class Published:
    """Feng et al. 2025 on `paper`, one of their bases, beside the `variants` of ours."""

    paper: str
    variants: tuple[str, ...]
    lines: tuple[Line, ...]


def read_published(store: Store, base: Base, everything: pd.DataFrame) -> Published | None:
    """Return the study beside `base`, None if `everything` (Store.scores with `beside`) has none of its tasks."""
    mine = everything[everything["base"].eq(base.name) & everything["task_type"].eq(PAPER_TYPE)]
    if not base.name or mine.empty:
        return None
    paper = paper_base(base.name, None)
    variants, lines = in_lines(compare_with_paper(store, base=base.name, paper_base=paper))
    return Published(paper=paper, variants=variants, lines=tuple(lines))
