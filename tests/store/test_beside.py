"""Two databases side by side: nothing of either is changed, and names are told apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.store import Store
from harness.store.beside import side_by_side
from tests.factory import TASKS, add_system


def _filled(path: Path, *, skill: float, also: str = "") -> Path:
    path.parent.mkdir(exist_ok=True)
    store = Store(path)
    for variant in ("causal", "bidir"):
        add_system(store, variant, skill=skill, tasks=TASKS[:1])
    add_system(store, "bag-of-words", base="", kind="baseline", tasks=TASKS[:1], proof=None)
    if also:
        add_system(store, "causal", base=also, skill=skill, tasks=TASKS[:1])
    return path


def test_shared_names_are_told_apart_and_nothing_is_changed(tmp_path: Path) -> None:
    paths = [_filled(tmp_path / "ours.duckdb", skill=0.3), _filled(tmp_path / "theirs.duckdb", skill=0.7, also="other")]
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    with side_by_side(paths) as store:
        scores = store.scores()
        assert all(check.ok for check in store.verify())
    assert set(scores["base"]) == {"mini (ours)", "mini (theirs)", "other", ""}
    assert set(scores["variant"][scores["base"] == ""]) == {"bag-of-words (ours)", "bag-of-words (theirs)"}
    for path in paths:
        own = Store(path).scores().set_index(["base", "variant"])["score"]
        named = scores.assign(base=scores["base"].str.replace(f" ({path.stem})", "")).set_index(["base", "variant"])
        shown = named[scores["base"].eq(f"mini ({path.stem})").to_numpy()]["score"]
        assert shown.to_dict() == {name: own[name] for name in shown.index}
        assert len(shown) == 2
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] == before


def test_one_database_and_its_copy_are_both_shown(tmp_path: Path) -> None:
    path = _filled(tmp_path / "a" / "results.duckdb", skill=0.3)
    (tmp_path / "b").mkdir()
    copy = tmp_path / "b" / "results.duckdb"
    copy.write_bytes(path.read_bytes())
    with side_by_side([path, copy]) as store:
        assert {system.base for system in store.systems() if system.base} == {"mini (a/results)", "mini (b/results)"}
        assert len(store.scores()) == 6
    with pytest.raises(HarnessError, match="named twice"), side_by_side([path, path]):
        pass
    with pytest.raises(HarnessError, match="there is no database"), side_by_side([path, tmp_path / "none.duckdb"]):
        pass
