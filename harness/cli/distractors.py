"""`harness distractors`: what a distracting passage costs, and what each cure gets back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.compare.distractor_views import CuredRow, DistractorRow
    from harness.stats.estimate import Interval

_ALL = "all"


def distractors(
    base: options.BaseName = "mini",
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="Only this variant. Repeatable (default: all measured variants)."),
    ] = None,
    tasks: options.Tasks = None,
    condition: Annotated[
        str, typer.Option("--condition", help="What is done to the texts, as the table names it; all shows every one.")
    ] = "around ×1",
    against: Annotated[
        str, typer.Option("--against", help="The variant that the costs and gains of the others are set against.")
    ] = "causal",
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Show so many examples with the texts of all rows instead.")
    ] = 0,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Show what a distracting passage costs, and what each cure gets back.

    `harness run --suite distractor` measures it. The clean texts are the oracle. Recovery is the part of the loss that
    a cure gets back: the row less the dirty row, over the clean row less the dirty row. Its interval is Fieller's over
    examples, for these checkpoints. There is no recovery where it is not certain that the distractor costs anything.
    Nothing is tested and nothing has a rank.
    """
    from harness.cli.screen import out, print_json
    from harness.cli.tables import table
    from harness.compare.distractor_views import distractor_rows, example_texts
    from harness.metrics import get_metric
    from harness.store import Store
    from harness.suites.distractor import CLEAN, COST, DIRTY, GATE

    store = Store(db, read_only=True)
    found = distractor_rows(
        store,
        base=base,
        tasks=options.names(tasks) or (),
        variants=variant or (),
        conditions=() if condition == _ALL else (condition,),
        against=against,
    )
    if examples:
        shown = {
            (row.task, row.condition): example_texts(
                store, row.task, row.condition, base=row.base, count=examples, variants=variant or ()
            )
            for row in found.rows
        }
        if as_json:
            print_json([{"task": task, "condition": where, "texts": texts} for (task, where), texts in shown.items()])
            return
        lines = [
            (task, where, str(number), row, text)
            for (task, where), texts in shown.items()
            for number, of_row in enumerate(texts, start=1)
            for row, text in of_row.items()
        ]
        out.print(table(["task", "condition", "example", "row", "text"], lines, keys=4))
        return
    if as_json:
        print_json(
            {
                "rows": [asdict(row) for row in found.rows],
                "cured": [asdict(row) for row in found.cured],
                "gate": [asdict(cell) for cell in found.gate],
                "tokens": [asdict(cell) for cell in found.tokens],
            }
        )
        return

    def points(
        value: float | None, interval: Interval | None, row: DistractorRow | CuredRow, *, signed: bool
    ) -> str | None:
        if value is None:
            return None
        metric = get_metric(row.metric)
        write = metric.write_change if signed else metric.write
        return write(value) + ("" if interval is None else f" ({write(interval.low)} to {write(interval.high)})")

    def percent(row: DistractorRow) -> str | None:
        if row.row in (CLEAN, DIRTY):
            return None
        if row.recovery is None or row.recovery_interval is None:
            return "no certain loss"
        ends = row.recovery_interval
        return f"{100 * row.recovery:.0f} % ({100 * ends.low:.0f} to {100 * ends.high:.0f})"

    rows = [
        (
            *(row.task, row.condition, row.variant, row.row),
            points(row.score, row.interval, row, signed=False),
            None if row.row == CLEAN else points(row.gain, row.gain_interval, row, signed=True),
            percent(row),
            None if row.row == CLEAN else points(row.beyond, row.beyond_interval, row, signed=True),
        )
        for row in found.rows
    ]
    headers = ("task", "condition", "variant", "row", "score", "change", "recovery", f"change beyond {against}'s")
    out.print(table(headers, rows, keys=4))
    print()
    print("Change: a cure's row less the dirty row; of the dirty row, less the clean one.")
    print("In brackets: 95 % interval over examples, for these checkpoints. Points: × 100.")

    if found.cured:
        print()
        beside = [
            (
                *(row.task, row.condition, row.variant, row.plain),
                *(
                    " → ".join(str(points(score, None, row, signed=False)) for score in pair)
                    for pair in ((row.plain_clean, row.plain_dirty), (row.clean, row.dirty))
                ),
                points(row.harm, row.harm_interval, row, signed=True),
                points(row.gain, row.gain_interval, row, signed=True),
                points(row.lost, row.lost_interval, row, signed=True),
            )
            for row in found.cured
        ]
        columns = (
            *("task", "condition", "variant", "without its cure", "clean → dirty without", "clean → dirty"),
            *("cure on clean", "cure on dirty", "dirty less clean without"),
        )
        out.print(table(columns, beside, keys=4))
        print(
            "A variant that reads every text through a cure: the last column is what it loses of the clean score that "
            "it has without the cure. A cure that harms clean texts makes dirty less clean small and gains nothing."
        )
    if found.alone:
        print()
        print(
            f"Not measured here without the cure: {', '.join(found.alone)}. Whether the cure harms clean texts is not "
            "known; measure the variant with the same card without `reread`."
        )
    if found.gate:
        print()
        least, most = GATE.values()
        gates = [(cell.task, cell.variant, cell.subset.removeprefix("gate: "), cell.written) for cell in found.gate]
        out.print(table(["task", "variant", "regenerate", "% of words"], gates, keys=3))
        print(f"The gate asks for {least:.0%} of the text or more and {most:.0%} of the passage or less, at around ×1.")
    if found.tokens:
        print()
        spent = [(cell.task, cell.variant, cell.subset.removeprefix(COST), cell.written) for cell in found.tokens]
        out.print(table(["task", "variant", "cure", "tokens an example, at around ×1"], spent, keys=3))
