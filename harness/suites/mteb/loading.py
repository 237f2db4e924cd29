"""Which subsets of a task are evaluated, and its data, at the revision that mteb pins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, near_names

ENGLISH = ("eng",)
EVERY = "all"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Subsets by language (ISO 639-3 codes, or `all`) or by name, where a task has several.

    A subset is taken if all its languages are chosen: with `eng` STS17's en-en is, its en-ar is not. Neither given:
    English.
    """

    languages: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.languages or self.subsets)

    def narrow(self, task: Any) -> Any:
        """Keep the chosen subsets of mteb's `task`, and its test split where it has one, as mteb's benchmarks do.

        Raises HarnessError if none is left.
        """
        splits = list(task.metadata.eval_splits)
        task.filter_eval_splits(["test"] if "test" in splits else splits)
        task.hf_subsets = self._chosen(task.metadata.name, dict(task.metadata.hf_subsets_to_langscripts))
        return task

    def _chosen(self, task: str, known: dict[str, Sequence[str]]) -> list[str]:
        if self.subsets:
            if len(known) == 1:
                return list(known)
            found = [name for name in known if name in self.subsets]
            if not found:
                asked = ", ".join(self.subsets)
                raise HarnessError(f"{task} has no subset {asked}; {near_names(self.subsets[0], known)}")
            return found
        spoken = {name: {script.partition("-")[0] for script in scripts} for name, scripts in known.items()}
        wanted = set(self.languages or ENGLISH)
        found = [name for name, languages in spoken.items() if languages <= wanted or EVERY in wanted]
        if not found:
            every = sorted(set().union(*spoken.values()))
            raise HarnessError(
                f"{task} has no subset in only {' and '.join(sorted(wanted))}; its languages: {', '.join(every[:20])}"
                f"{' …' if len(every) > 20 else ''} (choose with --languages, or subsets with --subsets)"
            )
        return found


def load(task: Any) -> None:
    """Load the data of mteb's `task`, its columns read once, so that mteb leaves it in place for reading the gold.

    Raises HarnessError if it cannot be had, or if another revision than the pinned one would be read.
    """
    from datasets.exceptions import DatasetNotFoundError

    from harness.suites.mteb.columns import read_once

    name = task.metadata.name
    _check_cached_revision(task)
    try:
        task.load_data()
    except (DatasetNotFoundError, ConnectionError, OSError, ValueError) as error:
        raise HarnessError(
            f"the data of {name} could not be fetched ({type(error).__name__}); connect to the hub, or point "
            "HF_DATASETS_CACHE at a prepared copy and set HF_HUB_OFFLINE=1"
        ) from error
    task.dataset = read_once(task.dataset)


def _check_cached_revision(task: Any) -> None:
    """Offline, `datasets` takes whatever revision is in its cache and says nothing; the folder's name tells which."""
    import datasets

    pinned = str(task.metadata.revision)
    if not datasets.config.HF_HUB_OFFLINE or not _COMMIT.fullmatch(pinned):
        return
    for folder in _cached(str(task.metadata.dataset["path"]), task.hf_subsets):
        if _COMMIT.fullmatch(folder.name) and folder.name != pinned:
            raise HarnessError(
                f"{task.metadata.name} is evaluated on revision {pinned[:12]} of {task.metadata.dataset['path']}, and "
                f"the newest revision in the cache is {folder.name[:12]}, which is used offline; put the "
                "pinned revision into HF_DATASETS_CACHE, or connect to the hub"
            )


def _cached(path: str, subsets: Sequence[str]) -> Iterator[Path]:
    """The folder that `datasets` would read offline for each cached configuration of a data set: the newest."""
    import datasets
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = path.rpartition("/")
    root = Path(datasets.config.HF_DATASETS_CACHE) / "___".join(filter(None, [owner, camelcase_to_snakecase(name)]))
    configurations = [folder for folder in sorted(root.glob("*")) if folder.is_dir()]
    named = [folder for folder in configurations if folder.name in subsets]
    for configuration in named or configurations:
        found = [folder for folder in configuration.glob("*/*") if folder.is_dir()]
        if found:
            yield max(found, key=lambda folder: folder.stat().st_mtime)
