"""`harness sql` and `harness noise`: the store read by hand, and what its scores are worth to the last digit."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options


def register(app: typer.Typer) -> None:
    app.command("sql")(sql)
    app.command("noise")(noise)


def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One statement that reads.")],
    db: options.Db = options.DB,
    as_json: options.Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False,
) -> None:
    """Read the database with SQL (DuckDB's): tables system, run, score, outcome, and the view result.

    For example: harness sql "SELECT variant, task, avg(score) FROM result WHERE current GROUP BY ALL ORDER BY ALL".
    Nothing can be written and no other file is read.
    """
    import json
    import sys

    from harness.cli.screen import out, table
    from harness.errors import HarnessError
    from harness.store import Store

    if as_json and as_csv:
        raise HarnessError("give --json or --csv, not both")
    frame = Store(db, read_only=True).query(query)
    if as_csv:
        frame.to_csv(sys.stdout, index=False)
    elif as_json:
        rows = json.loads(frame.to_json(orient="records", date_format="iso"))
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        numbers = [i for i, dtype in enumerate(frame.dtypes) if dtype.kind in "iuf"]
        rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
        out.print(table([str(name) for name in frame.columns], rows, right=numbers))


def noise(
    variant: Annotated[str, typer.Option("--variant", help="A variant that was run.")] = "causal",
    base: options.BaseName = "mini",
    suite: options.SuiteName = "mini",
    tasks: Annotated[str | None, typer.Option("--tasks", help="Only these tasks, comma-separated.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Training seed.")] = 0,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Measure the noise floor: the identical system twice, at another batch size and with another attention kernel.

    How far a task's score moves between the two is kept for the base and the task, and a difference between variants
    that is no larger is a tie. The two measurements are not stored as results.
    """
    from dataclasses import asdict

    from harness.cli.screen import err, out, prepare, print_json, table
    from harness.encoder.placement import Placement
    from harness.metrics import get_metric
    from harness.noise import measure_noise
    from harness.store import Store

    prepare()
    store = Store(db, on_wait=lambda message: err.print(message))
    found = measure_noise(
        store,
        base=base,
        variant=variant,
        seed=seed,
        suite=suite,
        tasks=options.names(tasks) or (),
        place=Placement.choose(device, dtype),
        note=lambda text: err.print(f"[dim]{text}[/dim]"),
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
