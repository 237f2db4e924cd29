"""`harness table`: scores with verdict marks, for a paper."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def table(
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant. Repeatable (default: all measured variants)."),
    ] = None,
    against: Annotated[str, typer.Option("--against", help="What the others are compared with.")] = "causal",
    form: Annotated[str, typer.Option("--format", help="latex, markdown or csv.")] = "markdown",
    base: options.BaseName = "mini",
    tasks: options.Tasks = None,
    db: options.Db = options.DB,
) -> None:
    """Print a table for a paper: scores of variants on tasks, with verdict marks and a caption.

    The caption names the family of tests, the training seeds and the numbers of examples. LaTeX needs the package
    booktabs. CSV has one row for each task and variant, with intervals and p values. Tasks of the retention suite are
    in the table only if --tasks names them.

    Example: harness table --variant bidir --variant bidir-supcon --format latex > table.tex
    """
    from harness.cli.streams import data_stream
    from harness.compare.analysis import compare_each
    from harness.compare.contrasts import declared_contrasts
    from harness.compare.entries import current_entries, find_base
    from harness.errors import HarnessError, near_names
    from harness.store import Store
    from leaderboard.papertable import FORMATS, paper_table, write_table

    if form not in FORMATS:
        raise HarnessError(f"there is no format {form!r}; {near_names(form, FORMATS)}")
    store = Store(db, read_only=True)
    entries = current_entries(store)
    here = find_base(entries, base)
    named = variant or declared_contrasts().order(
        e.variant for e in entries if e.base == here and e.kind == "variant" and not e.read_otherwise
    )
    chosen = [name for name in dict.fromkeys(named) if name != against]
    if not chosen:
        raise HarnessError(
            f"the database has no variant on base {base!r} to compare with {against}; measure one with `harness run`"
        )
    found = compare_each(store, base=base, variants=chosen, against=against, tasks=options.names(tasks))
    data_stream().write(write_table(paper_table(found, retention=tasks is not None), form))
