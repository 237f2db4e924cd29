"""`harness run`: make variants, measure them, compare them, and write the page."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.report import report
from harness.errors import HarnessError, ProofError, TasksFailedError

if TYPE_CHECKING:
    from harness.run.plan import Failure, RunPlan


def run(
    variant: Annotated[
        list[str] | None, typer.Option("--variant", help="A variant. `harness ls variants` lists all. Repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All variants.")] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A reference model: a name (harness ls models), or the folder or hub id (ORG/NAME or "
            "ORG/NAME@REVISION) of a sentence-transformers model. It is measured as it is. Repeatable.",
        ),
    ] = None,
    base: options.BaseName = "mini",
    suite: options.SuiteName = "mini",
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks",
            help="Only these tasks, comma-separated. You can name any mteb task of a supported type, and a task card "
            "with card:NAME.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="CARD",
            help="Measure the task of this task card: its name in ./task_cards, or its file (my-pairs.md). Repeatable.",
        ),
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option(
            "--languages", help="mteb tasks only: keep subsets whose languages are all in this list (eng,deu), or all."
        ),
    ] = None,
    subsets: Annotated[
        str | None, typer.Option("--subsets", help="mteb tasks only: keep the subsets with these names (en-en,es-es).")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="STEPS",
            help="Measure each variant also after so many steps of its last stage, comma-separated (0,50,100). Each is "
            "a system of its own.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Use this training seed only.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Use the training seeds 0 to N-1.")] = None,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    site: Annotated[Path, typer.Option("--site", help="The folder for the pages.")] = options.SITE,
    force: Annotated[
        bool, typer.Option("--force", help="Measure stored results again. The newest result counts.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first task or system that fails.")] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Measure part K of N equal parts, into a database of its own (--db). `harness merge` joins them.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="Where the work is done: local (in this process) or ray (on a Ray cluster).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="The Ray cluster for --engine ray; auto: the one that runs here. Without it: all of this machine.",
        ),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            "--cell",
            metavar="NEEDS",
            help="What one stage or task takes of a Ray node, memory in GB (gpus=1,cpus=4,memory=16). Without it: from "
            "the size of the base.",
        ),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Train variants of a base, measure them, compare each with the causal base, and write the pages.

    The causal base is measured too, because the other variants are compared with it. Models of --model are ranked and
    shown as reference models. You can also give --model without a variant.

    Stored results are not measured again. After an interruption, give the same command again: it continues.

    If a task fails (its data are not there, or cannot be evaluated) or a system cannot be trained or opened, the others
    are measured. At the end the failures are listed, and the exit code is 5, or 4 if a proof failed. If none of the
    systems that you named can be opened, it is 2 or 4. With --strict the run stops at the first failure.

    With --engine ray every GPU of a machine or of a Ray cluster works on it, and lost workers are replaced
    (docs/cluster.md). On several machines without Ray, give each the same command with another --shard. Nothing is
    compared until all databases are merged.
    """
    from harness.api import run_variants
    from harness.cards import load_cards, of_all
    from harness.cli.screen import RunScreen, err, prepare
    from harness.store import Store

    prepare(quiet=quiet)
    variants = of_all(load_cards()) if everything else tuple(variant or ())
    if not variants and not model:
        raise HarnessError("name a variant with --variant (`harness ls variants` lists all), or run all with --all")
    if everything and variant:
        raise HarnessError("give --variant or --all, not both")
    if shard is not None and db == options.DB:
        raise HarnessError(
            f"--shard {shard} writes to a database of its own; name one with --db, for example --db shard-1.duckdb"
        )
    variants = (*_stopped(variants, at), *variants)
    store = Store(db, on_wait=lambda message: err.print(message))
    plan = run_variants(
        store,
        variants,
        models=model or (),
        base=options.base_at(base, db),
        suite=suite,
        tasks=_tasks(tasks, task or ()),
        seeds=_seeds(seed, seeds),
        data=options.stage_data(data),
        languages=options.names(languages) or (),
        subsets=options.names(subsets) or (),
        data_dir=data_dir,
        device=device,
        dtype=dtype,
        force=force,
        strict=strict,
        shard=shard,
        engine=engine,
        address=address,
        cell=cell,
        command=shlex.join(["harness", *sys.argv[1:]]),
        screen=partial(RunScreen, quiet=quiet),
    )
    if plan.idle and not quiet:
        err.print("Nothing to measure: all results are stored already. Use --force to measure again.")
    if shard is not None:
        store.ready()  # a part with nothing in it has a database too, so that all can be merged
        (err.print if as_json else print)(
            f"Part {shard} is stored in {db}. When all parts are, join them: "
            f"harness merge DATABASE… --into {options.DB}"
        )
        raise_failures(plan)
        return
    try:
        if not (plan.failed and store.scores(diagnostics=True).empty):
            report(plan, store, site, variants, as_json=as_json)
    except HarnessError as error:
        if not plan.failed:
            raise
        print(f"harness: {error}", file=sys.stderr)  # what failed leaves nothing to compare; the page is written
    raise_failures(plan)


def raise_failures(plan: RunPlan) -> None:
    """Name on stderr what failed of `plan`, and raise what gives the exit code; nothing where all went well."""
    if not plan.failed:
        return
    alike: dict[tuple[str, str], list[Failure]] = {}
    for each in plan.failed:
        alike.setdefault((each.system, each.reason), []).append(each)
    for one, *others in alike.values():
        every = replace(one, task=", ".join(each.task for each in (one, *others)))
        print(f"failed: {every.what}: {every.reason}", file=sys.stderr)
    proof = any(isinstance(each.error, ProofError) for each in plan.failed)
    raise (ProofError if proof else TasksFailedError)(
        f"{len(plan.failed)} failed, as listed above, and all other results are stored; once the "
        "reasons are mended, the same command measures what is missing"
    )


def _stopped(variants: Sequence[str], at: str | None) -> list[str]:
    """`variants` that stop after the steps of --at, the earliest first, so that each goes on from the one before."""
    from harness.cards import READ_WITH, UNTIL

    steps = {each.strip() for each in at.split(",")} if at is not None else set()
    if not all(each.isdecimal() for each in steps):
        raise HarnessError(f"--at {at}: give whole numbers of steps, separated by commas")
    return [
        f"{name}{',' if READ_WITH in name else READ_WITH}{UNTIL}={each}"
        for name in variants
        for each in sorted(steps, key=int)
    ]


def _tasks(names: str | None, cards: Sequence[str]) -> list[str] | None:
    """`--tasks A,B --task CARD` ─▶ the names of all of them; None where neither was given."""
    if names is None and not cards:
        return None
    return [*(names.split(",") if names is not None else ()), *(f"card:{card}" for card in cards)]


def _seeds(seed: int | None, seeds: int | None) -> tuple[int, ...]:
    if seed is not None and seeds is not None:
        raise HarnessError("give --seed K for one seed or --seeds N for the seeds 0 to N-1, not both")
    if seeds is not None:
        return tuple(range(seeds))
    return (seed or 0,)
