"""Which subsets of a task are evaluated, and its data, at the revision that mteb pins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
    try:
        with _pinned(task):
            task.load_data()
    except (DatasetNotFoundError, ConnectionError, OSError, ValueError) as error:
        raise HarnessError(
            f"the data of {name} could not be fetched ({type(error).__name__}); connect to the hub, or point "
            "HF_DATASETS_CACHE at a prepared copy and set HF_HUB_OFFLINE=1"
        ) from error
    task.dataset = read_once(task.dataset)


@contextmanager
def _pinned(task: Any) -> Iterator[None]:
    """Within it, `datasets` reads from its cache only what is of the revision that `task` is evaluated on.

    Where the hub cannot be reached or is off, `datasets` takes for each configuration (a retrieval task has several)
    the newest revision in its cache, whatever was asked for, and says nothing. That choice is looked at here.
    """
    from datasets.packaged_modules.cache import cache

    name, path, pinned = task.metadata.name, str(task.metadata.dataset["path"]), str(task.metadata.revision)
    find = cache._find_hash_in_cache

    def checked(dataset_name: str, **options: Any) -> tuple[str, str, str]:
        configuration, version, revision = find(dataset_name=dataset_name, **options)
        of_task = dataset_name == path and _COMMIT.fullmatch(pinned) and _COMMIT.fullmatch(revision)
        if of_task and revision != pinned:
            raise HarnessError(
                f"{name} is evaluated on revision {pinned[:12]} of {path}, and the newest revision of its "
                f"configuration {configuration} in the cache is {revision[:12]}; put the pinned revision into "
                "HF_DATASETS_CACHE, or connect to the hub"
            )
        return configuration, version, revision

    cache._find_hash_in_cache = checked
    try:
        yield
    finally:
        cache._find_hash_in_cache = find
