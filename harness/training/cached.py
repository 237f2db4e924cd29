"""What lies in the cache, what needs it, and what may go."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR

from filelock import FileLock, Timeout

from harness.errors import HarnessError
from harness.gguf.convert import read_manifest
from harness.records import System
from harness.stage_record import StageManifest
from harness.training.checkpoints import last_checkpoint
from harness.training.manifests import read_stage, stage_at
from harness.training.merging import is_whole

_STAGE = re.compile(r"[0-9a-f]{32}(\.part)?")
_LEFTOVER = re.compile(r"\.(?P<of>.+)\.[0-9]+\.(?:new|old)")  # see harness.paths.whole_folder
_DAY_S = 24 * 3600
_KNOWN = ("bases", "models", "data")  # beside the stages: converted bases, unpacked reference models, fetched data


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """A folder or file in the cache.

    `kind` is "stage", "unfinished" (a training that was cut off, or that is running), "leftover" (of a process that was
    killed while it wrote), "bases", "models", "data" or "other". `users` are the systems of the database that stand on
    a stage. `kept` says why it must stay; "" if it may go.
    """

    kind: str
    path: Path
    bytes: int
    changed: float
    holds: str = ""
    manifest: StageManifest | None = None
    users: tuple[System, ...] = ()
    kept: str = ""


def look(cache: Path, systems: Sequence[System], *, days: float = 0) -> list[CacheEntry]:
    """Everything in `cache`, the largest first, with what `systems` need of it.

    A stage may go if none of them stands on it, nor a stage that is kept; while a stage is being trained, none may.
    What changed in the last `days` is kept.
    """
    places = [cache / name for name in ("stages", *_KNOWN)]
    here = [path for place in places for path in _children(place)]
    mine = [path for path in here if _LEFTOVER.fullmatch(path.name) or _is_stage(path)]
    found = [_entry(path, systems) for path in mine]
    training = {path.with_suffix("") for path in here if path.suffix == ".lock" and _is_locked(path)}
    now = time.time()
    found = [replace(entry, kept=_kept(entry, training, days=days, now=now)) for entry in found]
    under = {folder for entry in found if entry.kept for folder in _under(entry)}
    found = [
        replace(entry, kept="under a stage that is kept") if not entry.kept and entry.path in under else entry
        for entry in found
    ]
    rest = [path for path in here if path.parent.name in _KNOWN and path.suffix != ".lock" and path not in mine]
    found += [_other(path, path.parent.name) for path in rest]
    found += [_other(path, "other") for path in _children(cache) if path not in places]
    return sorted(found, key=lambda entry: (-entry.bytes, entry.path))


def remove(entry: CacheEntry) -> bool:
    """Remove what may go; False if a process is training it by now. A kill leaves no half of a stage."""
    stage = _stage_of(entry.path)
    with ExitStack() as held:
        try:
            held.enter_context(FileLock(f"{stage}.lock", timeout=0))
        except Timeout:
            return False
        going = entry.path
        try:
            if entry.kind == "stage":
                going = going.rename(going.with_name(f".{going.name}.{os.getpid()}.old"))
            shutil.rmtree(going)
        except FileNotFoundError:  # another process was quicker
            pass
        except OSError as error:
            raise HarnessError(
                f"cannot remove {entry.path} ({error.strerror}); give permission there, and give the command again"
            ) from None
    return True


def _entry(path: Path, systems: Iterable[System]) -> CacheEntry:
    size, changed = _size(path)
    if _LEFTOVER.fullmatch(path.name):
        return CacheEntry(kind="leftover", path=path, bytes=size, changed=changed)
    if path.suffix == ".part":
        last = last_checkpoint(path)
        holds = f"{last.name.replace('-', ' of step ')}" if last else "no checkpoint"
        return CacheEntry(kind="unfinished", path=path, bytes=size, changed=changed, holds=holds)
    users = tuple(each for each in systems if any(digest.startswith(path.name) for digest in each.stage_digests))
    holds = "merged weights" if is_whole(path) else "adapter"
    return CacheEntry(
        kind="stage", path=path, bytes=size, changed=changed, holds=holds, manifest=_manifest(path), users=users
    )


def _manifest(folder: Path) -> StageManifest | None:
    try:
        return read_stage(folder)
    except HarnessError:
        return None


def _kept(entry: CacheEntry, training: set[Path], *, days: float, now: float) -> str:
    if entry.users:
        return "needed"
    if _stage_of(entry.path) in training:
        return "in training"
    if entry.kind == "stage" and training:
        return "a stage is in training"
    return f"changed in the last {days:g} days" if now - entry.changed < days * _DAY_S else ""


def _under(entry: CacheEntry) -> list[Path]:
    """The folders of the stages that a stage stands on."""
    found: list[Path] = []
    manifest = entry.manifest
    while manifest is not None and manifest.parent is not None:
        found.append(stage_at(entry.path.parent, manifest.parent))
        manifest = _manifest(found[-1])
    return found


def _is_locked(lock: Path) -> bool:
    """Whether a process works on a stage, which may have no folder yet."""
    try:
        with FileLock(str(lock), timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a cache that cannot be written
        return False


def _is_stage(path: Path) -> bool:
    return path.parent.name == "stages" and _STAGE.fullmatch(path.name) is not None


def _stage_of(path: Path) -> Path:
    """The folder whose lock is held while something works on `path`."""
    left = _LEFTOVER.fullmatch(path.name)
    return path.with_name(left["of"] if left else path.name.removesuffix(".part"))


def _other(path: Path, kind: str) -> CacheEntry:
    size, changed = _size(path)
    base = read_manifest(path) if kind == "bases" else None
    holds = f"{base.base}, from {base.file}" if base else ""
    return CacheEntry(kind=kind, path=path, bytes=size, changed=changed, holds=holds, kept="not a stage")


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> tuple[int, float]:
    """Bytes of all files in `path`, and when the newest of them changed; a file may go meanwhile."""
    total, newest = 0, 0.0
    for each in (path, *(Path(folder, name) for folder, _, names in os.walk(path) for name in names)):
        with suppress(FileNotFoundError):
            stat = each.lstat()
            total += 0 if S_ISDIR(stat.st_mode) else stat.st_size
            newest = max(newest, stat.st_mtime)
    return total, newest
