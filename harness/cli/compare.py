"""`harness compare`: compare two variants task by task."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.compare.flips import Flips


def compare(
    variant: Annotated[str, typer.Argument(metavar="A", help="A measured variant.")],
    against: Annotated[str, typer.Argument(metavar="B", help="The measured variant to compare it with.")],
    base: options.BaseName = "mini",
    tasks: options.Tasks = None,
    flips: Annotated[
        int,
        typer.Option("--flips", min=0, help="For each task, list up to N examples that A and B answer differently."),
    ] = 0,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if A is worse than B on at least one task, else with 0.")
    ] = False,
    looks: Annotated[
        str | None,
        typer.Option("--looks", help="The declared numbers of training seeds, such as 5,7,10, if seeds are added."),
    ] = None,
    bayes: Annotated[
        bool,
        typer.Option("--bayes", help="Also fit a hierarchical model over tasks, seeds and examples (needs numpyro)."),
    ] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Print all columns, however narrow the terminal is.")] = False,
    dtype: options.MeasuredDtype = None,
    device: options.MeasuredDevice = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Compare two variants task by task: A minus B, with 95 % intervals, adjusted p values and verdicts.

    The p values are adjusted for all tasks and pairs of the declared family. --tasks selects rows of the table and does
    not change a verdict; the mean over tasks is made from those rows.

    Both variants are compared in one dtype and on one device: the one that both have and that most systems of the base
    share. If they have none in common, a sentence says so.

    If you add training seeds until something is decided, declare at which numbers of seeds you look, and give all of
    them each time: --looks 5,7,10. Each look has its own limit for p, so that all together err in at most 5 %.

    With --bayes a table follows: the posterior of the mean over tasks and of each task, by a hierarchical model. It
    changes no verdict.

    The exit code is 0 for every verdict unless you give --exit-code. It is 2 for bad input.
    """
    from harness.api import compare_variants
    from harness.cli.comparison import comparison_as_json, print_comparison, print_posterior
    from harness.cli.screen import print_json
    from harness.compare.flips import flips as find_flips
    from harness.compare.posterior import posterior_of
    from harness.store import Store

    store = Store(db, read_only=True)
    named = options.names(tasks)
    comparison = compare_variants(
        store, variant, against, base=base, tasks=named, dtype=dtype, device=device, looks=options.numbers(looks)
    )
    flipped: list[Flips] = []
    if flips:
        names = [task.key.part for task in comparison.tasks]
        flipped = find_flips(
            store, base=base, variant=variant, against=against, tasks=names, most=flips, dtype=dtype, device=device
        )
    posterior = posterior_of(comparison) if bayes else None
    if as_json:
        more: dict[str, object] = {"flips": [asdict(each) for each in flipped]} if flips else {}
        more |= {"posterior": asdict(posterior)} if posterior else {}
        print_json(comparison_as_json(comparison) | more)
    else:
        print_comparison(comparison, wide=wide)
        if posterior:
            print_posterior(posterior, [task.key.part for task in comparison.tasks])
        for each in flipped:
            _print_flips(each, variant, against)
    if exit_code and any(task.verdict == "worse" for task in comparison.tasks):
        raise typer.Exit(1)


def _print_flips(found: Flips, variant: str, against: str) -> None:
    from harness.cli.screen import out
    from harness.cli.tables import table

    def named(name: str, seed: int | None) -> str:
        return name if seed is None else f"{name} (seed {seed})"

    who = f"{named(variant, found.seed)} against {named(against, found.seed_against)}"
    if found.gained is None:
        heading = f"{found.task.task}, {who}: the largest changes"
    else:
        heading = (
            f"{found.task.task}, {who}: {found.gained} right only with {variant}, {found.lost} only with {against}"
        )
    print(f"\n{heading}")
    rows = [
        (each.example_id, each.trial, each.position, each.gold, each.predicted_against, each.predicted)
        for each in found.shown
    ]
    out.print(table(("example", "trial", "position", "gold", against, variant), rows, right=(1, 2)))
