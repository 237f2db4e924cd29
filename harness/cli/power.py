"""`harness power`: how many examples or seeds would decide a comparison."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Annotated

import typer

from harness.cli import options


def power(
    variant: Annotated[str, typer.Argument(metavar="A", help="A measured variant.")],
    against: Annotated[str, typer.Argument(metavar="B", help="The measured variant to compare it with.")],
    base: options.BaseName = "mini",
    tasks: Annotated[str | None, typer.Option("--task", "--tasks", help="Only these tasks, comma-separated.")] = None,
    effect: Annotated[
        float | None,
        typer.Option(
            "--effect",
            help="The true difference to detect, in the unit of the table (default: the observed difference).",
        ),
    ] = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Estimate how many examples or training seeds are enough to decide between A and B.

    For each task the table gives the power of its test today, and the smallest number of units, or of training seeds,
    that gives a power of 80 %. With two or more seeds for both variants the claim is about the recipe; with fewer it is
    about these checkpoints.

    The observed difference may be too large or too small. Use --effect to ask about the difference you care about.
    """
    from harness.api import compare_variants
    from harness.cli.screen import out, print_json
    from harness.cli.tables import table
    from harness.compare import needs
    from harness.errors import HarnessError
    from harness.metrics import get_metric
    from harness.store import Store

    if effect is not None and not isfinite(effect):
        raise HarnessError(f"--effect {effect:g} is no difference; give a finite number")
    if effect == 0:
        raise HarnessError("no number of examples shows a difference of 0; give --effect another value")
    store = Store(db, read_only=True)
    comparison = compare_variants(store, variant, against, base=base, tasks=options.names(tasks))
    found = needs(comparison, effect=effect)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    headers = ("task", "difference", "units", "seeds", "claim about", "power now", "units for 80 %", "seeds for 80 %")
    rows = [
        (
            each.task.task,
            get_metric(each.metric).write_change(each.effect),
            each.n_units,
            each.n_seeds,
            "the recipe" if each.recipe else "these checkpoints",
            None if each.power is None else f"{100 * each.power:.0f} %",
            _count(each.units, each.power),
            _count(each.seeds, each.power) if each.recipe else None,
        )
        for each in found
    ]
    out.print(table(headers, rows, right=(1, 2, 3, 5, 6, 7)))
    print("\nPower of each task's test at 5 %, without correction for several tests. A unit is one independent item:")
    print("a sentence pair, a text, or a target word with all its examples.")
    if any("none" in row[6:] for row in rows):
        print("none: no number is enough. More units do not reduce the variance over training seeds, nor more seeds")
        print("the variance over units.")


def _count(number: int | None, power: float | None) -> str:
    if power is None:
        return "–"
    return "none" if number is None else str(number)
