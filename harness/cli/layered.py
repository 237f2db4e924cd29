"""What the commands of suites that are shown by layer have in common: `harness layers`, `harness repetition`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from harness.suites.by_layer import LayeredTask

Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", help="Only this variant. Repeatable (default: all measured variants)."),
]
Measures = Annotated[
    list[str] | None,
    typer.Option("--measure", help="Only this measure, as the table names it. Repeatable (default: all)."),
]
AtLayers = Annotated[
    list[int] | None,
    typer.Option("--layer", help="Only this layer; 0 is the embedding. Repeatable (default: all)."),
]


def command_of(suite: str, about: str) -> Callable[..., None]:
    """The command that shows the measures of a suite by layer, called as the suite; `about` is its help."""

    def command(
        base: options.BaseName = "mini",
        variant: Variants = None,
        measure: Measures = None,
        layer: AtLayers = None,
        db: options.Db = options.DB,
        as_json: options.Json = False,
    ) -> None:
        from harness.suites.catalog import layered_tasks

        (task,) = (task for task in layered_tasks() if task.suite == suite)
        _show(task, base=base, variants=variant, measures=measure, layers=layer, db=db, as_json=as_json)

    command.__name__, command.__doc__ = suite, about
    return command


def _show(
    task: LayeredTask,
    *,
    base: str,
    variants: list[str] | None,
    measures: list[str] | None,
    layers: list[int] | None,
    db: Path,
    as_json: bool,
) -> None:
    """Print the measures of `task`: a row for each measure and layer, a column for each variant."""
    from harness.cli.screen import out, print_json
    from harness.cli.tables import pivot, table
    from harness.compare.contrasts import declared_contrasts
    from harness.compare.layer_views import layer_cells
    from harness.store import Store

    found = layer_cells(
        Store(db, read_only=True),
        task,
        base=base,
        measures=measures or (),
        layers=layers or (),
        variants=variants or (),
    )
    if as_json:
        print_json([asdict(cell) for cell in found])
        return
    order = declared_contrasts().order({cell.variant for cell in found})

    rows = pivot(order, (((task.called(c.subset), str(c.layer)), c.variant, c.written) for c in found))
    out.print(table(["measure", "layer", *order], rows, keys=2))
    print()
    print("Layer 0 is the embedding. In brackets: 95 % interval over texts, for these checkpoints.")
