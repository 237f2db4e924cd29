"""`harness figure`: a figure of the results, for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


def figure(
    kind: Annotated[str, typer.Argument(metavar="FIGURE", help="ladder, dose or budget.")],
    out: Annotated[Path, typer.Option("--out", help="The file: its name ends in .pdf, .svg or .png.")],
    base: options.BaseName = "mini",
    tasks: options.Tasks = None,
    db: options.Db = options.DB,
) -> None:
    """Draw a figure of the results for a paper, and write it as PDF, SVG or PNG.

    ladder: the steps of the ladder, each with its mean difference and its tasks. dose: scores by the degree of the
    mask (`harness dose`). budget: scores by training steps (`harness run --variant bidir-mntp --at 0,50`).

    It needs matplotlib: pip install 'encoder-harness[figures]'.
    """
    from harness.compare.analysis import analyse
    from harness.compare.contrasts import declared_contrasts
    from harness.compare.entries import current_entries, find_base
    from harness.errors import HarnessError, near_names
    from harness.store import Store
    from leaderboard.plots import KINDS, check_out, ladder_figure, points_figure

    if kind not in KINDS:
        raise HarnessError(f"there is no figure {kind!r}; {near_names(kind, KINDS)}")
    check_out(out)
    store, chosen = Store(db, read_only=True), options.names(tasks)
    if kind != "ladder":
        points_figure(store, kind, out, base=base, tasks=chosen)
        print(out)
        return
    entries = current_entries(store)
    here = find_base(entries, base)
    family = [e for e in entries if (e.base == here and not e.read_otherwise) or e.is_reference]
    by = {entry.variant: entry for entry in family if not entry.is_reference}
    pairs = [(by[s.variant], by[s.against]) for s in declared_contrasts().ladder if {s.variant, s.against} <= set(by)]
    if not pairs:
        raise HarnessError(f"the database has no step of the ladder on base {base!r}; measure two with `harness run`")
    asked = list({entry.name: entry for pair in pairs for entry in pair}.values())
    steps = analyse(store, entries=asked, pairs=pairs, family=family, tasks=chosen).comparisons
    if not any(step.tasks for step in steps):
        raise HarnessError("no step of the ladder has a task of --tasks; `harness ls tasks` lists them")
    ladder_figure(steps, out)
    print(out)
