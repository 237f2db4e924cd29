"""`harness run` and `harness train`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.run import RunPlan
    from harness.store import Store


def register(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("train")(train)


def run(
    variant: Annotated[
        list[str] | None, typer.Option("--variant", help="A variant of `harness ls variants`; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All variants.")] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="ID_OR_FOLDER",
            help="A sentence-transformers model, measured as it is beside the variants; a hub id may end in @REVISION; "
            "repeatable.",
        ),
    ] = None,
    base: options.BaseName = "mini",
    suite: options.SuiteName = "mini",
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", help="Only these tasks, comma-separated; any mteb task of a supported type."),
    ] = None,
    languages: Annotated[
        str | None,
        typer.Option("--languages", help="Of mteb tasks: subsets all of whose languages these are; eng,deu or all."),
    ] = None,
    subsets: Annotated[
        str | None, typer.Option("--subsets", help="Of mteb tasks: the subsets of these names; en-en,es-es.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="One training seed.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Training seeds 0 … N-1.")] = None,
    data: options.Data = None,
    data_dir: options.DataDir = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    db: options.Db = options.DB,
    site: Annotated[Path, typer.Option("--site", help="Folder of the page.")] = options.SITE,
    force: Annotated[
        bool, typer.Option("--force", help="Measure again what is stored; the newest result counts.")
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Make variants of a base, measure them, compare each with the causal base, and write the page.

    The base's `causal` variant is measured along with the first of its variants. Models given with --model are
    references: measured, ranked and shown beside the variants, or alone. What is stored already is not done again; a
    killed run goes on where it was.
    """
    from harness.cards import load_cards
    from harness.cli.screen import RunScreen, err, prepare
    from harness.run import RunRequest, execute, plan_run
    from harness.store import Store
    from harness.suites.mteb import Choice

    prepare()
    variants = tuple(load_cards()) if everything else tuple(variant or ())
    if not variants and not model:
        raise HarnessError("name a variant with --variant (see `harness ls variants`), or take them all with --all")
    if everything and variant:
        raise HarnessError("give --variant or --all, not both")
    request = RunRequest(
        base=base,
        variants=variants,
        models=tuple(model or ()),
        suite=suite,
        tasks=tuple(tasks.split(",")) if tasks is not None else (),
        seeds=_seeds(seed, seeds),
        data=tuple(options.stage_data(data).items()),
        choice=Choice(languages=options.names(languages) or (), subsets=options.names(subsets) or ()),
        data_dir=data_dir,
        force=force,
    )
    store = Store(db, on_wait=lambda message: err.print(message))
    from harness.encoder.placement import Placement

    plan = plan_run(request, store, Placement.choose(device, dtype))
    if plan.idle:
        if not quiet:
            err.print("Nothing to do: every result asked for is in the store already (--force measures again).")
    else:
        with RunScreen(sum(len(job.missing) for job in plan.jobs), quiet=quiet) as screen:
            screen.note(_intentions(plan))
            execute(plan, store, screen, command=shlex.join(["harness", *sys.argv[1:]]), force=force)
    _finish(plan, store, site, variants, as_json=as_json)


def train(
    variant: Annotated[str, typer.Option("--variant", help="A variant of `harness ls variants`.")],
    base: options.BaseName = "mini",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Training seed.")] = 0,
    data: options.Data = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Train a variant without measuring it; print the folder that holds the encoder.

    The folder lies in the cache. `harness export` writes a measured system to a folder of its own, with its card.
    """
    from harness.bases import resolve_base
    from harness.cli.screen import RunScreen, prepare
    from harness.encoder.placement import Placement
    from harness.run import train_variant
    from harness.training.ranks import Ranks

    prepare()
    place = Placement.choose(device, "float32")
    with RunScreen(0, quiet=quiet) as screen:
        folder = train_variant(
            variant, resolve_base(base), seed=seed, place=place, listener=screen, data=options.stage_data(data)
        )
    if Ranks.here().first:
        print(folder)


def _seeds(seed: int | None, seeds: int | None) -> tuple[int, ...]:
    if seed is not None and seeds is not None:
        raise HarnessError("give --seed K for one seed or --seeds N for the first N, not both")
    if seeds is not None:
        return tuple(range(seeds))
    return (seed or 0,)


def _intentions(plan: RunPlan) -> str:
    systems = [job for job in plan.jobs if job.missing]
    stages = {stage.digest for job in systems if job.planned for stage in job.planned.untrained}
    tasks = sum(len(job.missing) for job in systems)
    who = f"base {plan.base.name}" if plan.base else "references"
    return (
        f"{who}: {len(systems)} systems, {len(stages)} stages to train, {tasks} results to measure, "
        f"on {plan.place.device} in {plan.place.dtype}"
    )


def _shown_elsewhere(plan: RunPlan) -> str:
    """Where results are shown of which none is compared; empty if some are."""
    from harness.outcomes import BESIDE_TYPES
    from harness.suites.catalog import task_info
    from harness.suites.words import PAPER_TYPE, paper_names, task_names

    ours = {*task_names(), *paper_names()}
    if plan.base is None or not set(plan.suite.tasks) <= ours:
        return ""
    types = {task_info(name).task_type for name in plan.suite.tasks}
    if types == {PAPER_TYPE}:
        return "`harness reproduce feng2025` with the same --base sets the results beside the paper's."
    return f"`harness words --base {plan.base.name}` shows diagnostics." if types <= BESIDE_TYPES else ""


def _finish(plan: RunPlan, store: Store, site: Path, variants: tuple[str, ...], *, as_json: bool) -> None:
    from harness.cli.comparing import report, report_references
    from harness.cli.screen import CountScreen
    from leaderboard.build import Draft

    draft = Draft(store, site)
    if shown_by := _shown_elsewhere(plan):
        print(f"Measured; {shown_by}")
        if store.scores().empty:  # a page is of scores
            return
    elif plan.base is None:
        report_references(store, names=plan.references, tasks=plan.suite.tasks, as_json=as_json)
    else:
        named = (*variants, *plan.references)
        with CountScreen() as screen:
            known = draft.analysis(plan.base.name, progress=screen.count)
        report(store, base=plan.base.name, variants=named, tasks=plan.suite.tasks, as_json=as_json, known=known)
    with CountScreen() as screen:
        page = draft.write(screen.count)
    if not as_json:
        print(f"\nThe page: {page}")
