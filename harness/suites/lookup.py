"""The entry of a task by its name. Cheap: the suites name their tasks before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from harness.errors import HarnessError, near_names


class Named(Protocol):
    """An entry of a suite."""

    @property
    def name(self) -> str: ...


E = TypeVar("E", bound=Named)


def entry_named(name: str, entries: Iterable[E], *, of: str) -> E:
    """The one of `entries` called `name`. Raises HarnessError if `of`, whose they are, has none.

    >>> from harness.suites import mini
    >>> entry_named("MiniSTS", mini.TASKS, of="the mini suite").metric
    'spearman'
    """
    by_name = {entry.name: entry for entry in entries}
    if name not in by_name:
        raise HarnessError(f"{of} has no task {name!r}; {near_names(name, by_name)}")
    return by_name[name]
