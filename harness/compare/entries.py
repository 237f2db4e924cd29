"""Entries: base × variant with its seeds, a row of the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.cards import load_cards
from harness.errors import HarnessError, near_names
from harness.records import System
from harness.store import Store


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A recipe on a base: `systems` are its seeds (None first), all of one base revision and card."""

    base: str
    variant: str
    systems: tuple[System, ...]

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """The training seeds, (None,) for a variant without randomness."""
        return tuple(system.seed for system in self.systems)

    @property
    def kind(self) -> str:
        """'variant', 'baseline' or 'reference'."""
        return self.systems[0].kind

    @property
    def is_reference(self) -> bool:
        """Whether it is a model of no base, measured as it is."""
        return self.kind == "reference"

    @property
    def name(self) -> tuple[str, str]:
        """Base and variant."""
        return (self.base, self.variant)


def current_entries(store: Store, *, scores: pd.DataFrame | None = None) -> list[Entry]:
    """Return the entries that have scores, by base and variant.

    A card or base that changed makes new systems; the entry is then the newest recipe, with those of its
    seeds that were measured, and never a mixture. Of two systems with one seed the newest counts.
    """
    rows = store.scores() if scores is None else scores
    newest = rows.groupby("system_id")["result"].max().to_dict()
    groups: dict[tuple[str, str, str], list[System]] = {}
    for system in store.systems():
        if system.system_id in newest:
            groups.setdefault((system.base, system.kind, system.variant), []).append(system)
    entries = []
    for (base, _, variant), systems in sorted(groups.items()):
        latest = max(systems, key=lambda s: newest[s.system_id])
        recipe = (latest.base_revision, latest.card_hash)
        seeds: dict[int | None, System] = {}
        for system in sorted(systems, key=lambda s: newest[s.system_id]):
            if (system.base_revision, system.card_hash) == recipe:
                seeds[system.seed] = system
        chosen = sorted(seeds.values(), key=lambda s: -1 if s.seed is None else s.seed)
        entries.append(Entry(base=base, variant=variant, systems=tuple(chosen)))
    return entries


def find_entry(entries: Sequence[Entry], *, base: str, variant: str) -> Entry:
    """Return the entry of `base`, or one of no base; raise HarnessError with a way out if none fits."""
    here = {entry.variant: entry for entry in entries if entry.base == ""}
    here |= {entry.variant: entry for entry in entries if entry.base == base}
    if variant in here:
        return here[variant]
    bases = {entry.base for entry in entries if entry.base}
    if not entries:
        raise HarnessError("the database is empty; measure something with `harness run --variant bidir-supcon`")
    if bases and base not in bases:
        raise HarnessError(f"the database has no results on base {base!r}: {near_names(base, bases)}")
    where = f" on base {base}" if bases else ""
    if variant in load_cards():
        measured = ", ".join(e.variant for e in entries if e.base == base)
        how = f"measure it with `harness run --variant {variant} --base {base}`"
        raise HarnessError(f"{variant!r} has not been measured{where}; {how}. Measured: {measured}")
    raise HarnessError(f"the database has no results of {variant!r}{where}: {near_names(variant, here)}")
