"""Entries: base × variant with its seeds, a row of the leaderboard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.bases import resolve_base
from harness.cards import READ_WITH, load_cards
from harness.errors import HarnessError, near_names
from harness.records import System
from harness.store import Store


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A recipe on a base: `systems` are its seeds (None first), all of one base revision and card.

    `base` and `variant` are what it is called, and no other entry is called so: see `names_of`. `newest` is the number
    of its newest result.
    """

    base: str
    variant: str
    systems: tuple[System, ...]
    newest: int = field(default=0, compare=False)

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
    def read_otherwise(self) -> bool:
        """Whether it is a variant that was read with other fields than its card's, as one point of a figure.

        Such a one is in no family of tests, has no rank and no page of its own.
        """
        return self.kind == "variant" and READ_WITH in self.systems[0].variant

    @property
    def name(self) -> tuple[str, str]:
        """Base and variant."""
        return (self.base, self.variant)


def current_entries(store: Store, *, scores: pd.DataFrame | None = None) -> list[Entry]:
    """Return the entries that have scores, by base and variant.

    A card that changed makes new systems; the entry is then the newest recipe, with those of its seeds that were
    measured, and never a mixture. Of two systems with one seed the newest counts. Two revisions of a base, and two
    reference models, are entries of their own.
    """
    rows = store.scores() if scores is None else scores
    newest = rows.groupby("system_id")["result"].max().to_dict()
    measured = [system for system in store.systems() if system.system_id in newest]
    names = names_of(measured)
    groups: dict[tuple[str, str, str], list[System]] = {}
    for system in measured:
        base, variant = names[system.system_id]
        groups.setdefault((base, system.kind, variant), []).append(system)
    entries = []
    for (base, _, variant), systems in sorted(groups.items()):
        systems.sort(key=lambda s: newest[s.system_id])
        seeds = {s.seed: s for s in systems if s.card_hash == systems[-1].card_hash}
        chosen = sorted(seeds.values(), key=lambda s: -1 if s.seed is None else s.seed)
        last = int(newest[systems[-1].system_id])
        entries.append(Entry(base=base, variant=variant, systems=tuple(chosen), newest=last))
    return entries


def names_of(systems: Sequence[System]) -> dict[str, tuple[str, str]]:
    """Return base and variant of each of `systems` by its id, as they are shown.

    Where two bases have one name, their revisions are added. Reference models of one name, or with that of a variant,
    get the end of their folder's path or their revision: `a/final` and `b/final`, `org/enc@1a2b3c4`.
    """
    taken = {system.variant for system in systems if system.kind != "reference"}
    names: dict[str, tuple[str, str]] = {}
    for base in {system.base for system in systems if system.kind != "reference"}:
        of_base = [system for system in systems if system.base == base and system.kind != "reference"]
        revisions = _short({system.base_revision for system in of_base})
        for each in of_base:
            shown = base if len(revisions) == 1 else f"{base}@{revisions[each.base_revision]}"
            names[each.system_id] = (shown, each.variant)
    models = [system for system in systems if system.kind == "reference"]
    for name in {system.variant for system in models}:
        same = [system for system in models if system.variant == name]
        one = len(same) == 1 or all(system.made_elsewhere for system in same)  # of these the newest version counts
        labels = [name] * len(same) if one and name not in taken else _apart(same, taken)
        names |= {each.system_id: ("", label) for each, label in zip(same, labels, strict=True)}
    return names


def _apart(models: Sequence[System], taken: set[str]) -> list[str]:
    """Return a name for each of the reference `models`, which are called alike, or as one of `taken`."""
    folders = [() if each.recipe.hub_commit or not each.folder else Path(each.folder).parts for each in models]
    for length in range(2, max(map(len, folders)) + 1):
        ends = ["/".join(parts[-length:]) for parts in folders]
        if all(folders) and len(set(ends)) == len(ends) and not taken & set(ends):
            return ends
    revisions = [each.recipe.hub_commit or each.base_revision for each in models]
    short = _short(set(revisions))
    labels = [f"{each.variant}@{short[revision]}" for each, revision in zip(models, revisions, strict=True)]
    return labels if len(set(labels)) == len(labels) else [f"{each.variant}@{each.system_id}" for each in models]


def _short(revisions: Collection[str]) -> dict[str, str]:
    """Return the beginning of each revision, seven characters or as many more as tell all apart."""
    length = next((n for n in range(7, 64) if len({r[:n] for r in revisions}) == len(revisions)), 64)
    return {revision: revision[:length] for revision in revisions}


def find_base(entries: Sequence[Entry], name: str, *, revision: str | None = None) -> str:
    """Return what the base `name` is called among `entries`: of several revisions `revision`, or the newest measured.

    `name` can be what `harness run --base` takes: a folder or a GGUF file is the base of its revision, and no other. A
    name that is not there is returned as it is.
    """
    if not name or any(entry.base == name for entry in entries):
        return name
    fitting = [entry for entry in entries if entry.base and entry.systems[0].base == name]
    if not fitting and entries and Path(name).expanduser().exists():
        found = resolve_base(name)
        same = [each.base for each in entries if each.base and each.systems[0].base_revision == found.revision]
        return same[-1] if same else name
    if not fitting and (at := name.partition("@"))[1]:
        fitting = [entry for entry in entries if entry.systems[0].base == at[0]]
        fitting = [entry for entry in fitting if entry.systems[0].base_revision.startswith(at[2])]
    exact = [entry for entry in fitting if entry.systems[0].base_revision == revision]
    return max(exact or fitting, key=lambda entry: entry.newest).base if fitting else name


def find_entry(entries: Sequence[Entry], *, base: str, variant: str) -> Entry:
    """Return the entry of `base`, or one of no base; raise HarnessError with a way out if none fits."""
    base = find_base(entries, base)
    here = {entry.variant: entry for entry in entries if entry.base == ""}
    here |= {entry.variant: entry for entry in entries if entry.base == base}
    if variant in here:
        return here[variant]
    same = [entry for entry in here.values() if entry.is_reference and entry.systems[0].variant == variant]
    if len(same) == 1:
        return same[0]
    if same:
        names = " or ".join(entry.variant for entry in same)
        raise HarnessError(f"{len(same)} reference models are called {variant!r}; name {names}")
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
