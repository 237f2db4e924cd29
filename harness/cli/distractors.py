"""`harness distractors`: what a distracting passage costs, and what each cure gets back."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer

from harness.cli import options

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
        str | None,
        typer.Option("--against", help="The variant that the changes of the others are set against (default: causal)."),
    ] = None,
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
    from harness.cli.screen import out, print_json, say
    from harness.cli.tables import table
    from harness.compare.distractors.examples import example_texts
    from harness.compare.distractors.views import distractor_rows
    from harness.compare.distractors.wording import (
        gate_sentence,
        mask_sentences,
        written_change,
        written_recovery,
        written_score,
    )
    from harness.store import Store
    from harness.suites.distractor import CLEAN, COST

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
            as_rows = {key: [{each.label: each.text for each in of} for of in texts] for key, texts in shown.items()}
            print_json([{"task": task, "condition": where, "texts": of} for (task, where), of in as_rows.items()])
            return
        lines = [
            (task, where, str(number), each.label, each.text)
            for (task, where), texts in shown.items()
            for number, of_example in enumerate(texts, start=1)
            for each in of_example
        ]
        out.print(table(["task", "condition", "example", "row", "text"], lines, keys=4))
        return
    if as_json:
        print_json(
            {
                "rows": [asdict(row) for row in found.rows],
                "cured": [asdict(row) for row in found.cured],
                "masks": [asdict(row) for row in found.masks],
                "gate": [asdict(cell) for cell in found.gate],
                "tokens": [asdict(cell) for cell in found.tokens],
            }
        )
        return

    rows = [
        (
            *(row.task, row.condition, row.variant, row.row),
            written_score(row.score, row.interval, row.metric),
            None if row.row == CLEAN else written_change(row.gain, row.gain_interval, row.metric),
            written_recovery(row),
            None
            if row.row == CLEAN or row.beyond is None
            else written_change(row.beyond, row.beyond_interval, row.metric),
        )
        for row in found.rows
    ]
    headers = ("task", "condition", "variant", "row", "score", "change", "recovery", f"change beyond {found.against}'s")
    out.print(table(headers, rows, keys=4))
    print()
    print("Change: a cure's row less the dirty row; of the dirty row, less the clean one.")
    print("In brackets: 95 % interval over examples, for these checkpoints. Points: × 100.")

    for (task, where), masks in groupby(found.masks, key=lambda each: (each.task, each.condition)):
        print()
        print(f"{task}, {where}:")
        for said in mask_sentences(list(masks)):
            say(f"- {said}")

    if found.cured:
        print()
        beside = [
            (
                *(row.task, row.condition, row.variant, row.plain),
                *(
                    " → ".join(written_score(score, None, row.metric) for score in pair)
                    for pair in ((row.plain_clean, row.plain_dirty), (row.clean, row.dirty))
                ),
                written_change(row.harm, row.harm_interval, row.metric),
                written_change(row.gain, row.gain_interval, row.metric),
                written_change(row.lost, row.lost_interval, row.metric),
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
        gates = [(cell.task, cell.variant, cell.subset.removeprefix("gate: "), cell.written) for cell in found.gate]
        out.print(table(["task", "variant", "regenerate", "% of words"], gates, keys=3))
        print(gate_sentence())
    if found.tokens:
        print()
        spent = [(cell.task, cell.variant, cell.subset.removeprefix(COST), cell.written) for cell in found.tokens]
        out.print(table(["task", "variant", "cure", "tokens an example, at around ×1"], spent, keys=3))
