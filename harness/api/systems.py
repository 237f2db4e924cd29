"""Open a system or a reference model, measure it, run variants, export a system: what needs weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.arguments import as_names
from harness.bases import resolve_base
from harness.encoder.placement import Placement
from harness.encoder.protocol import TextEncoder
from harness.engines.choose import open_engine, unused_gpus
from harness.models import resolve_model
from harness.outcomes import TaskResult
from harness.paths import cache_folder
from harness.run.loop import execute
from harness.run.measure import measure as measure_task
from harness.run.open import Listener, OpenSystem, Screen
from harness.run.open import open_system as open_planned
from harness.run.plan import RunPlan, RunRequest, plan_run
from harness.run.record import record_run, record_task
from harness.run.shard import Shard
from harness.run.systems import plan_system
from harness.store import Store
from harness.suites.catalog import choose_suite, open_tasks
from harness.suites.mteb import Choice
from harness.suites.retention import choose_text
from harness.suites.task import TaskOptions

if TYPE_CHECKING:
    from harness.encoder.model import Encoder


def open_system(
    variant: str,
    *,
    base: str = "mini",
    seed: int = 0,
    data: Mapping[str, str] | None = None,
    device: str = "auto",
    dtype: str = "auto",
    cache: Path | None = None,
    listener: Listener | None = None,
) -> OpenSystem[Encoder]:
    """Open a base × a variant × a seed: train the stages that the cache lacks, load the weights, prove the mask.

    `base` is mini, a folder or a hub id. A variant without training has no seed and ignores it. `data` names the text
    of a stage, {"mntp": "corpus.txt"}. `cache` is the folder of trained stages (None: that of the commands).

    Raises ProofError if a token is seen that the variant's attention hides, or not seen that it shows, and
    HarnessError for an unknown name and for a base that cannot be opened.

    Example: `open_system("bidir").encoder.encode(["a text"])` gives an array (1, D) of float32.
    """
    planned = plan_system(variant, resolve_base(base), seed=seed, data=data)
    place = Placement.choose(device, dtype)
    return open_planned(planned, place=place, cache=cache or cache_folder(), listener=listener)


def open_model(
    name: str, *, device: str = "auto", dtype: str = "auto", listener: Listener | None = None
) -> OpenSystem[TextEncoder]:
    """Open a reference model: a name (`all-MiniLM-L6-v2`), or the folder or hub id of a sentence-transformers model.

    It is measured as it is, without a mask proof. Raises HarnessError if it is missing, damaged, or needs code of its
    own.

    Example: `open_model("all-MiniLM-L6-v2")`.
    """
    place = Placement.choose(device, dtype)
    return open_planned(resolve_model(name), place=place, cache=cache_folder(), listener=listener)


def measure(
    system: OpenSystem[Any],
    tasks: str | Sequence[str] | None = None,
    *,
    suite: str = "mini",
    text: str | None = None,
    languages: Sequence[str] = (),
    subsets: Sequence[str] = (),
    data_dir: Path | None = None,
    store: Store | None = None,
) -> list[TaskResult]:
    """Measure an open system on tasks: one result for each task, split and subset, in the order of the tasks.

    `tasks` are names of the suite or of mteb (None: the whole `suite`). A result has `key` (task, split, subset,
    revision, metric), `score` in the metric's own unit (accuracy: 1.0 is perfect), and `outcomes`: a data frame with a
    row for each example and trial. `text` is for the suites retention and layers, `languages` and `subsets` choose
    among the subsets of mteb tasks, `data_dir` holds the data of the words suite.

    Nothing is stored without a `store`. With one, each task is stored as it ends; the newest result counts. To measure
    only what a store lacks, use `run_variants`. Texts that were cut are a Python warning.

    Raises HarnessError for an unknown task, for data that are missing, and for an embedding that is not finite.

    Example: `[result] = measure(open_system("bidir"), "MiniSTS")`, then `result.score` and `result.outcomes`.
    """
    evidence, chosen = system.evidence, choose_suite(suite, as_names(tasks) or ())
    base = evidence.system.base
    options = TaskOptions(
        text=choose_text(chosen.tasks, base=base, source=text) if base or text else None,
        choice=Choice(languages=tuple(languages), subsets=tuple(subsets)) or None,
        data_dir=data_dir,
        cache=cache_folder(),
    )
    opened = open_tasks(chosen.tasks, options)
    run = None if store is None else record_run(store, evidence, suite=chosen.name, command="harness.measure")
    results: list[TaskResult] = []
    for task in opened:
        measured = measure_task(system.encoder, task)
        if measured.cut:
            warnings.warn(f"{task.name}: {measured.cut}", stacklevel=2)
        if store is not None and run is not None:
            record_task(store, run, evidence, task.info, measured)
        results += measured.results
    if store is not None and run is not None:
        store.finish_run(run.run_id)
    return results


def run_variants(
    store: Store,
    variants: str | Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    base: str = "mini",
    suite: str = "mini",
    tasks: str | Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    data: Mapping[str, str] | None = None,
    languages: Sequence[str] = (),
    subsets: Sequence[str] = (),
    data_dir: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    force: bool = False,
    strict: bool = False,
    shard: str | None = None,
    engine: str = "local",
    address: str | None = None,
    cell: str | None = None,
    cache: Path | None = None,
    command: str = "harness.run_variants",
    screen: Screen | None = None,
) -> RunPlan:
    """Train and measure what `store` lacks, as `harness run` does; return what was planned.

    The causal base is measured too, because the other variants are compared with it. `models` are reference models.
    Each task is stored as it ends, so a call that was stopped can be repeated. `force` measures stored results again.
    A task that fails, or a system that cannot be trained or opened, does not keep the others from being measured:
    `failed` of the returned plan lists it with the reason. With `strict` the first one is raised.
    `shard` "3/40" measures the third of 40 equal parts, for a `store` of its own (`harness merge` joins them).
    `engine` "ray" does the work on the Ray cluster at `address` (None: on all of this machine); `cell` is what a stage
    or task takes of a node, "gpus=1,cpus=4,memory=16" (None: from the size of the base).
    `data`, `cache` as in `open_system`, `text` of the retention suite as data={"retention": …}, the rest as in
    `measure`. `command` is stored with the results. `screen` shows progress (None: silent).

    Raises HarnessError for an unknown name before any work is done, and if none of the named systems can be opened.

    Example: `run_variants(Store("results.duckdb"), ["bidir", "bidir-mntp"], tasks=["MiniSTS"])`.
    """
    request = RunRequest(
        base=base,
        variants=as_names(variants) or (),
        models=tuple(models),
        suite=suite,
        tasks=as_names(tasks) or (),
        seeds=tuple(seeds),
        data=tuple((data or {}).items()),
        choice=Choice(languages=tuple(languages), subsets=tuple(subsets)),
        data_dir=data_dir,
        force=force,
        shard=Shard.parse(shard) if shard is not None else None,
    )
    chosen = open_engine(engine, address=address, cell=cell)
    place = chosen.place(device, dtype) if chosen else Placement.choose(device, dtype)
    plan = plan_run(request, store, place=place, cache=cache or cache_folder())
    if strict and plan.failed:
        raise plan.failed[0].error
    if not plan.idle:
        with nullcontext() if screen is None else screen(plan.to_measure) as listener:
            if listener is not None:
                listener.begin(plan, store)
                listener.note(plan.summary)
                for each in plan.failed:
                    listener.note(f"{each.what}: failed, {each.reason}")
                if not chosen and (said := unused_gpus(place)):
                    listener.note(said)
            failed = execute(plan, store, listener, command=command, force=force, strict=strict, engine=chosen)
            plan = replace(plan, failed=(*plan.failed, *failed))
    return plan


def export_system(
    store: Store,
    system: str,
    out: str | Path,
    *,
    seed: int | None = None,
    base: str | None = None,
    cache: Path | None = None,
) -> Path:
    """Write a measured encoder with its model card to the new folder `out`, and return the folder.

    Plain `SentenceTransformer(out)` opens it and gives the same embeddings to 1e-6. `system` is VARIANT,
    BASE/VARIANT, or the beginning of a system's id; `seed` picks one of several. `base` says where the base lies, if
    it has moved.

    Raises HarnessError for an unknown system, weights that are gone or changed, and a folder that is not empty;
    ProofError for a system without a passed mask proof.

    Example: `export_system(store, "bidir-supcon", "my-encoder")`.
    """
    from harness.export.folder import export_system as export

    return export(store, system, out=Path(out), cache=cache or cache_folder(), seed=seed, base=base)
