"""`harness power`: how many examples or seeds would decide a comparison."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import options


def power(
    variant: Annotated[str, typer.Argument(metavar="A", help="A variant of the database.")],
    against: Annotated[str, typer.Argument(metavar="B", help="The variant it is compared with.")],
    base: options.BaseName = "mini",
    tasks: Annotated[str | None, typer.Option("--task", "--tasks", help="Only these tasks, comma-separated.")] = None,
    effect: Annotated[
        float | None,
        typer.Option("--effect", help="The true difference to find, as shown (points); default: what was observed."),
    ] = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """How many examples, or how many seeds, would decide A against B?

    For each task the power of its own test to find the difference as things are, and the fewest units of examples
    (seeds as they are) or training seeds (examples as they are) that find it four times out of five. With two or more
    seeds a side the question is about the recipe, with fewer about these checkpoints. A difference that was observed
    is no safe guess at the true one: --effect asks about one that would matter.
    """
    from harness.cli.screen import out, print_json, table
    from harness.compare import compare as compare_entries
    from harness.compare import needs
    from harness.errors import HarnessError
    from harness.metrics import get_metric
    from harness.store import Store

    if effect == 0:
        raise HarnessError("no number of examples shows a difference of 0; give --effect another value")
    comparison = compare_entries(
        Store(db, read_only=True), base=base, variant=variant, against=against, tasks=options.names(tasks)
    )
    found = needs(comparison, effect=effect)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    headers = ("task", "difference", "units", "seeds", "about", "power now", "units for 80 %", "seeds for 80 %")
    rows = [
        (
            each.task[0],
            get_metric(each.metric).write_change(each.effect),
            each.n_units,
            each.n_seeds,
            "the recipe" if each.recipe else "checkpoints",
            None if each.power is None else f"{100 * each.power:.0f} %",
            _count(each.units, each.power),
            _count(each.seeds, each.power) if each.recipe else None,
        )
        for each in found
    ]
    out.print(table(headers, rows, right=(1, 2, 3, 5, 6, 7)))
    print("\nOf each task's own test at 5 %, before adjustment for the family; a unit is what is resampled.")


def _count(number: int | None, power: float | None) -> str:
    if power is None:
        return "–"
    return "no number" if number is None else str(number)
