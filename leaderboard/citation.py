"""How to cite a run: the tool, its version, and the database with its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from harness import __version__
from leaderboard.model import Site


def citation(site: Site, files: Sequence[Path]) -> str:
    """Return a BibTeX entry of the results in a database; `files` are the database, and its log where it has one."""
    digests = [(path.name, _sha256(path)) for path in files]
    bases = ", ".join(base.name for base in site.bases if base.name)
    said = "; ".join(f"{name} with SHA-256 {digest}" for name, digest in digests)
    entry = {
        "title": f"Results of harness on base {bases}" if bases else "Results of harness",
        "author": "The authors of the results",
        "year": site.newest[:4],
        "note": f"encoder-harness {__version__}; newest score {site.newest}; {said}",
    }
    lines = [f"  {name} = {{{{{_plain(value)}}}}}," for name, value in entry.items()]  # two braces: as it is written
    return "\n".join([f"@misc{{harness-{digests[0][1][:12]},", *lines, "}"])


def _plain(text: str) -> str:
    """Escape what TeX reads in a name."""
    return "".join(f"\\{each}" if each in "_&%#$" else each for each in text if each not in "{}\\")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
