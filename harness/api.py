"""What researchers call from Python, and the commands too: the names of `harness.__all__`.

Every function refuses bad input with HarnessError, whose one sentence says what to do.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.bases import resolve_base
from harness.compare import compare, rank
from harness.compare.contrasts import declared_contrasts
from harness.compare.ranking import Ranks
from harness.compare.results import Comparison
from harness.compare.wording import cautions, family_of, left_out, overall, scope, sentence
from harness.encoder.placement import Placement
from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.metrics import get_metric, score_outcomes
from harness.models import resolve_model
from harness.outcomes import TaskKey, TaskResult, read_outcomes
from harness.paths import cache_folder
from harness.records import MADE_ELSEWHERE, Provenance, Run, StoredRecipe, System
from harness.run.loop import execute
from harness.run.measure import measure as measure_task
from harness.run.open import Listener, OpenSystem, Screen
from harness.run.open import open_system as open_planned
from harness.run.plan import EVALUATION_VERSION, RunPlan, RunRequest, plan_run
from harness.run.record import record_run, record_task
from harness.run.systems import plan_system
from harness.store import Store
from harness.suites.catalog import choose_suite, open_tasks
from harness.suites.mteb import Choice
from harness.suites.retention import choose_text
from harness.suites.task import TaskOptions

if TYPE_CHECKING:
    import pandas as pd

    from harness.compare.analysis import AnalysisProgress
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
    """Open a reference model: the folder or hub id (ORG/NAME or ORG/NAME@REVISION) of a sentence-transformers model.

    It is measured as it is, without a mask proof. Raises HarnessError if it is missing, damaged, or needs code of its
    own.

    Example: `open_model("sentence-transformers/all-MiniLM-L6-v2")`.
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
    row for each example and trial. `text` is for the retention suite, `languages` and `subsets` choose among the
    subsets of mteb tasks, `data_dir` holds the data of the words suite.

    Nothing is stored without a `store`. With one, each task is stored as it ends; the newest result counts. To measure
    only what a store lacks, use `run_variants`. Texts that were cut are a Python warning.

    Raises HarnessError for an unknown task, for data that are missing, and for an embedding that is not finite.

    Example: `[result] = measure(open_system("bidir"), "MiniSTS")`, then `result.score` and `result.outcomes`.
    """
    evidence, chosen = system.evidence, choose_suite(suite, _names(tasks) or ())
    base = evidence.system.base
    options = TaskOptions(
        text=choose_text(chosen.names, base=base, source=text) if base or text else None,
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
    cache: Path | None = None,
    command: str = "harness.run_variants",
    screen: Screen | None = None,
) -> RunPlan:
    """Train and measure what `store` lacks, as `harness run` does; return what was planned.

    The causal base is measured too, because the other variants are compared with it. `models` are reference models.
    Each task is stored as it ends, so a call that was stopped can be repeated. `force` measures stored results again.
    A task that fails, or a system that cannot be trained or opened, does not keep the others from being measured:
    `failed` of the returned plan lists it with the reason. With `strict` the first one is raised.
    `data`, `cache` as in `open_system`, `text` of the retention suite as data={"retention": …}, the rest as in
    `measure`. `command` is stored with the results. `screen` shows progress (None: silent).

    Raises HarnessError for an unknown name before any work is done, and if none of the named systems can be opened.

    Example: `run_variants(Store("results.duckdb"), ["bidir", "bidir-mntp"], tasks=["MiniSTS"])`.
    """
    request = RunRequest(
        base=base,
        variants=_names(variants) or (),
        models=tuple(models),
        suite=suite,
        tasks=_names(tasks) or (),
        seeds=tuple(seeds),
        data=tuple((data or {}).items()),
        choice=Choice(languages=tuple(languages), subsets=tuple(subsets)),
        data_dir=data_dir,
        force=force,
    )
    plan = plan_run(request, store, place=Placement.choose(device, dtype), cache=cache or cache_folder())
    if strict and plan.failed:
        raise plan.failed[0].error
    if not plan.idle:
        with nullcontext() if screen is None else screen(plan.to_measure) as listener:
            if listener is not None:
                listener.note(plan.summary)
                for each in plan.failed:
                    listener.note(f"{each.what}: failed, {each.reason}")
            failed = execute(plan, store, listener, command=command, force=force, strict=strict)
            plan = replace(plan, failed=(*plan.failed, *failed))
    return plan


def add_outcomes(
    store: Store,
    outcomes: pd.DataFrame,
    *,
    system: str,
    task: str,
    metric: str,
    base: str = "",
    seed: int | None = None,
    version: str = "1",
    split: str = "test",
    subset: str = "default",
    revision: str = "1",
    task_type: str = "Own",
) -> TaskResult:
    """Store outcomes that were made elsewhere, a row an example, as the newest result of `system` on `task`.

    `outcomes` needs the column example_id, and gold_label with predicted_label, or gold_score with predicted_score.
    It may have unit (examples that share it are resampled together), trial, layer and position. The score is computed
    from them by `metric`. Two systems can be compared on a task if task, split, subset, `revision`, metric, examples
    and gold answers are the same; `store.scores()` shows those of stored results.

    Without `base` the system is shown as a reference model. With `base` it is a variant of that base; variants
    without a mask proof are compared, but not ranked. `version` counts the versions of the system: the newest counts.

    Raises HarnessError for an unknown metric or column, a missing or repeated example, an answer that is missing or
    not finite, a score that is not defined, and the name of a system that this project measured. Nothing is stored
    then.

    >>> import tempfile
    >>> import pandas as pd
    >>> from harness import Store
    >>> store = Store(tempfile.mkdtemp() + "/results.duckdb")
    >>> mine = pd.DataFrame({"example_id": ["a", "b"], "gold_label": [1, 0], "predicted_label": [1, 1]})
    >>> add_outcomes(store, mine, system="my-model", task="MyTask", metric="accuracy").score
    0.5
    """
    rows = read_outcomes(outcomes)
    wanted = "score" if get_metric(metric).answers == "score" else "label"
    if rows[f"gold_{wanted}"].isna().any():
        raise HarnessError(f"{metric} needs the columns gold_{wanted} and predicted_{wanted}")
    key = TaskKey(task=task, split=split, subset=subset, revision=revision, metric=metric)
    score = score_outcomes(metric, rows)
    result = TaskResult(key=key, task_type=task_type, score=score, outcomes=rows, seconds=0.0)
    store.ready()
    before = [each for each in store.systems() if each.base == base]
    if any(each.variant == system and not each.made_elsewhere for each in before):
        raise HarnessError(f"the store holds a measured system {system!r}; give yours another name")
    # The revision that was stored last, so that they can be compared with what was measured on it.
    revisions = [each.base_revision for each in before if not each.made_elsewhere]
    made = System(
        base=base,
        base_revision=(revisions or ["not recorded"])[-1] if base else version,
        variant=system,
        seed=seed,
        kind="variant" if base else "reference",
        card_hash=version,
        recipe=StoredRecipe(version=1, title=MADE_ELSEWHERE),
    )
    run = Run(
        system_id=store.add_system(made),
        suite="own",
        dtype="not recorded",
        device="not recorded",
        evaluation=EVALUATION_VERSION,
        provenance=Provenance(version=1, command="harness.add_outcomes", contrasts=declared_contrasts().sha256),
    )
    store.add_result(store.add_run(run), result)
    store.finish_run(run.run_id)
    return result


def compare_variants(
    store: Store,
    variant: str,
    against: str,
    *,
    base: str = "mini",
    tasks: str | Sequence[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
) -> Comparison:
    """Compare two measured variants, or reference models, on the tasks that both have: `variant` minus `against`.

    `tasks` of the comparison has a row a task: `difference` and its 95 % `interval` in the metric's own unit, `p`,
    `p_adjusted` for all declared comparisons of the base, and `verdict`. `across` is the mean over tasks. `tasks` as
    an argument selects rows and does not change a verdict. `dtype` and `device` choose among the results of systems
    that were measured in several (None: those that most systems of the base share).

    Raises HarnessError for a name without results, and where the two were not asked the same.

    Example: `pd.DataFrame(compare_variants(store, "bidir-supcon", "causal").tasks)` is the table.
    """
    return compare(store, base=base, variant=variant, against=against, tasks=_names(tasks), dtype=dtype, device=device)


def describe(comparison: Comparison) -> str:
    """Say what a comparison found in sentences, a line each: the verdicts, the mean over tasks, and what it holds for.

    Example: `print(describe(compare_variants(store, "bidir-supcon", "causal")))`.
    """
    said = (sentence(comparison), left_out(comparison), overall(comparison), scope(comparison), family_of(comparison))
    lines = (*said, cautions(comparison), *comparison.problems)
    return "\n".join(line for line in lines if line)


def rank_variants(
    store: Store,
    *,
    base: str = "mini",
    suite: str | None = None,
    tasks: str | Sequence[str] | None = None,
    dtype: str | None = None,
    device: str | None = None,
) -> Ranks:
    """Rank the measured variants of a base, and reference models, on each task and on the mean over tasks.

    `tasks` has a ranking a task and `overall` is the mean; `places` of a ranking have the variant, its `score`, the
    range of `ranks` that the tests leave open (together at 95 % confidence) and its `letters`: variants with a common
    letter were not shown to differ. `unranked` says why a variant has no rank. `dtype` and `device` as in
    `compare_variants`.

    Raises HarnessError for a base, suite or task without results.

    Example: `pd.DataFrame(rank_variants(store).overall.places)` is the table of the mean.
    """
    return rank(store, base=base, suite=suite, tasks=_names(tasks), dtype=dtype, device=device)


def write_site(store: Store, out: str | Path, *, progress: AnalysisProgress | None = None) -> Path:
    """Write the pages of `store` to the folder `out` and return index.html, which opens without a server.

    The folder is replaced when it is complete. `progress(done, total, next)` hears of each step. Raises HarnessError
    if the store has no scores or the folder holds anything but such pages.

    Example: `write_site(store, "site")`.
    """
    from leaderboard.build import build_site

    return build_site(store, Path(out), progress=progress)


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


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """One name is as good as a list of one."""
    return names if names is None else (names,) if isinstance(names, str) else tuple(names)
