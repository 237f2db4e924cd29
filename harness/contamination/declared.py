"""Overlaps that are known of a public data set by how it was made (declared.yaml), whatever rows were drawn of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import PurePath

import yaml

_HUB_DATA = re.compile(r"hub:(?P<repo>[^@]+)@[^/]+/(?P<path>.+)")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")
_FILES = (".txt", ".jsonl", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A data set that shares texts with evaluation tasks. `ids` are file stems or hub ids, `*` stands for anything."""

    name: str
    ids: tuple[str, ...]
    tasks: frozenset[str]
    why: str
    source: str

    @property
    def note(self) -> str:
        """The reason, with where it is written."""
        return f"{self.name}: {self.why} ({self.source})"


@cache
def known_overlaps() -> tuple[Declared, ...]:
    entries = yaml.safe_load((files("harness.contamination") / "declared.yaml").read_text("utf-8"))
    return tuple(
        Declared(
            name=entry["name"],
            ids=tuple(name.lower() for name in entry["ids"]),
            tasks=frozenset(entry["tasks"]),
            why=" ".join(entry["why"].split()),
            source=" ".join(entry["source"].split()),
        )
        for entry in entries
    )


def declared_for(source: str, task: str) -> tuple[Declared, ...]:
    """What is known of `source` (a file, a hub id, or hub:ORG/NAME@COMMIT/PATH) and `task`.

    >>> [entry.name for entry in declared_for("hub:sentence-transformers/all-nli@0123/triplet/*.parquet", "STS17")]
    ['SNLI']
    >>> declared_for("data/nli_triplets.parquet", "Banking77Classification")
    ()
    """
    names = _names(source)
    return tuple(
        entry
        for entry in known_overlaps()
        if task in entry.tasks and any(fnmatchcase(name, pattern) for name in names for pattern in entry.ids)
    )


def hub_id(source: str) -> str | None:
    """The data set of the hub in hub:ORG/NAME@COMMIT/PATH; None for anything else."""
    hub = _HUB_DATA.fullmatch(source)
    return hub["repo"] if hub else None


def source_name(source: str) -> str:
    """How `source` is called in public: a hub id with its path, or a file's own name without its folders.

    >>> source_name("/home/somebody/corpus.txt"), source_name("McGill-NLP/LLM2Vec-Sheared-LLaMA-mntp")
    ('corpus.txt', 'McGill-NLP/LLM2Vec-Sheared-LLaMA-mntp')
    """
    hub = _HUB_DATA.fullmatch(source)
    if hub is not None:
        return f"{hub['repo']}: {hub['path']}"
    names_a_file = PurePath(source).suffix in _FILES or not _HUB_ID.fullmatch(source)
    return PurePath(source.replace("\\", "/")).name if names_a_file else source


def _names(source: str) -> set[str]:
    """The names under which `source` may be declared, in lower case."""
    hub = _HUB_DATA.fullmatch(source)
    stem = PurePath(hub["path"] if hub else source).name.split(".")[0]
    # A hub file's stem alone ("train") says nothing; a local file has only that.
    names = {hub["repo"], f"{hub['repo']}/{stem}"} if hub else {source.partition("@")[0], stem}
    return {name.lower() for name in names}
