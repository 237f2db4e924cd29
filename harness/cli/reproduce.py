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
    study: Annotated[str, typer.Argument(help="feng2025: the probing study that this project re-creates.")],
    base: options.BaseName = "princeton-nlp/Sheared-LLaMA-1.3B",
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant; repeatable (default: those of the ladder)."),
    ] = None,
    tasks: options.Tasks = None,
    beside: Annotated[
        str | None,
        typer.Option("--beside", help="The paper's base to set beside: Sheared-LLaMA-1.3B or Llama-2-7B."),
    ] = None,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Measure a study's tasks by its own protocol on a base's ladder, and print its figures beside ours.

    For bases with published LLM2Vec adapters these are merged, for others the ladder is trained. What is stored is not
    measured again. docs/reproduction.md has the commands, their cost, and every deviation of protocol.
    """
    if study not in STUDIES:
        raise HarnessError(f"no study is named {study!r}; {near_names(study, STUDIES)}")
    from harness.cli.screen import RunScreen, err, prepare, print_json

    prepare()
    from harness.compare import declared_contrasts
    from harness.encoder.placement import Placement
    from harness.reproduce import compare_with_paper
    from harness.run import RunRequest, execute, plan_run
    from harness.store import Store
    from harness.suites.words import paper_names
    from harness.suites.words.figures import paper_base

    wanted = options.names(tasks) or ()
    for name in wanted:
        if name not in paper_names():
            raise HarnessError(f"the study has no task {name!r}; {near_names(name, paper_names())}")
    request = RunRequest(
        base=base,
        variants=tuple(variant or declared_contrasts().rungs),
        suite="feng2025",
        tasks=wanted,
        data=tuple(options.stage_data(data).items()),
        data_dir=data_dir,
    )
    paper = paper_base(base, beside)
    store = Store(db, on_wait=lambda message: err.print(message))
    plan = plan_run(request, store, Placement.choose(device, dtype))
    assert plan.base is not None, "variants are of a base"
    if not plan.idle:
        with RunScreen(0) as screen:
            screen.note(f"base {plan.base.name}: {sum(len(job.missing) for job in plan.jobs)} results to measure")
            execute(plan, store, screen, command=shlex.join(["harness", *sys.argv[1:]]))
    found = compare_with_paper(store, base=plan.base.name, paper_base=paper, variants=request.variants)
    if as_json:
        print_json([asdict(row) for row in found])
        return
    _print(found, paper)


def _print(found: list[PaperFigure], paper: str) -> None:
    from harness.cli.screen import out, table
    from harness.reproduce import in_lines

    variants, lines = in_lines(found)
    rows = []
    for line in lines:
        shown = "" if line.position is None else f"{line.position:+d}" if line.position else "0"
        rows.append((line.task, line.probe, line.metric, shown, *map(_write, line.cells)))
    out.print(table(("task", "probe", "metric", "word", *variants), rows))
    print()
    print(f"Ours with its 95 % interval over target words | the paper's {paper}. Word: counted from the target.")
    print("The paper has no row for the mask alone (bidir); its figures carry no interval.")


def _write(row: PaperFigure | None) -> str:
    if row is None:
        return "–"
    ends = "" if row.low is None or row.high is None else f" ({row.low:.3f}–{row.high:.3f})"
    return f"{row.ours:.3f}{ends} | {'–' if row.paper is None else f'{row.paper:.3f}'}"
