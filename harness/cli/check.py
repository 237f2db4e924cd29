"""`harness check task`: what is in a task of your own, before it is measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import options


def task(
    name: Annotated[str, typer.Argument(metavar="CARD", help="A name in ./task_cards, or the file of a task card.")],
    base: options.BaseName = "mini",
    as_json: options.Json = False,
) -> None:
    """Say what is in the task of a card and what it can show, without measuring anything.

    Rows, labels, repeated and cut texts, texts in both training and test, what a constant answer scores, what will be
    tested, and the smallest difference that the test finds with a power of 80 %.
    """
    from harness.bases import resolve_base
    from harness.cli.screen import prepare, print_json
    from harness.suites.own import card_task

    prepare()
    from harness.suites.own.report import report

    found = report(card_task(name), resolve_base(base))
    if as_json:
        print_json(asdict(found))
        return
    print(f"{found.task}: {found.type}, {found.metric} ({found.about})")
    print(f"revision {found.revision}; publish: {found.publish}")
    for part in found.parts:
        print(f"\n{part.part}: {part.rows} rows in {part.units} units")
        if part.labels:
            shown = list(part.labels.items())[:10]
            more = f" and {len(part.labels) - len(shown)} more" if len(part.labels) > len(shown) else ""
            print(f"  {len(part.labels)} labels: {', '.join(f'{label} ({n})' for label, n in shown)}{more}")
        if part.scores:
            print(f"  scores from {part.scores[0]:g} to {part.scores[1]:g}")
        print(f"  {part.repeated} rows repeat the texts of an earlier row")
        print(f"  {part.cut} different texts are cut: base {found.base} reads {found.limit} tokens")
    print()
    if found.shared is not None:
        print(f"{found.shared} different test texts stand in the training file too (compared by their words)")
    print(f"{'A guess scores' if found.declared else 'A constant answer scores'} {found.chance:.1f}.")
    if found.margin is not None:
        print(f"Differences up to {found.margin:g} count as none.")
    print(f"Tested: {found.tested}.")
    for why, value in found.detectable.items():
        print(f"Smallest difference that is found with a power of 80 %: {value:.1f}, {why}.")
