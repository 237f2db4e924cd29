"""What the cards of measured tasks keep from readers. Their results say so in the revision."""

from __future__ import annotations

from collections.abc import Iterable

_KEPT = {"ids": "texts", "nothing": "texts, ids and names of labels"}


def kept_back(tasks: Iterable[tuple[str, str]]) -> list[str]:
    """Sentences that say what is left out of the pages, from the (name, revision) of tasks.

    >>> kept_back([("my-pairs", "card.ids.069b71ca64e0"), ("STSBenchmark", "b0fddb56ed78")])
    ['Left out of these files, as the task cards say (publish: ids): the texts of my-pairs.']
    """
    found: dict[str, set[str]] = {}
    for task, revision in tasks:
        kind, _, rest = revision.partition(".")
        found.setdefault(rest.partition(".")[0] if kind == "card" else "", set()).add(task)
    return [
        f"Left out of these files, as the task cards say (publish: {publish}): the {what} of "
        f"{', '.join(sorted(found[publish]))}."
        for publish, what in _KEPT.items()
        if publish in found
    ]
