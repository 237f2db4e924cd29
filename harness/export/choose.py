"""What the user typed ─▶ one system of the store, fit to be given away."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from harness.compare.entries import Entry, current_entries, find_base
from harness.errors import HarnessError, ProofError, near_names
from harness.records import Run, System
from harness.store import Store

_ID = re.compile(r"[0-9a-f]{4,16}")


def find_system(store: Store, name: str, *, seed: int | None = None) -> System:
    """The system called `name`: the beginning of an id (four digits or more), BASE/VARIANT, or VARIANT alone.

    By variant it is the newest recipe, as on the page; `seed` picks one of several. Raises HarnessError for a name
    that fits none or more than one, for a baseline and for a reference.
    """
    systems = store.systems()
    found = [each for each in systems if each.system_id.startswith(name)] if _ID.fullmatch(name) else []
    found = found or _by_variant(current_entries(store), name, seed)
    if len(found) > 1:
        raise HarnessError(f"{len(found)} systems have an id that begins with {name!r}; give more characters of the id")
    (system,) = found
    if seed is not None and system.seed != seed:
        raise HarnessError(f"the system {system.system_id} has {_seed(system)}, not seed {seed}; leave --seed out")
    if system.kind == "baseline":
        raise HarnessError(f"{system.variant} is a bag of words without weights; there is nothing to export")
    if system.kind == "reference":
        raise HarnessError(
            f"{system.variant} is a reference model, which already has a folder; there is nothing to export"
        )
    return system


def _by_variant(entries: Sequence[Entry], name: str, seed: int | None) -> list[System]:
    base, slash, variant = name.rpartition("/")
    base = find_base(entries, base)
    fitting = [each for each in entries if each.variant == variant and (not slash or each.base == base)]
    fitting = fitting or [each for each in entries if each.variant == name]  # a hub id has a slash of its own
    known = {f"{each.base}/{each.variant}" for each in entries if each.kind == "variant"}
    if not fitting:
        raise HarnessError(
            f"the database has no system {name!r} (`harness ls systems` lists them); {near_names(name, known)}"
        )
    if len(fitting) > 1:
        raise HarnessError(
            f"{name!r} was measured on the bases {', '.join(e.base for e in fitting)}; write BASE/{name}"
        )
    (entry,) = fitting
    if seed is None and len(entry.systems) > 1:
        seeds = ", ".join(str(each) for each in entry.seeds)
        raise HarnessError(f"{name!r} was trained with the seeds {seeds}; choose one with --seed")
    chosen = [each for each in entry.systems if seed is None or each.seed == seed]
    if not chosen:
        raise HarnessError(f"{name!r} was not measured with seed {seed}; it has {', '.join(map(_seed, entry.systems))}")
    return chosen


def _seed(system: System) -> str:
    return "no seed" if system.seed is None else f"seed {system.seed}"


def proven_runs(store: Store, system: System, scores: pd.DataFrame) -> list[Run]:
    """The runs behind the system's current `scores` (all its runs where it has no scores), oldest first.

    Raises ProofError if one of them has no mask proof, or one that failed, and where there is no run at all.
    """
    runs = store.runs(system_id=system.system_id)
    used = set(scores["run_id"]) or {run.run_id for run in runs}
    behind = [run for run in runs if run.run_id in used]
    label = label_of(system)
    if not behind:
        raise ProofError(
            f"{label} has no run with a mask proof, so its attention is not proven; run it first with `harness run`"
        )
    for run in behind:
        if not run.proven:
            what = "failed its mask proof" if run.mask_proof else "has no mask proof"
            raise ProofError(f"the run {run.run_id} of {label} {what}; it cannot be exported; run it again")
    return behind


def label_of(system: System) -> str:
    return f"{system.base}/{system.variant}" + ("" if system.seed is None else f" (seed {system.seed})")
