"""`harness words`: word-level results by position and layer, with their controls and diagnostics."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.compare.cells import Cell


def words(
    base: options.BaseName = "mini",
    tasks: options.Tasks = None,
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant. Repeatable (default: all measured variants)."),
    ] = None,
    show: Annotated[
        str,
        typer.Option(
            "--show",
            help="positions: context probes at each position; context: accuracy before and after the target word, "
            "divided by the accuracy at it; controls: each score with its control tasks; layers: scores of every "
            "layer; geometry: mean cosine similarity by layer.",
        ),
    ] = "positions",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Show results of the words suite in detail: by position, by layer, or with control tasks.

    Each 95 % interval covers the target words, for these checkpoints. These details are not tested. To test the scores,
    use `harness compare`.
    """
    from harness.cli.screen import out, print_json
    from harness.cli.tables import pivot, table
    from harness.compare.contrasts import declared_contrasts
    from harness.compare.word_views import VIEWS, shares_of_target, word_cells
    from harness.store import Store

    wanted = options.names(tasks)
    found = word_cells(Store(db, read_only=True), show, base=base, tasks=wanted, variants=variant or ())
    if as_json:
        print_json([asdict(cell) for cell in found])
        return
    view, order = VIEWS[show], declared_contrasts().order({cell.variant for cell in found})

    def what(cell: Cell) -> str:
        return view.first if cell.subset == "default" else cell.subset

    if show == "context":
        shares = shares_of_target(found)
        rows = pivot(
            order,
            (((p, side), name, None if share is None else f"{share:.2f}") for (p, side, name), share in shares.items()),
        )
        headers = ["probe", "side", *order]
    elif show == "controls":
        columns = [name for name in (view.first, *view.subsets) if name in set(map(what, found))]
        measured = list(dict.fromkeys(cell.task for cell in found))
        found = sorted(found, key=lambda cell: (measured.index(cell.task), order.index(cell.variant)))
        rows = pivot(columns, (((cell.task, cell.variant), what(cell), cell.written) for cell in found))
        headers = ["task", "variant", *columns]
    else:
        several = len({cell.subset for cell in found}) > 1
        headers = ["task", *(["what"] if several else []), *([view.by] if view.by else []), *order]

        def labels(cell: Cell) -> tuple[str, ...]:
            where = f"{cell.position:+d}" if cell.position else str(cell.layer if view.by == "layer" else cell.position)
            return (cell.task, *([what(cell)] if several else []), *([where] if view.by else []))

        rows = pivot(order, ((labels(cell), cell.variant, cell.written) for cell in found))
    shown = columns if show == "controls" else order
    out.print(table(headers, rows, keys=len(headers) - len(shown)))
    print()
    if show == "context":
        print("Accuracy before or after the target word, divided by the accuracy at it.")
        print("A probe without information has chance accuracy, not 0.")
    else:
        print("In brackets: 95 % interval over target words, for these checkpoints.")
