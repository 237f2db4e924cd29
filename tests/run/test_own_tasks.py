"""Tasks of cards in a run: measured once, kept from readers, never compared across revisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.compare.analysis import compare_each
from harness.errors import HarnessError
from harness.outcomes import TaskPart
from harness.store import Store
from leaderboard.build import build_site
from tests.run.kit import go, plan, request
from tests.suites.own.kit import write_card, write_table

SECRETS = [
    f"{word}fort" for word in ("harbour", "orchard", "lantern", "meadow", "thicket", "cellar", "granary", "quarry")
]


def _own(fields: str, *, first: str = "a cat sat") -> str:
    pairs = {
        "text1": [first, *(f"the {word} was red" for word in SECRETS)],
        "text2": ["a dog ran", *(f"an old {word}" for word in SECRETS)],
        "score": list(range(9)),
        "who": ["me", *SECRETS],
    }
    write_table(Path("pairs.csv"), pairs)
    return f"card:{write_card('mine', f'type: similarity{chr(10)}file: pairs.csv{chr(10)}{fields}')}"


def _texts(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.slow
def test_nothing_of_an_unpublished_task_is_in_the_site(tiny_base: Path, store: Store) -> None:
    """Also where an earlier result had its texts, and where examples and groups are called by words of the task."""
    shown = _own("publish: texts")
    go(request(tiny_base, "causal", "bidir", tasks=(shown,)), store)
    assert store.example_texts(TaskPart("mine", "test", "default"))
    hidden = _own("publish: nothing\ngroup: who\ncolumns: {id: who}")
    go(request(tiny_base, "causal", "bidir", tasks=(hidden,)), store)
    assert plan(request(tiny_base, "causal", "bidir", tasks=(hidden,)), store).idle
    found = _texts(build_site(store, Path("site"), resamples=200).parent)
    assert b"mine" in found
    assert not [word for word in SECRETS if word.encode() in found]


def test_a_changed_row_is_another_revision_and_is_not_compared(tiny_base: Path, store: Store) -> None:
    go(request(tiny_base, "causal", "bidir", tasks=(_own("publish: ids"),)), store)
    changed = _own("publish: ids", first="a bird sat")
    assert plan(request(tiny_base, "bidir", tasks=(changed,)), store).to_measure == 2
    go(request(tiny_base, "causal", tasks=(changed,)), store)
    with pytest.raises(HarnessError, match="another revision"):
        compare_each(store, base=tiny_base.name, variants=["bidir"], against="causal", tasks=["mine"])
