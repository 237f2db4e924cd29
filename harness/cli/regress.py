"""`harness regress`: the regression gate, and the upkeep of the golden results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.gate.judge import Judged, Judgement


def regress(
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant", help="A variant with golden results. Repeatable (default: the variants in gate.yaml)."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All variants with golden results.")] = False,
    tasks: options.Tasks = None,
    update: Annotated[
        bool, typer.Option("--update", help="Measure, and replace the golden results of these variants.")
    ] = False,
    rebuild: Annotated[
        Path | None, typer.Option("--rebuild", metavar="DB", help="Write the golden results to a new database.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="DB", help="Do not measure. Take the results from this database.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="DIR",
            help="The folder of the golden results, or the name of a tracked study (docs/regression.md).",
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option("--suite", help="A suite of your own: suites/NAME.yaml (default: the embedded suite)."),
    ] = None,
    base: Annotated[str, typer.Option("--base", help="The base that a suite of your own is measured on.")] = "mini",
    cached: Annotated[
        bool, typer.Option("--cached", help="Take trained stages from the cache instead of training them again.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Measure variants of the embedded base again, and test each task against its golden result.

    A task has regressed if it lost more than its margin in contrasts.yaml (family-wise error 5 %). The exit code is 1
    if a task regressed, 0 if none did, and 2 if the results cannot be compared.

    With --suite all variants that have golden results on that suite are judged, on --base. Its golden results are in
    suites/NAME.reference, or where --reference says. A task is judged by the margin in its card, by those in
    suites/NAME.yaml, or by that of its metric.

    The variants are trained again. Your database and your cache are not changed. Only --update changes the golden
    results.
    """
    from harness.cli.screen import RunScreen, prepare, print_json
    from harness.gate.regress import rebuild as make_database
    from harness.gate.regress import regress as gate
    from harness.gate.regress import renew
    from harness.paths import cache_folder
    from harness.reference.change import change, describe
    from harness.reference.files import GOLDEN, tracked_folder

    prepare()
    if suite is None and base != "mini":
        raise HarnessError("--base is for a suite of your own; name it with --suite")
    if suite is not None and rebuild is not None:
        raise HarnessError("--rebuild is for the embedded suite and for studies; leave out --suite")
    if suite is not None:
        folder = Path(reference) if reference else Path("suites") / f"{suite}.reference"
    else:
        folder = Path(reference) if update and reference else tracked_folder(reference or GOLDEN)
    chosen = options.names(tasks) or ()
    if variant and everything:
        raise HarnessError("give --variant or --all, not both")
    if rebuild is not None and (update or source or variant or everything or chosen):
        raise HarnessError("--rebuild takes all golden results; give no other option except --reference")
    if update and chosen:
        raise HarnessError("golden results cover the whole suite; leave out --tasks with --update")
    if rebuild is not None:
        count = make_database(folder, rebuild, screen=RunScreen)
        print(f"Wrote {count} results to {rebuild}. `harness site --db {rebuild}` writes their pages.")
        return
    what: dict[str, Any] = {
        "variants": tuple(variant or ()),
        "everything": everything,
        "source": source,
        "cache": cache_folder() if cached else None,
        **({} if suite is None else {"suite": suite, "base": base}),
    }
    if update:
        before, after = renew(folder, screen=RunScreen, **what)
        if as_json:
            print_json(change(before, after))
        else:
            print(describe(before, after))
        return
    judgement = gate(folder, screen=RunScreen, tasks=chosen, **what)
    _show(judgement, as_json=as_json)
    if judgement.losses:
        raise typer.Exit(1)


def _show(judgement: Judgement, *, as_json: bool) -> None:
    from dataclasses import asdict

    from harness.cli.screen import out, print_json
    from harness.cli.tables import table

    if as_json:
        rows = [asdict(each) for each in judgement.tasks]
        print_json({"alpha": judgement.alpha, "losses": len(judgement.losses), "tasks": rows})
        return
    moved = [each for each in judgement.tasks if each.verdict != "identical"]
    headers = ("task", "variant", "examples", "changed", "golden", "now", "difference", "95 % interval", "margin",
               "p (loss)", "verdict")  # fmt: skip
    if moved:
        out.print(table(headers, [_cells(each) for each in moved], right=range(2, 10)))
        out.print()
    same = len(judgement.tasks) - len(moved)
    print(f"{len(judgement.tasks)} tasks measured again: {same} with identical answers, {len(moved)} changed.")
    if judgement.losses:
        named = ", ".join(f"{each.key.task} ({each.row})" for each in judgement.losses)
        print(f"Lost by more than the margin (p < {judgement.alpha:g} over all tasks, Holm): {named}.")
    else:
        print("No task lost more than its margin.")


def _cells(moved: Judged) -> tuple[object, ...]:
    from harness.metrics import get_metric

    ends, metric = moved.interval, get_metric(moved.key.metric)
    return (
        moved.key.task,
        moved.row,
        moved.n_examples,
        moved.changed,
        metric.write(moved.reference, more_digits=1),
        metric.write(moved.now, more_digits=1),
        metric.write_change(moved.difference, more_digits=1),
        "–" if ends is None else f"{metric.write_change(ends.low)} … {metric.write_change(ends.high)}",
        f"{metric.scale * moved.margin:g}",
        "–" if moved.p is None else f"{moved.p:.4f}",
        "LOSS" if moved.verdict == "loss" else moved.verdict,
    )
