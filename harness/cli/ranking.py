"""`harness rank` and `harness power`: who stands where, and what would decide more."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.compare import Place, Ranking


def register(app: typer.Typer) -> None:
    app.command("rank")(rank)
    app.command("power")(power)


def rank(
    base: options.BaseName = "mini",
    suite: Annotated[str | None, typer.Option("--suite", help="Only the tasks measured as part of this suite.")] = None,
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these tasks, comma-separated.")] = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Rank the variants of a base and the reference models, for each task and by the mean over tasks.

    A variant has every rank that the simultaneous tests of all pairs leave open (all sets hold at once, at 95 %), and
    variants that share a letter were not shown to differ. Without a mask proof or with a task missing there is no
    rank, and the reason is given.
    """
    from harness.cli.screen import out, print_json, table
    from harness.compare import rank as rank_entries
    from harness.store import Store

    found = rank_entries(Store(db, read_only=True), base=base, suite=suite, tasks=options.names(tasks))
    if as_json:
        print_json(asdict(found))
        return
    everywhere = ([found.overall] if found.overall else []) + list(found.tasks)
    places = [{place.variant: place for place in each.places} for each in everywhere]
    variants = list(places[0]) if places else []
    rows = [
        (
            f"mean of {found.n_tasks} tasks" if each.task is None else each.task[0],
            *(f"{_write(each, of[name].score)}  {_ranks(of[name])}" for name in variants),
        )
        for each, of in zip(everywhere, places, strict=True)
    ]
    if variants:
        headers = [f"{name} (reference)" if name in found.references else name for name in variants]
        out.print(table(("task", *headers), rows))
    print()
    print("Score, the ranks that the tests leave open, letters: who shares one was not shown to differ.")
    for variant, why in found.unranked.items():
        print(f"Unranked: {variant}, {why}.")


def _write(ranking: Ranking, score: float) -> str:
    from harness.metrics import get_metric

    return get_metric(ranking.metric or "accuracy").write(score)


def _ranks(place: Place) -> str:
    low, high = place.ranks.low, place.ranks.high
    return f"{low if low == high else f'{low}–{high}'} {place.letters}"


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
