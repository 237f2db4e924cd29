"""Which results are written: the current ones, of all systems or of those that were named."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.errors import HarnessError, near_names
from harness.records import System
from harness.store import Store


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Systems by id, and the rows of Store.scores that are theirs."""

    systems: dict[str, System]
    scores: pd.DataFrame


def choose(store: Store, name: str | None = None, *, seed: int | None = None) -> Chosen:
    """The current results of the systems called `name` (an id or its beginning, BASE/VARIANT, VARIANT); None: of all.

    Raises HarnessError if there are none.
    """
    scores = store.scores()
    with_scores = set(scores["system_id"])
    systems = {each.system_id: each for each in store.systems() if each.system_id in with_scores}
    if not systems:
        raise HarnessError(f"{store.path} has no results yet; make some with `harness run --variant bidir-supcon`")
    chosen = {
        key: each
        for key, each in systems.items()
        if (name is None or _called(each, name)) and (seed is None or each.seed == seed)
    }
    if not chosen:
        known = {_full_name(each) for each in systems.values()}
        with_seed = "" if seed is None else f" with seed {seed}"
        raise HarnessError(
            f"the database has no system {name or 'at all'!r}{with_seed}; {near_names(name or '', known)}"
        )
    return Chosen(systems=chosen, scores=scores[scores["system_id"].isin(chosen)])


def _full_name(system: System) -> str:
    return f"{system.base}/{system.variant}" if system.base else system.variant


def _called(system: System, name: str) -> bool:
    return name in (system.variant, _full_name(system)) or (len(name) >= 4 and system.system_id.startswith(name))
