"""Axes: an ordered list of levels, each a base or several that differ only in their pretraining seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.bases import resolve_base
from harness.compare.entries import Entry, find_base
from harness.errors import HarnessError, near_names

_FIELDS = ("change", "levels", "equal_size")


@dataclass(frozen=True, kw_only=True)
class AxisLevel:
    """One place on an axis: `bases` are replicates, the same model pretrained with other seeds."""

    name: str
    bases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class BaseAxis:
    """What is changed between bases, in the order of its levels; the first one is what the others are set against.

    `change` says in a few words what the axis changes. With `equal_size` it claims that all bases have the same number
    of parameters without the embedding.
    """

    name: str
    change: str
    levels: tuple[AxisLevel, ...]
    equal_size: bool = False

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases of all levels."""
        return tuple(base for level in self.levels for base in level.bases)

    @property
    def first(self) -> AxisLevel:
        """The level that the others are set against."""
        return self.levels[0]


def axis_of(bases: Sequence[str]) -> BaseAxis:
    """Return the axis whose levels are these bases, each alone. Raises HarnessError for fewer than two."""
    levels = tuple(AxisLevel(name=base, bases=(base,)) for base in bases)
    return _checked(BaseAxis(name="bases", change="the base", levels=levels), where="the axis of --base")


def read_axes(declared: Any, *, where: str) -> tuple[BaseAxis, ...]:
    """Read `axes:` of a contrasts file, which `where` names.

    Raises HarnessError for a field that is unknown, missing or of the wrong kind, fewer than two levels, a level
    without a base, and a base that stands twice.
    """
    return tuple(_axis(name, fields, where=where) for name, fields in _mapping(declared, f"{where}: axes").items())


def _axis(name: str, fields: Any, *, where: str) -> BaseAxis:
    here = f"{where}: the axis {name}"
    given = _mapping(fields, here)
    for field in given:
        if field not in _FIELDS:
            raise HarnessError(f"{here} has an unknown field {field!r}; {near_names(field, _FIELDS)}")
    for field in _FIELDS[:2]:
        if not given.get(field):
            raise HarnessError(f"{here} has no {field}; an axis says what it changes and lists its levels")
    change, equal_size = given["change"], given.get("equal_size", False)
    if not isinstance(change, str):
        raise HarnessError(f"{here}: change has to be a few words, not {change!r}")
    if not isinstance(equal_size, bool):
        raise HarnessError(f"{here}: equal_size has to be true or false, not {equal_size!r}")
    levels = []
    for level, bases in _mapping(given["levels"], f"{here}: levels").items():
        if not isinstance(bases, list) or not bases or not all(isinstance(base, str) and base for base in bases):
            raise HarnessError(f"{here}: the level {level} has to be a list of bases, such as [mini], not {bases!r}")
        levels.append(AxisLevel(name=level, bases=tuple(bases)))
    return _checked(BaseAxis(name=name, change=change, levels=tuple(levels), equal_size=equal_size), where=here)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) and key for key in value):
        raise HarnessError(f"{where} has to be names with what they stand for (NAME: …), not {value!r}")
    return value


def _checked(axis: BaseAxis, *, where: str) -> BaseAxis:
    """Return `axis` if it has two levels or more, and every base once; else raise HarnessError."""
    if len(axis.levels) < 2:
        raise HarnessError(f"{where} has {len(axis.levels)} level; name at least two, each with a base of its own")
    level_of: dict[str, str] = {}
    for level in axis.levels:
        for base in level.bases:
            if base in level_of:
                levels = f"in the levels {level_of[base]} and {level.name}"
                twice = f"twice in the level {level.name}" if level_of[base] == level.name else levels
                raise HarnessError(f"{where}: the base {base} stands {twice}; name each base once")
            level_of[base] = level.name
    return axis


def measured_axis(axis: BaseAxis, entries: Sequence[Entry]) -> BaseAxis:
    """Return `axis` with its bases as the database calls them.

    Raises HarnessError for a base without results, and for two names of one base.
    """
    measured = {entry.base for entry in entries if entry.kind == "variant"}
    levels = []
    for level in axis.levels:
        found = tuple(find_base(entries, base) for base in level.bases)
        for base, name in zip(level.bases, found, strict=True):
            if name not in measured:
                of = "" if level.bases == (level.name,) else f" (level {level.name} of the axis {axis.name})"
                raise HarnessError(
                    f"the database has no results on base {base!r}{of}; measure it with "
                    f"`harness run --all --base {base}` (a name, a folder or a hub id). Measured: "
                    f"{', '.join(sorted(measured)) or 'none'}"
                )
        levels.append(AxisLevel(name=_shown(level.name, found, level.bases), bases=found))
    return _checked(replace(axis, levels=tuple(levels)), where=f"the axis {axis.name}")


def part_measured(axis: BaseAxis, entries: Sequence[Entry]) -> BaseAxis | None:
    """Return `axis` with those of its bases alone that have results, as the database calls them.

    None if fewer than two levels are left. A base is known by its name alone: no folder is looked at.
    """
    levels = tuple(_present(axis, [entry for entry in entries if entry.kind == "variant"]))
    return replace(axis, levels=levels) if len(levels) > 1 else None


def named_in(entries: Sequence[Entry]) -> set[str]:
    """The names of the bases of `entries`: as they were given, and as they are told apart by revision."""
    return {name for entry in entries for name in (entry.base, entry.systems[0].base)}


def _present(axis: BaseAxis, entries: Sequence[Entry]) -> Iterator[AxisLevel]:
    named = named_in(entries)
    for level in axis.levels:
        if bases := tuple(find_base(entries, base) for base in level.bases if base in named):
            yield replace(level, bases=bases)


def _shown(name: str, found: tuple[str, ...], asked: tuple[str, ...]) -> str:
    """The name of a level: a base that stands for itself is called as the database calls it."""
    return found[0] if asked == (name,) else name


def base_folder(entries: Sequence[Entry], base: str) -> Path | None:
    """Return the folder in which a base was measured, None if it is not there now or holds another one."""
    systems = [s for entry in entries if entry.base == base for s in entry.systems if not s.lineage and s.folder]
    for system in reversed(systems):
        folder = Path(str(system.folder))
        if folder.is_dir() and system.base_revision in (folder.name, _revision(folder)):
            return folder
    return None


def _revision(folder: Path) -> str:
    """The revision of the base in `folder`, empty if that is no base any more."""
    try:
        return resolve_base(str(folder)).revision
    except HarnessError:
        return ""
