"""Packages that are installed for one test and that cannot be imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

SITE = Path("site-packages")


def put_package(name: str, files: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the package `name` 1.0 with data `files` in the working directory; return its folder."""
    folder = SITE.absolute() / name.replace("-", "_")
    info = folder.with_name(f"{folder.name}-1.0.dist-info")
    info.mkdir(parents=True)
    for path, content in {"__init__.py": b"raise SystemExit('imported')", **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{folder.name}/{path},,\n" for path in ("__init__.py", *files)))
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder
