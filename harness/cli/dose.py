"""`harness dose`: scores by the degree of the mask, between causal and bidirectional."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.run import raise_failures
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.bases import Base

_AHEAD = "0,1,2,4,8,all"
_TASKS = ("MiniSTS", "MiniTopicClassification")


def dose(
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", help="A variant to read by degrees. Repeatable (default: causal)."),
    ] = None,
    base: options.BaseName = "mini",
    tasks: options.Tasks = None,
    ahead: Annotated[
        str, typer.Option("--ahead", help="How many tokens ahead a token sees in all layers: numbers, and all.")
    ] = _AHEAD,
    from_layer: Annotated[
        str | None,
        typer.Option(
            "--from-layer",
            help="The layers from which on a token sees all of its text; those before are causal. Layers are counted "
            "from 0; none leaves them out (default: up to five, evenly spread).",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Training seeds 0 to N-1.")] = 1,
    data: options.Data = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    site: Annotated[Path, typer.Option("--site", help="The folder for the pages.")] = options.SITE,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first failure.")] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Read variants with masks between causal and bidirectional, and show the score at each degree.

    The weights stay what they are: a variant is trained as its card says, and then read with a mask that lets a token
    see so many tokens ahead (--ahead), or that is bidirectional from a layer on (--from-layer). Each degree is a system
    of its own, with a mask proof and stored outcomes. Nothing is tested: each 95 % interval covers the examples, for
    these checkpoints. Without --tasks MiniSTS and MiniTopicClassification are measured.
    """
    from harness.api import run_variants
    from harness.bases import resolve_base
    from harness.cards import READ_WITH
    from harness.cli.screen import RunScreen, err, out, prepare, print_json
    from harness.cli.tables import table
    from harness.compare.points import degree_of, score_points
    from harness.metrics import get_metric
    from harness.store import Store
    from leaderboard.build import build_site

    prepare(quiet=quiet)
    base = options.base_at(base, db)
    found = resolve_base(base)
    names = tuple(dict.fromkeys(variant or ("causal",)))
    for name in names:
        if READ_WITH in name:
            raise HarnessError(
                f"{name!r} is read with other fields than its card's already; name the card alone with --variant"
            )
    degrees = [f"ahead={each}" for each in _amounts(ahead)]
    degrees += [f"ahead=all,from_layer={each}" for each in _layers(from_layer, found)]
    chosen = tasks.split(",") if tasks is not None else list(_TASKS)
    store = Store(db, on_wait=lambda message: err.print(message))
    plan = run_variants(
        store,
        [f"{name}{READ_WITH}{degree}" for name in names for degree in degrees],
        base=base,
        tasks=chosen,
        seeds=tuple(range(seeds)),
        data=options.stage_data(data),
        device=device,
        dtype=dtype,
        strict=strict,
        command=shlex.join(["harness", *sys.argv[1:]]),
        screen=partial(RunScreen, quiet=quiet),
    )
    build_site(store, Path(site))
    tasks_here = {task.info.name for task in plan.suite.tasks}
    points = score_points(store, degree_of, base=found.name, revision=found.revision, variants=names, tasks=tasks_here)
    if as_json:
        print_json([{"variant": p.variant, "degree": asdict(p.at), **asdict(p.cell)} for p in points])
    else:
        rows: list[tuple[object, ...]] = []
        for point in points:
            cell, metric = point.cell, get_metric(point.cell.metric)
            ends = (
                None
                if cell.low is None or cell.high is None
                else f"{metric.write(cell.low)} … {metric.write(cell.high)}"
            )
            counted = len([seed for seed in cell.seeds if seed is not None]) or None
            rows.append(
                (cell.task, point.variant, str(point.at), metric.write(cell.value), ends, cell.n_examples, counted)
            )
        headers = ("task", "variant", "a token sees", "score", "95 % interval", "examples", "seeds")
        out.print(table(headers, rows, right=(3, 4, 5, 6), keys=3))
        out.print(f"Page: {Path(site) / 'degrees.html'}")
    raise_failures(plan)


def _amounts(said: str) -> list[str]:
    """The numbers of --ahead, and all."""
    amounts = list(dict.fromkeys(each.strip() for each in said.split(",")))
    for each in amounts:
        if each != "all" and not each.isdigit():
            raise HarnessError(
                f"--ahead {said}: {each!r} is neither a number nor all; give for example --ahead {_AHEAD}"
            )
    return amounts


def _layers(said: str | None, base: Base) -> list[int]:
    """The layers of --from-layer; without it up to five between the first and the last."""
    from harness.bases import read_json

    count = int(read_json(base.folder / "config.json").get("num_hidden_layers", 0))
    if said is None:
        return sorted({round(count * place / 6) for place in range(1, 6)} - {0, count})
    if said == "none":
        return []
    layers = [each.strip() for each in said.split(",")]
    for each in layers:
        if not each.isdigit() or int(each) > count:
            raise HarnessError(
                f"--from-layer {said}: {each!r} is no layer of {base.name}, which has {count}; give numbers from 0 to "
                f"{count}, or none"
            )
    return sorted({int(each) for each in layers})
