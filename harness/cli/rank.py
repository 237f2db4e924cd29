"""`harness rank`: rank the variants of a base."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.compare.ranking import Place, Ranking


def rank(
    base: options.BaseName = "mini",
    suite: Annotated[str | None, typer.Option("--suite", help="Only tasks that were measured in this suite.")] = None,
    tasks: options.Tasks = None,
    dtype: options.MeasuredDtype = None,
    device: options.MeasuredDevice = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Rank the variants of a base and the reference models, on each task and on the mean over tasks.

    Each variant gets a range of ranks: all ranks that the pairwise tests cannot exclude. With 95 % confidence all
    ranges are right at once. Variants with a common letter were not shown to differ.

    A variant is not ranked if it has no mask proof or if a task is missing. The reason is printed.
    """
    from harness.api import rank_variants
    from harness.cli.screen import out, print_json
    from harness.cli.tables import table
    from harness.store import Store

    store, named = Store(db, read_only=True), options.names(tasks)
    found = rank_variants(store, base=base, suite=suite, tasks=named, dtype=dtype, device=device)
    if as_json:
        print_json(asdict(found))
        return
    everywhere = ([found.overall] if found.overall else []) + list(found.tasks)
    places = [{place.variant: place for place in each.places} for each in everywhere]
    variants = list(places[0]) if places else []
    rows = [
        (
            f"mean of {found.n_tasks} tasks" if each.task is None else each.task.task,
            *(f"{_write(each, of[name].score)}  {_ranks(of[name])}" for name in variants),
        )
        for each, of in zip(everywhere, places, strict=True)
    ]
    if variants:
        headers = [f"{name} (reference)" if name in found.references else name for name in variants]
        out.print(table(("task", *headers), rows))
    print()
    print("Each cell: score, possible ranks, letters. Variants with a common letter were not shown to differ.")
    if found.few:
        print(found.few)
    if found.conditions:
        print(found.conditions)
    for variant, why in found.unranked.items():
        print(f"Not ranked: {variant}, {why}.")


def _write(ranking: Ranking, score: float) -> str:
    from harness.compare.overall import MEAN_METRIC
    from harness.metrics import get_metric

    return get_metric(ranking.metric or MEAN_METRIC).write(score)


def _ranks(place: Place) -> str:
    low, high = place.ranks.low, place.ranks.high
    return f"{low if low == high else f'{low}–{high}'} {place.letters}"
