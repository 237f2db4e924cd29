"""`harness reproduce`: a published study measured again, its figures beside ours."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError, near_names

if TYPE_CHECKING:
    from harness.reproduce import PaperFigure

STUDIES = ("feng2025",)


def reproduce(
    study: Annotated[str, typer.Argument(help="The study: feng2025 (Feng et al., ACL 2025).")],
    base: options.BaseName = "princeton-nlp/Sheared-LLaMA-1.3B",
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant. Repeatable (default: the variants of the ladder)."),
    ] = None,
    tasks: options.Tasks = None,
    beside: Annotated[
        str | None,
        typer.Option("--beside", help="The base in the paper to compare with: Sheared-LLaMA-1.3B or Llama-2-7B."),
    ] = None,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Measure the tasks of a published study with its protocol, and print our results next to the paper's.

    If LLM2Vec published adapters for the base, these are merged. For other bases the variants are trained. Stored
    results are not measured again. docs/reproduction.md lists commands, costs, and all differences in protocol.
    """
    if study not in STUDIES:
        raise HarnessError(f"there is no study {study!r}; {near_names(study, STUDIES)}")
    from harness.cli.screen import RunScreen, err, prepare, print_json

    prepare()
    from harness.api import run_variants
    from harness.compare.contrasts import declared_contrasts
    from harness.reproduce import compare_with_paper
    from harness.store import Store
    from harness.suites.words.feng2025 import SUITE
    from harness.suites.words.figures import paper_base

    wanted = options.names(tasks) or ()
    for name in wanted:
        SUITE.task(name)  # refuses an unknown one
    variants = tuple(variant or declared_contrasts().rungs)
    paper = paper_base(base, beside)
    store = Store(db, on_wait=lambda message: err.print(message))
    plan = run_variants(
        store,
        variants,
        base=base,
        suite="feng2025",
        tasks=wanted,
        data=options.stage_data(data),
        data_dir=data_dir,
        device=device,
        dtype=dtype,
        command=shlex.join(["harness", *sys.argv[1:]]),
        screen=lambda _: RunScreen(0),
    )
    assert plan.base is not None, "variants are of a base"
    found = compare_with_paper(store, base=plan.base.name, paper_base=paper, variants=variants)
    if as_json:
        print_json([asdict(row) for row in found])
        return
    _print(found, paper)


def _print(found: list[PaperFigure], paper: str) -> None:
    from harness.cli.screen import out
    from harness.cli.tables import table
    from harness.reproduce import in_lines

    figures = in_lines(found, paper)
    rows = []
    for line in figures.lines:
        of = next(filter(None, line))
        shown = "" if of.position is None else f"{of.position:+d}" if of.position else "0"
        rows.append((of.task, of.probe, of.metric, shown, *map(_write, line)))
    out.print(table(("task", "probe", "metric", "word", *figures.variants), rows, keys=4))
    print()
    print(f"Each cell: our result (95 % interval over target words) | the paper's result for {paper}.")
    print("The paper has no row for the mask alone (bidir); its figures carry no interval.")


def _write(row: PaperFigure | None) -> str:
    if row is None:
        return "–"
    ends = "" if row.low is None or row.high is None else f" ({row.low:.3f}–{row.high:.3f})"
    return f"{row.ours:.3f}{ends} | {'–' if row.paper is None else f'{row.paper:.3f}'}"
