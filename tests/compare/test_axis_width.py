"""Bases compared by what was read at one width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.compare import current_entries
from harness.compare.axis.width import require_measured, widths_of
from harness.compare.axis.wording import described
from harness.errors import HarnessError
from harness.store import Store
from tests.compare.bases_kit import LEVELS, axis, found_in, interaction, right, shapes
from tests.compare.kit import labelled
from tests.factory import add_system


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return shapes(tmp_path_factory.mktemp("axis"))


def at_width(path: Path, *, without: str = "") -> Store:
    """The plain store, with all of it read at width 8 too: there the last step gains no more on deep than on wide."""
    store = shapes(path, seeds=1)
    with store.together():
        for base in (base for bases in LEVELS.values() for base in bases if base != without):
            for variant in ("causal", "bidir", "bidir-mntp"):
                run = add_system(
                    store, f"{variant}@width=8", base=base, seed=0 if variant == "bidir-mntp" else None, tasks=[],
                    base_revision=f"of-{base}", recipe={"attention": "causal", "pooling": "mean", "width": 8},
                )  # fmt: skip
                store.add_result(run, labelled("MiniTopic", right(base, variant, 0.2, seed="narrow")))
    return store


def test_an_axis_at_a_width_compares_what_was_read_at_it(tmp_path: Path) -> None:
    store = at_width(tmp_path)
    plain = found_in(store)
    assert (plain.width, interaction(plain, "MiniTopic", "bidir-mntp").verdict) == (None, "better")
    (tmp_path / "alone").mkdir()
    assert plain.interactions == found_in(shapes(tmp_path / "alone", seeds=1)).interactions
    found = found_in(store, width=8)
    one = interaction(found, "MiniTopic", "bidir-mntp")
    assert (found.width, one.verdict, one.family_size) == (8, "undecided", 2)
    means = store.scores().groupby(["base", "variant", "task"])["score"].mean()
    for effect in found.effects:
        names = [f"{name}@width=8" for name in (effect.step.variant, effect.step.against)]
        own = [means[base, names[0], "MiniTopic"] - means[base, names[1], "MiniTopic"] for base in LEVELS[effect.level]]
        assert effect.value == pytest.approx(np.mean(own), abs=1e-12)
    assert {effect.key.task for effect in found.effects} == {"MiniTopic"}
    lines = described(found)
    assert lines[0].startswith("All vectors are read at width 8: a fixed random projection")
    assert any("the family of interactions at width 8: 2 tests" in line for line in lines)
    narrowest = replace(found, facts=tuple(replace(each, width=8) for each in found.facts))
    assert described(narrowest)[0].startswith("All vectors are read at width 8, the smallest of these bases: ")
    assert found.problems == plain.problems
    assert widths_of(axis(), current_entries(store)) == [8]


def test_a_base_that_was_not_read_at_the_width_is_named_with_the_command(tmp_path: Path) -> None:
    found = found_in(at_width(tmp_path, without="deep-1"), width=8)
    said = [problem for problem in found.problems if problem.startswith("bidir@width=8 was not measured on deep-1")]
    assert len(said) == 1
    assert "`harness run --variant bidir@width=8 --base deep-1`" in said[0]


def test_a_width_at_which_nothing_was_read(store: Store, tmp_path: Path, monkeypatch, capsys) -> None:
    from tests.cli.test_cli import call

    asked = ("axis", "--base", "wide-0", "--base", "deep-0", "--db", str(store.path), "--width")
    assert call(*asked, "64", monkeypatch=monkeypatch) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "nothing on the axis bases was read at width 64; measure it with `harness run" in said
    assert (
        "--variant causal@width=64 --variant bidir@width=64 --variant bidir-mntp@width=64 --base BASE` on each" in said
    )
    assert "(wide-0, deep-0)" in said
    assert call(*asked, "0", monkeypatch=monkeypatch) == 2
    capsys.readouterr()
    narrow = [replace(each, width=16) for each in found_in(store).facts]
    with pytest.raises(HarnessError, match=r"has vectors of 16 numbers, .* at width 64; give --width 16 or less"):
        require_measured(axis(), 64, entries=[], facts=narrow, asked=[])
    other = at_width(tmp_path)
    assert call(*asked[:5], "--db", str(other.path), "--width", "8", monkeypatch=monkeypatch) == 0
    assert "All vectors are read at width 8" in " ".join(capsys.readouterr().out.split())
