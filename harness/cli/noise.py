"""`harness noise`: measure how far scores move when nothing changed."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def noise(
    variant: Annotated[str, typer.Option("--variant", help="A variant. It must be trained.")] = "causal",
    base: options.BaseName = "mini",
    suite: options.SuiteName = "mini",
    tasks: options.Tasks = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Training seed.")] = 0,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Measure the noise floor: score one system twice, with another batch size and another attention kernel.

    The change of each task's score is stored for the base. A difference between variants that is not larger counts as a
    tie. The two measurements are not stored as results.
    """
    from dataclasses import asdict

    from harness.cli.screen import err, out, prepare, print_json
    from harness.cli.tables import table
    from harness.encoder.placement import Placement
    from harness.metrics import get_metric
    from harness.paths import cache_folder
    from harness.store import Store

    prepare()
    from harness.noise import measure_noise

    store = Store(db, on_wait=lambda message: err.print(message))
    found = measure_noise(
        store,
        base=options.base_at(base, db),
        variant=variant,
        seed=seed,
        suite=suite,
        tasks=options.names(tasks) or (),
        place=Placement.choose(device, dtype),
        cache=cache_folder(),
        note=lambda text: err.print(text, style="dim"),
    )
    if as_json:
        print_json([asdict(each) | {"floor": each.floor} for each in found])
        return
    rows = [
        (
            each.key.task,
            *(get_metric(each.key.metric).write(score, more_digits=2) for score in each.scores.values()),
            get_metric(each.key.metric).write(each.floor, more_digits=2),
        )
        for each in found
    ]
    out.print(table(("task", *(found[0].scores if found else ()), "floor"), rows, right=(1, 2, 3)))
