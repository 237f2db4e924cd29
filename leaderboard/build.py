"""results.duckdb in, a folder of plain files out: no server, no network."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pandas as pd

from harness.compare.analysis import Analysis, AnalysisProgress
from harness.compare.contrasts import declared_contrasts
from harness.compare.entries import Entry, current_entries
from harness.errors import HarnessError
from harness.store import Store
from leaderboard.axes import beside_the_store
from leaderboard.pages import write_pages
from leaderboard.publish import check_folder, is_current, published
from leaderboard.views import analyse_base, make_site

_CODE = (
    ("leaderboard", "**/*.py"), ("leaderboard", "templates/*"), ("leaderboard", "assets/*"),
    ("harness", "**/*.py"), ("harness", "**/*.yaml"),
)  # fmt: skip


def build_site(
    store: Store,
    out: Path,
    *,
    resamples: int = 10_000,
    progress: AnalysisProgress | None = None,
    beside: bool = False,
    url: str = "",
) -> Path:
    """Render the store into folder `out` and return the path of its index.html.

    The same database gives the same bytes, so a site that this code made from it is left as it is. The files of the
    new site come into place when all are complete; files that harness did not write stay. Raises HarnessError if the
    store has no scores, or `out` has files and no site; with `beside` such files may be there, and stay. `url` is the
    address at which the folder will be published: previews of links need it.
    """
    return Draft(store, out, resamples=resamples, url=url).write(progress, beside=beside)


class Draft:
    """A site of the store as it is now, not written yet; its analyses can be used before it is written."""

    def __init__(self, store: Store, out: Path, *, resamples: int = 10_000, url: str = "") -> None:
        self._store, self._out, self._resamples = store, out, resamples
        self._url = f"{url.rstrip('/')}/" if url else ""
        scores = store.scores()
        every = current_entries(store, scores=scores)
        self._entries = [entry for entry in every if not entry.read_otherwise]
        self._otherwise = [entry for entry in every if entry.read_otherwise]
        otherwise = {system.system_id for entry in self._otherwise for system in entry.systems}
        self._scores = scores[~scores["system_id"].isin(otherwise)]
        beside = beside_the_store(self._entries, self._scores)
        self._stamp = _stamp(store, scores, resamples, self._url, beside)
        self._known: dict[str, Analysis] = {}

    @property
    def entries(self) -> list[Entry]:
        """What was measured: one entry a row."""
        return self._entries

    def analysis(self, base: str, progress: AnalysisProgress | None = None) -> Analysis | None:
        """Analyse `base`, and keep that for `write`; None if the site is up to date, or the store has no such base."""
        if self._is_current or base not in {entry.base for entry in self._entries}:
            return None
        self._known[base] = analyse_base(
            self._store, base, self._entries, self._scores, resamples=self._resamples, progress=progress
        )
        return self._known[base]

    def write(self, progress: AnalysisProgress | None = None, *, beside: bool = False) -> Path:
        """Write the site unless it is up to date, and return the path of index.html; errors as of `build_site`."""
        check_folder(self._out, beside=beside)
        if not self._entries:
            only = not self._store.scores(diagnostics=True).empty
            has = "has diagnostics alone, and pages show them beside scores" if only else "has no scores yet"
            raise HarnessError(f"{self._store.path} {has}; make some with `harness run --variant bidir-supcon`")
        if self._is_current:
            return self._out / "index.html"
        site = make_site(
            self._store, self._entries, self._scores, otherwise=self._otherwise, known=self._known,
            resamples=self._resamples, progress=progress,
        )  # fmt: skip
        try:
            with published(self._out, self._stamp) as fresh:
                write_pages(self._store, site, self._scores, fresh, url=self._url, progress=progress)
        except OSError as error:
            raise HarnessError(f"cannot write the site to {self._out}: {error.strerror or error}") from None
        return self._out / "index.html"

    @property
    def _is_current(self) -> bool:
        return is_current(self._out, self._stamp)


def _stamp(store: Store, scores: pd.DataFrame, resamples: int, url: str, beside: str) -> str:
    """Return a digest of all that a site is made of: results, systems, runs, `beside` the store, and the code."""
    digest = hashlib.sha256(scores.to_csv(index=False).encode())
    digest.update(store.scores(diagnostics=True)["result"].to_numpy().tobytes())
    kept = (store.systems(), store.runs(), store.overlaps(), store.noise_floors(), store.calibration())
    digest.update(repr(store.text_counts()).encode())
    digest.update(repr((resamples, url, beside, *kept, list(store.stages()))).encode())
    digest.update(declared_contrasts().sha256.encode())
    for package, pattern in _CODE:
        for path in sorted(Path(str(files(package))).glob(pattern)):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
