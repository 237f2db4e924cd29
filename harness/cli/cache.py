"""`harness cache`: what lies in the cache, what needs it, and what may go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options

if TYPE_CHECKING:
    from harness.training.cached import CacheEntry

_HEADERS = ("kind", "what", "base", "seed", "holds", "size", "changed", "results", "kept for", "folder")


def ls(db: options.Db = options.DB, as_json: options.Json = False) -> None:
    """List what lies in the cache: trained stages, trainings that were cut off, fetched data; the largest first.

    "results" counts the results in the database that were measured with a stage. "kept for" names the variants that
    need it; where it is empty, `harness cache prune` may remove it.
    """
    from harness.cli.screen import err, out, print_json
    from harness.cli.tables import table
    from harness.paths import cache_folder
    from harness.training.cached import look

    systems, results = _needs(db) if db.exists() else ([], None)
    found = look(cache_folder(), systems)
    rows = [_row(entry, results) for entry in found]
    if as_json:
        print_json(rows)
        return
    out.print(table(_HEADERS, [_cells(row, cache_folder()) for row in rows], right=(5, 7)))
    total, free = sum(entry.bytes for entry in found), sum(entry.bytes for entry in found if not entry.kept)
    print(f"{_size(total)} in {cache_folder()}")
    if not db.exists():
        err.print(f"there is no database at {db}, so no entry is known to be needed; name yours with --db")
    elif free:
        print(f"{_size(free)} that nothing in {db} needs: see `harness cache prune`")


def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this, only say what would go.")] = False,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Keep what has changed in so many days.")
    ] = 1.0,
    db: options.Db = options.DB,
    as_json: options.Json = False,
) -> None:
    """Say which stages no result in the database needs, and what killed runs have left; remove it with --yes.

    A stage stays if a system of the database stands on it, or a stage that stays. While a stage is being trained, all
    stages stay. Results in another database are not looked at: a stage that only they need would be trained again.
    """
    from harness.cli.screen import out, print_json
    from harness.cli.tables import table
    from harness.paths import cache_folder
    from harness.training.cached import look, remove

    systems, results = _needs(db)
    going = [entry for entry in look(cache_folder(), systems, days=older_than) if not entry.kept]
    gone = [entry for entry in going if remove(entry)] if yes else []
    if as_json:
        print_json([_row(entry, results) | {"removed": entry in gone} for entry in going])
        return
    if going:
        out.print(table(_HEADERS, [_cells(_row(entry, results), cache_folder()) for entry in going], right=(5, 7)))
    size = _size(sum(entry.bytes for entry in (gone if yes else going)))
    if not going:
        print(f"nothing to remove in {cache_folder()}; `harness cache ls` says why each entry is kept")
        print(f"what changed in the last {older_than:g} days is kept too (--older-than)")
    elif yes:
        print(f"removed {len(gone)} of {len(going)}, {size}")
    else:
        print(f"{len(going)} to remove, {size}; nothing was removed: give --yes to do it")


def _needs(db: Path) -> tuple[Sequence[Any], dict[str, int]]:
    """The systems of the database, and how many results each has."""
    from harness.store import Store

    store = Store(db, read_only=True)
    counts = store.scores(current=False, diagnostics=True)["system_id"].value_counts()
    return store.systems(), {str(system): int(count) for system, count in counts.items()}


def _row(entry: CacheEntry, results: dict[str, int] | None) -> dict[str, Any]:
    """What is known of an entry; of a stage also what needs it, if there is a database (`results`)."""
    made = entry.manifest
    results = results if entry.kind == "stage" else None
    return {
        "kind": entry.kind,
        "what": None if made is None else made.name or made.kind,
        "base": None if made is None else made.base.get("name"),
        "seed": None if made is None else made.seed,
        "holds": entry.holds or None,
        "bytes": entry.bytes,
        "changed": datetime.fromtimestamp(entry.changed, UTC).isoformat(timespec="seconds"),
        "results": None if results is None else sum(results.get(system.system_id, 0) for system in entry.users),
        "needed_by": None if results is None else sorted({system.variant for system in entry.users}),
        "kept": entry.kept,
        "path": str(entry.path),
    }


def _cells(row: dict[str, Any], cache: Path) -> list[object]:
    kept = ", ".join(row["needed_by"] or ()) or row["kept"]
    size, day, folder = _size(row["bytes"]), row["changed"][:10], Path(row["path"]).relative_to(cache)
    return [*(row[name] for name in _HEADERS[:5]), size, day, row["results"], kept, folder]


def _size(count: int) -> str:
    """12.3 MB; powers of 1000, as disks are sold."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
