"""`harness layers`: what the states of a text are at each layer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.compare.cells import Cell


def layers(
    base: options.BaseName = "mini",
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant. Repeatable (default: all measured variants)."),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", help="Only this measure, as the table names it. Repeatable (default: all)."),
    ] = None,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Show what the states of a text are at each layer: `harness run --suite layers` measures it.

    Among the measures are how much the causal base's states differ from these, how far a neighbour to the left or to
    the right moves a state, effective rank, entropy, curvature, and the ranks that the logit lens gives. Each 95 %
    interval covers the texts, for these checkpoints. The measures are described. They are not tested and have no rank.
    """
    from harness.cli.screen import out, pivot, print_json, table
    from harness.compare.contrasts import declared_contrasts
    from harness.compare.layer_views import layer_cells
    from harness.metrics import get_metric
    from harness.store import Store
    from harness.suites.layers import FIRST

    found = layer_cells(Store(db, read_only=True), base=base, measures=measure or (), variants=variant or ())
    if as_json:
        print_json([asdict(cell) for cell in found])
        return
    order = declared_contrasts().order({cell.variant for cell in found})

    def labels(cell: Cell) -> tuple[str, str]:
        return (FIRST if cell.subset == "default" else cell.subset, str(cell.layer))

    def write(cell: Cell) -> str:
        metric = get_metric(cell.metric)
        ends = "" if cell.low is None or cell.high is None else f" ({metric.write(cell.low)}–{metric.write(cell.high)})"
        return metric.write(cell.value) + ends

    rows = pivot(order, ((labels(cell), cell.variant, write(cell)) for cell in found))
    out.print(table(["measure", "layer", *order], rows, keys=2))
    print()
    print("Layer 0 is the embedding. In brackets: 95 % interval over texts, for these checkpoints.")
