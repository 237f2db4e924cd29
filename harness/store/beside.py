"""Several databases as one that is thrown away: names that more than one of them has are told apart by the database."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.errors import HarnessError
from harness.records import System
from harness.store.connection import OnWait, writing
from harness.store.merge import merge
from harness.store.store import Store

_OF_SYSTEM = ("run", "noise_floor")
_OF_RUN = ("score", "cost")


@contextmanager
def side_by_side(paths: Sequence[Path], *, on_wait: OnWait | None = None) -> Iterator[Store]:
    """Yield a store of all that the databases hold, while this lasts; they are only read.

    A base, a reference model or a baseline that several of them have stands there once for each, as `NAME (DATABASE)`.
    Raises HarnessError where a database is missing or named twice.
    """
    stores = [Store(path, read_only=True, on_wait=on_wait) for path in paths]
    names = _short([path.resolve() for path in paths])
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        known = [store.systems() for store in stores]
        counts = Counter(name for systems in known for name in {_named(system) for system in systems})
        copies = []
        for number, (store, name, systems) in enumerate(zip(stores, names, known, strict=True)):
            copy = Path(folder, f"{number}.duckdb")
            store.copy_to(copy)
            shared = [system for system in systems if counts[_named(system)] > 1]
            _rename(copy, [(system, _renamed(system, name)) for system in shared], mark=f"-{number}")
            copies.append(copy)
        whole = Path(folder, "results.duckdb")
        merge(copies, whole, on_wait=on_wait)
        yield Store(whole, read_only=True)


def _named(system: System) -> tuple[str, str]:
    """Return what a system is shown under: its base, or for a model without one its own name."""
    return ("base", system.base) if system.base else (system.kind, system.variant)


def _renamed(system: System, database: str) -> System:
    if system.base:
        return replace(system, base=f"{system.base} ({database})")
    return replace(system, variant=f"{system.variant} ({database})")


def _rename(path: Path, renamed: Sequence[tuple[System, System]], *, mark: str) -> None:
    """Give systems of the database at `path` other names, and their runs other ids: two may hold one run."""
    with writing(path, wait_s=60.0, on_wait=None) as connection:
        for table in ("run", *_OF_RUN):
            connection.execute(f"UPDATE {table} SET run_id = run_id || ?", [mark])
        for old, new in renamed:
            for table in _OF_SYSTEM:
                connection.execute(
                    f"UPDATE {table} SET system_id = ? WHERE system_id = ?", [new.system_id, old.system_id]
                )
            connection.execute(
                "UPDATE system SET system_id = ?, base = ?, variant = ? WHERE system_id = ?",
                [new.system_id, new.base, new.variant, old.system_id],
            )


def _short(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths, without the suffix, that tell them apart."""
    if len(set(paths)) < len(paths):
        raise HarnessError("one database is named twice with --db; name each once")
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join((*path.parts[-length:-1], path.stem)) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
