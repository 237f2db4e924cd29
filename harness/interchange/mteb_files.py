"""Results as mteb writes them: DIR/results/MODEL/REVISION/TASK.json with model_meta.json, read back by mteb itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.encoder.for_mteb import model_meta
from harness.errors import HarnessError
from harness.interchange.chosen import Chosen
from harness.paths import new_folder, whole_folder
from harness.records import System
from harness.store import Store

ROUNDING = 1e-6  # mteb writes six decimals


def write_mteb(store: Store, chosen: Chosen, *, out: Path) -> Path:
    """Write the chosen results on tasks of mteb's registry to the new folder `out`, a results cache of mteb.

    All that mteb reported is written; results from before it was kept have the main score alone. The folder comes into
    place whole, once mteb has read from it the scores of the store. Raises HarnessError if no task is mteb's.
    """
    import mteb
    from mteb.get_tasks import TASK_LIST

    known = {task.metadata.name for task in TASK_LIST}
    scores = chosen.scores[chosen.scores["task"].isin(known)]
    if scores.empty:
        raise HarnessError("none of these results is of an mteb task; use --format parquet to write them")
    names = _model_names([chosen.systems[str(each)] for each in scores["system_id"].unique()])
    reported = store.reported(scores["result"])
    versions = {run.run_id: run.provenance.versions.get("mteb") for run in store.runs()}
    with whole_folder(new_folder(out)) as building:
        cache = mteb.ResultCache(cache_path=building)
        for (system_id, task), rows in scores.groupby(["system_id", "task"], sort=True):
            result = _task_result(str(task), rows, reported, versions)
            cache.save_to_cache(result, _model_meta(chosen.systems[str(system_id)], names[str(system_id)]))
        _check(cache, chosen, scores, names)
    return out


def _task_result(task: str, rows: pd.DataFrame, reported: dict[int, dict[str, Any]], versions: dict[str, Any]) -> Any:
    import mteb
    from mteb.results import TaskResult

    revisions = sorted(set(rows["revision"]))
    if len(revisions) > 1:
        raise HarnessError(
            f"{rows['variant'].iloc[0]} was measured on two revisions of {task} ({', '.join(revisions)}); run the "
            "older part again with --force"
        )
    about = mteb.get_task(task)
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows.to_dict("records"):
        main = {"main_score": row["score"], about.metadata.main_score: row["score"]}
        version = {"mteb_version": versions.get(row["run_id"])}
        every = {**version, **(reported.get(int(row["result"])) or main)}
        scores.setdefault(row["split"], {})[row["subset"]] = every
    made = TaskResult.from_task_results(
        about,
        scores,
        evaluation_time=float(rows["seconds"].sum()),
        date=rows["measured_at"].max().tz_localize("UTC").to_pydatetime(),
    )
    return made.model_copy(update={"dataset_revision": revisions[0]})


def _model_names(systems: Sequence[System]) -> dict[str, str]:
    """A model name for each system by its id. mteb's tables know a model by its name alone, so no two have the same.

    Systems that would be called alike get their seeds, else the beginning of what made them.
    """
    plain = {each.system_id: _plain_name(each) for each in systems}
    names = dict(plain)
    for name in set(plain.values()):
        same = [each for each in systems if plain[each.system_id] == name]
        if len(same) > 1:
            seeds = {each.seed for each in same}
            for each in same:
                by_seed = len(seeds) == len(same) and None not in seeds
                end = f"seed{each.seed}" if by_seed else _revision(each)[:8]
                names[each.system_id] = f"{name}-{end}"
    if len(set(names.values())) < len(names):
        return {each.system_id: f"{plain[each.system_id]}-{each.system_id}" for each in systems}
    return names


def _plain_name(system: System) -> str:
    base = f"{system.base.replace('/', '__')}-" if system.base else ""
    reference = system.kind == "reference" and "/" in system.variant
    return system.variant if reference else f"harness/{base}{system.variant}"


def _revision(system: System) -> str:
    """The hub's commit, else the system's id: mteb makes a folder of that name, so no other text will do."""
    commit = str(system.recipe.hub_commit or "")
    return commit if re.fullmatch("[0-9a-f]{40}", commit) else system.system_id


def _model_meta(system: System, name: str) -> Any:
    return model_meta(name, _revision(system))


def _check(cache: Any, chosen: Chosen, scores: pd.DataFrame, names: Mapping[str, str]) -> None:
    """Read everything back with mteb and compare."""
    found = {
        (model.model_name, model.model_revision, task.task_name, split, subset["hf_subset"]): subset["main_score"]
        for model in cache.load_results(include_remote=False).model_results
        for task in model.task_results
        for split, subsets in task.scores.items()
        for subset in subsets
    }
    for row in scores.to_dict("records"):
        meta = _model_meta(chosen.systems[row["system_id"]], names[row["system_id"]])
        again = found.get((meta.name, meta.revision, row["task"], row["split"], row["subset"]))
        if again is None or abs(again - row["score"]) > ROUNDING:
            raise HarnessError(
                f"mteb reads {again} where the store holds {row['score']:.6f} ({meta.name}, {row['task']}); nothing "
                "was written: use the mteb version that `harness doctor` names"
            )
