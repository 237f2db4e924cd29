"""Whether a stage's folder still holds what was written into it.

When a stage is written, the size, time and SHA-256 of each of its files are recorded in FILES. A use of the stage
compares sizes and times, and reads the files only where these have changed; an export reads all of them. The time is
that of the last change of any kind (ctime), which no program can set back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError
from harness.fingerprint import stamp
from harness.training.manifests import MANIFEST, read_stage
from harness.training.merging import is_whole

FILES = "files.json"
_Record = dict[str, tuple[int, int, str]]  # path in the folder: size, time in ns, SHA-256
_RECORD = TypeAdapter(_Record)
_AGAIN = "remove this folder and run again: the stage is then trained again"


def check_stage(folder: Path, digest: str, *, whole: bool = False) -> None:
    """Raise HarnessError if the stage in `folder` is not the one of `digest`, or its files are not what they were.

    With `whole` every file is read. A stage without a record, of an older harness, is read once and gets one.
    """
    manifest, recorded = read_stage(folder), _recorded(folder)
    if manifest.digest != digest:
        raise HarnessError(
            f"{folder / MANIFEST} belongs to another stage (its address begins with {manifest.digest[:12]}, not "
            f"{digest[:12]}); {_AGAIN}"
        )
    here = {str(path.relative_to(folder)): path for path in _files(folder)}
    if recorded is not None and recorded.keys() != here.keys():
        name = min(recorded.keys() ^ here.keys())
        what = "no longer has its file" if name in recorded else "has a file that does not belong to it,"
        raise HarnessError(f"the stage in {folder} {what} {name}; {_AGAIN}")
    same = recorded is not None and all(stamp(here[name]) == row[:2] for name, row in recorded.items())
    if same and not whole:
        return
    found = record_of(folder)
    changed = {name for name, row in (recorded or {}).items() if found[name][2] != row[2]}
    if is_whole(folder) and manifest.weights_sha256 not in {None, weights_sha256(found)}:
        changed.add(next((name for name in sorted(found) if _is_weights(name)), "model.safetensors"))
    if changed:
        raise HarnessError(f"{folder / min(changed)} is not as it was when the stage was stored; {_AGAIN}")
    if not same:
        with contextlib.suppress(OSError):  # a cache that cannot be written is read again the next time
            write_record(folder, found)


def record_of(folder: Path) -> _Record:
    """Size, time and SHA-256 of each file of the stage in `folder`, but of its manifest and hidden files."""
    rows: _Record = {}
    for path in _files(folder):
        with path.open("rb") as file:
            rows[str(path.relative_to(folder))] = (*stamp(path), hashlib.file_digest(file, "sha256").hexdigest())
    return rows


def write_record(folder: Path, record: _Record) -> None:
    """Keep `record` in `folder`."""
    (folder / FILES).write_text(json.dumps(record, indent=1), encoding="utf-8")


def weights_sha256(record: _Record) -> str:
    """SHA-256 over those of the weights, in order of name: what the manifest and the runs call a stage's weights."""
    digest = hashlib.sha256()
    for name in sorted(filter(_is_weights, record)):
        digest.update(bytes.fromhex(record[name][2]))
    return digest.hexdigest()


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors") and "/" not in name


def _recorded(folder: Path) -> _Record | None:
    try:
        return _RECORD.validate_json((folder / FILES).read_bytes())
    except (OSError, ValidationError):
        return None


def _files(folder: Path) -> list[Path]:
    own = {folder / MANIFEST, folder / FILES}
    return sorted(p for p in folder.rglob("*") if p.is_file() and p not in own and not p.name.startswith("."))
