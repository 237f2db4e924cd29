"""results.duckdb in, a folder of plain files out: no server, no network."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pandas as pd

from harness.compare import Progress, current_entries
from harness.errors import HarnessError
from harness.paths import whole_folder
from harness.store import Store
from leaderboard.pages import write_pages
from leaderboard.views import make_site

_MARKER = "made-by-harness.txt"  # written last: its presence means a complete site that may be replaced


def build_site(store: Store, out: Path, *, resamples: int = 10_000, progress: Progress | None = None) -> Path:
    """Render the store into folder `out` and return the path of its index.html.

    The same database gives the same bytes, so a site that was made from it by this code is left as it is. The
    site is made beside `out` and swapped in when complete: a kill leaves the old one. Raises HarnessError if the
    store has no scores, or `out` holds anything else.
    """
    _check_replaceable(out)
    scores = store.scores()
    entries = current_entries(store, scores=scores)
    if not entries:
        raise HarnessError(f"{store.path} holds no scores yet; `harness run --variant bidir-supcon` makes some")
    stamp = _stamp(store, scores, resamples)
    marker = out / _MARKER
    if marker.is_file() and marker.read_text(encoding="utf-8") == stamp:
        return out / "index.html"
    site = make_site(store, entries, scores, resamples=resamples, progress=progress)
    try:
        with whole_folder(out) as fresh:
            write_pages(store, site, scores, fresh, progress=progress)
            (fresh / _MARKER).write_text(stamp, encoding="utf-8", newline="\n")
    except OSError as error:
        raise HarnessError(f"cannot write the site to {out}: {error.strerror or error}") from None
    return out / "index.html"


def _stamp(store: Store, scores: pd.DataFrame, resamples: int) -> str:
    """Return what a site is made of: the results, the systems and runs behind them, and the code that draws it."""
    digest = hashlib.sha256(scores.to_csv(index=False).encode())
    digest.update(store.scores(beside=True)["result"].to_numpy().tobytes())
    kept = (store.systems(), store.runs(), store.overlaps(), store.noise_floors(), store.calibration())
    digest.update(repr(store.text_counts()).encode())
    digest.update(repr((resamples, *kept, list(store.stages()))).encode())
    packages = ("leaderboard", "harness.compare", "harness.contamination", "harness.stats")
    code = [Path(str(files(package))) for package in packages]
    for place in (*code, Path(str(files("harness"))) / "metrics.py"):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.name.encode() + path.read_bytes())
    return f"This folder is replaced when the results change. Made from {digest.hexdigest()}\n"


def _check_replaceable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise HarnessError(f"{out} is a file; name a folder for the site")
    if out.is_dir() and any(out.iterdir()) and not (out / _MARKER).is_file():
        raise HarnessError(f"{out} holds files that are no site of harness; name another folder, or empty this one")
