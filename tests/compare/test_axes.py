"""Axes as they are declared, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.compare import current_entries
from harness.compare.axis.declared import AxisLevel, BaseAxis, axis_of, measured_axis, part_measured, read_axes
from harness.compare.contrasts import declared_contrasts
from harness.errors import HarnessError
from tests.factory import TASKS, add_system, fill

GOOD = {"shape": {"change": "depth", "levels": {"wide": ["a", "b"], "deep": ["c"]}}}


def test_an_axis_is_read_in_its_order() -> None:
    [axis] = read_axes(GOOD, where="mine.yaml")
    levels = (AxisLevel(name="wide", bases=("a", "b")), AxisLevel(name="deep", bases=("c",)))
    assert axis == BaseAxis(name="shape", change="depth", levels=levels)
    assert (axis.bases, axis.first.name) == (("a", "b", "c"), "wide")


def test_the_package_declares_the_shapes() -> None:
    shape, equal_loss = declared_contrasts().axes
    assert [axis.name for axis in (shape, equal_loss)] == ["shape", "shape-equal-loss"]
    assert shape.levels[-1] == equal_loss.levels[-1]
    for axis in (shape, equal_loss):
        assert axis.equal_size
        assert [(level.name, len(level.bases)) for level in axis.levels] == [("wide", 3), ("middle", 3), ("deep", 3)]
    steps = [(step.variant, step.against) for step in declared_contrasts().steps]
    assert steps[0] == ("bidir-supcon", "causal")
    assert ("bidir", "causal") in steps
    assert ("causal-supcon", "causal") not in steps


def _with(**fields: object) -> dict[str, object]:
    return {"shape": {**GOOD["shape"], **fields}}


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ([], "mine.yaml: axes has to be names with what they stand for"),
        ({1: {}}, "mine.yaml: axes has to be names"),
        ({"shape": ["a"]}, "the axis shape has to be names"),
        (_with(levles={}), "unknown field 'levles'; did you mean levels"),
        ({"shape": {"levels": GOOD["shape"]["levels"]}}, "the axis shape has no change"),
        ({"shape": {"change": "depth"}}, "the axis shape has no levels"),
        (_with(change=3), "change has to be a few words, not 3"),
        (_with(equal_size="yes"), "equal_size has to be true or false, not 'yes'"),
        (_with(levels=["a", "b"]), "levels has to be names"),
        (_with(levels={"wide": "a", "deep": ["b"]}), r"the level wide has to be a list of bases, such as \[mini\]"),
        (_with(levels={"wide": [], "deep": ["b"]}), "the level wide has to be a list"),
        (_with(levels={"wide": [1], "deep": ["b"]}), "the level wide has to be a list"),
        (_with(levels={"wide": ["a"]}), "has 1 level; name at least two"),
        (_with(levels={"wide": ["a"], "deep": ["b", "a"]}), "the base a stands in the levels wide and deep"),
        (_with(levels={"wide": ["a", "a"], "deep": ["b"]}), "the base a stands twice in the level wide"),
    ],
)
def test_what_is_no_axis_is_refused(declared: object, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        read_axes(declared, where="mine.yaml")


def test_bases_of_the_command_line() -> None:
    assert [level.bases for level in axis_of(["a", "b"]).levels] == [("a",), ("b",)]
    for bases, sentence in (
        (["a"], "has 1 level; name at least two"),
        (["a", "b", "a"], "the base a stands twice|in the"),
    ):
        with pytest.raises(HarnessError, match=sentence):
            axis_of(bases)


def test_a_base_without_results_is_named_with_the_way_out(tmp_path: Path) -> None:
    store = fill(tmp_path / "r.duckdb", variants=["causal"], tasks=TASKS[:1], base="a")
    entries = current_entries(store)
    [axis] = read_axes(GOOD, where="mine.yaml")
    with pytest.raises(HarnessError, match=r"no results on base 'b' \(level wide .*harness run --all --base b.*: a$"):
        measured_axis(axis, entries)
    with pytest.raises(HarnessError, match=r"no results on base 'c'; measure it"):
        measured_axis(axis_of(["a", "c"]), entries)
    assert part_measured(axis, entries) is None
    more = fill(tmp_path / "r.duckdb", variants=["causal"], tasks=TASKS[:1], base="c")
    part = part_measured(axis, current_entries(more))
    assert part is not None
    assert [(level.name, level.bases) for level in part.levels] == [("wide", ("a",)), ("deep", ("c",))]
    add_system(more, "causal", base="c", base_revision="fedcba9876543210", tasks=TASKS[:1])
    again = part_measured(axis, current_entries(more))
    assert again is not None
    assert again.bases == ("a", "c@fedcba9"), "of two revisions the newest"
