"""From the results of several bases to interactions and their verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.api import compare_bases
from harness.compare import current_entries
from harness.compare.axis.analysis import analyse_axis
from harness.compare.axis.declared import BaseAxis, axis_of, measured_axis, read_axes
from harness.compare.axis.results import AxisAnalysis, Interaction
from harness.compare.axis.width import require_measured, widths_of
from harness.compare.axis.wording import axis_sentence, described, scope_of_axis
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import NoiseFloor, TaskKey, TaskResult, make_outcomes
from harness.store import Store
from tests.compare.kit import FEW, labelled, scored
from tests.factory import add_system, rng_for

N = 400
LEVELS = {"wide": ["wide-0", "wide-1"], "deep": ["deep-0", "deep-1"]}
GAINS = {"wide": 0.05, "deep": 0.30}  # of the step bidir-mntp - bidir in the share of right answers


def right(base: str, variant: str, gain: float, *, seed: object = 0) -> np.ndarray:
    """Which of N examples a system has right: the easy ones, those that all bases find easy first, and `gain` more."""
    ease = rng_for("ease").random(N) + 0.3 * rng_for(base, variant, seed).random(N)
    return ease < np.quantile(ease, 0.4 + (gain if variant == "bidir-mntp" else 0.0))


def shapes(path: Path, *, seeds: int = 2, levels: Mapping[str, list[str]] = LEVELS) -> Store:
    """Causal, bidir and bidir-mntp on every base; the last step gains more on deep than on wide in MiniTopic alone."""
    store = Store(path / "shapes.duckdb")
    with store.together():
        for level, bases in levels.items():
            for base in bases:
                for variant in ("causal", "bidir", "bidir-mntp"):
                    for seed in range(seeds) if variant == "bidir-mntp" else [None]:
                        run = add_system(store, variant, base=base, seed=seed, tasks=[], base_revision=f"of-{base}")
                        gain = GAINS.get(level, 0.05)
                        store.add_result(run, labelled("MiniTopic", right(base, variant, gain, seed=seed)))
                        store.add_result(run, labelled("MiniOther", right(base, variant, 0.1, seed=(seed, "o"))))
    return store


def axis(levels: Mapping[str, list[str]] = LEVELS) -> BaseAxis:
    return read_axes({"shape": {"change": "depth", "levels": dict(levels)}}, where="test")[0]


def found_in(store: Store, of: BaseAxis | None = None, **options: object) -> AxisAnalysis:
    entries = current_entries(store)
    return analyse_axis(store, measured_axis(of or axis(), entries), entries=entries, resamples=FEW, **options)


def interaction(found: AxisAnalysis, task: str, variant: str, level: str = "deep") -> Interaction:
    [one] = [i for i in found.interactions if (i.key.task, i.step.variant, i.level) == (task, variant, level)]
    return one


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return shapes(tmp_path_factory.mktemp("axis"))


@pytest.fixture(scope="module")
def found(store: Store) -> AxisAnalysis:
    return found_in(store)


def test_numbers_are_the_stores(store: Store, found: AxisAnalysis) -> None:
    """An effect is the mean over the level's bases and their seeds; an interaction the difference of two effects."""
    means = store.scores().groupby(["base", "variant", "task"])["score"].mean()
    for effect in found.effects:
        own = [
            means[base, effect.step.variant, effect.key.task] - means[base, effect.step.against, effect.key.task]
            for base in LEVELS[effect.level]
        ]
        assert effect.value == pytest.approx(np.mean(own), abs=1e-12)
        assert effect.interval is not None
        assert effect.interval.low <= effect.value <= effect.interval.high
    of = {(e.step, e.level, e.key.task): e.value for e in found.effects}
    for one in found.interactions:
        assert one.against == "wide"
        gap = of[one.step, "deep", one.key.task] - of[one.step, "wide", one.key.task]
        assert one.difference == pytest.approx(gap, abs=1e-12)
    assert [(s.variant, s.against) for s in found.steps] == [("bidir", "causal"), ("bidir-mntp", "bidir")]


def test_the_planted_interaction_alone_is_found(found: AxisAnalysis) -> None:
    verdicts = {(i.key.task, i.step.variant): i.verdict for i in found.interactions}
    assert verdicts.pop(("MiniTopic", "bidir-mntp")) == "better"
    assert "better" not in verdicts.values()
    assert "worse" not in verdicts.values()
    planted = interaction(found, "MiniTopic", "bidir-mntp")
    assert planted.difference == pytest.approx(0.25, abs=0.03)
    assert (planted.family, planted.family_size, planted.family_pairs, planted.family_tasks) == (
        "interactions",
        4,
        2,
        2,
    )
    assert planted.p is not None
    assert planted.p_adjusted is not None
    assert planted.p_adjusted >= planted.p


def test_the_order_of_levels_gives_the_sign(store: Store) -> None:
    back = found_in(store, axis(dict(reversed(LEVELS.items()))))
    one = interaction(back, "MiniTopic", "bidir-mntp", level="wide")
    assert (one.verdict, one.against) == ("worse", "deep")
    assert one.difference == pytest.approx(-0.25, abs=0.03)


def test_few_replicates_claim_nothing_about_others(found: AxisAnalysis) -> None:
    planted = interaction(found, "MiniTopic", "bidir-mntp")
    assert planted.sampled == "checkpoints"
    assert planted.crossed is not None
    assert planted.crossed.over == "seeds"
    for each in found.interactions:
        if each.crossed is not None and each.crossed.interval is not None and each.interval is not None:
            assert each.crossed.interval.low <= each.interval.low
            assert each.crossed.interval.high >= each.interval.high
    said = scope_of_axis(found)
    assert "cover the examples alone" in said
    assert "A level has 2 bases" in said
    assert "takes 5 bases a level" in said


@pytest.mark.parametrize(
    ("levels", "seeds", "sampled"),
    [
        ({"wide": ["w0"], "deep": ["d0"]}, 5, "training seeds"),
        ({"wide": ["w0"], "deep": ["d0"]}, 4, "checkpoints"),
        ({"wide": [f"w{i}" for i in range(5)], "deep": [f"d{i}" for i in range(5)]}, 1, "pretraining seeds"),
    ],
)
def test_what_a_claim_covers(tmp_path: Path, levels: dict[str, list[str]], seeds: int, sampled: str) -> None:
    found = found_in(shapes(tmp_path, seeds=seeds, levels=levels), axis(levels))
    one = interaction(found, "MiniTopic", "bidir-mntp")
    assert one.sampled == sampled
    untrained = interaction(found, "MiniTopic", "bidir")
    assert untrained.sampled == ("checkpoints" if sampled == "training seeds" else sampled)
    assert ("cover the examples and the" in scope_of_axis(found)) == (sampled != "checkpoints")


def test_a_verdict_does_not_depend_on_the_tasks_that_are_shown(store: Store, found: AxisAnalysis) -> None:
    alone = found_in(store, tasks=["MiniTopic"])
    assert {each.key.task for each in (*alone.effects, *alone.interactions)} == {"MiniTopic"}
    one, other = (interaction(each, "MiniTopic", "bidir-mntp") for each in (alone, found))
    assert (one.p_adjusted, one.family_size) == (other.p_adjusted, other.family_size)


def test_a_trend_over_four_levels_is_their_slope(tmp_path: Path) -> None:
    levels = {f"l{i}": [f"b{i}"] for i in range(4)}
    found = found_in(shapes(tmp_path, seeds=1, levels=levels), axis(levels))
    effects = [e.value for e in found.effects if (e.key.task, e.step.variant) == ("MiniOther", "bidir-mntp")]
    trend = interaction(found, "MiniOther", "bidir-mntp", level="trend")
    assert trend.difference == pytest.approx(np.polyfit(range(4), effects, 1)[0])


def test_two_levels_have_no_trend(found: AxisAnalysis) -> None:
    assert {i.level for i in found.interactions} == {"deep"}


def _word_task(layer: int, noise: object) -> TaskResult:
    found = scored("MiniNorms", noise)
    rows = found.outcomes.assign(layer=np.int32(layer)).astype({"layer": "Int32"})
    return TaskResult(key=found.key, task_type="Norms", score=found.score, outcomes=rows, seconds=0.1)


def _layers_task(layers: int, noise: object) -> TaskResult:
    n = 60
    gold = rng_for("layers").normal(size=n)
    said = [gold + rng_for(noise, layer).normal(size=n) for layer in range(layers)]
    columns = {
        "example_id": [f"e{i}" for i in range(n)] * layers,
        "layer": np.repeat(np.arange(layers), n),
        "gold_score": np.tile(gold, layers),
        "predicted_score": np.concatenate(said),
    }
    rows = make_outcomes(columns, n * layers)
    key = TaskKey(task="ByLayer", split="test", subset="default", revision="r", metric="pearson")
    return TaskResult(key=key, task_type="Words", score=score_outcomes("pearson", rows), outcomes=rows, seconds=0.1)


def test_the_last_layer_is_one_question_however_deep_the_base(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for base, depth in (("wide", 1), ("deep", 16)):
        for variant in ("causal", "bidir"):
            run = add_system(store, variant, base=base, tasks=[])
            store.add_result(run, _word_task(depth, (base, variant)))
            store.add_result(run, _layers_task(depth + 1, (base, variant)))
    found = found_in(store, axis_of(["wide", "deep"]))
    assert [i.key.task for i in found.interactions] == ["MiniNorms"]
    assert {(e.key.task, e.level) for e in found.effects} >= {("ByLayer", "wide"), ("ByLayer", "deep")}
    [said] = [problem for problem in found.problems if "ByLayer" in problem]
    assert said == (
        "ByLayer: the results of causal on wide and causal on deep cannot be compared: 120 outcomes against 1020 on "
        "the same examples."
    )


def test_a_base_that_lacks_a_variant_is_left_out_and_named(tmp_path: Path) -> None:
    store = shapes(tmp_path, seeds=1)
    run = add_system(store, "bidir-simcse", base="wide-0", seed=0, tasks=[], base_revision="of-wide-0")
    store.add_result(run, labelled("MiniTopic", right("wide-0", "bidir-simcse", 0.0)))
    found = found_in(store)
    [effect] = [e for e in found.effects if e.step.variant == "bidir-simcse"]
    assert (effect.level, effect.bases) == ("wide", ("wide-0",))
    assert not [i for i in found.interactions if i.step.variant == "bidir-simcse"]
    said = [problem for problem in found.problems if problem.startswith("bidir-simcse was not measured on")]
    assert [problem.split()[5] for problem in said] == ["wide-1", "deep-0", "deep-1"]
    assert "`harness run --variant bidir-simcse --base deep-0`" in said[1]


def test_a_difference_within_the_noise_floors_of_both_levels_is_no_interaction(tmp_path: Path) -> None:
    store = shapes(tmp_path, seeds=1)
    key = interaction(found_in(store), "MiniTopic", "bidir-mntp").key
    systems = {s.base: s for s in store.systems() if s.variant == "causal"}
    store.add_noise_floors(
        NoiseFloor(
            system_id=systems[base].system_id, base_revision=f"of-{base}", key=key, dtype="float32", device="cpu",
            scores={"a": 0.5, "b": 0.5 + floor},
        )
        for base, floor in (("wide-0", 0.1), ("wide-1", 0.15), ("deep-0", 0.14))
    )  # fmt: skip
    one = interaction(found_in(store), "MiniTopic", "bidir-mntp")
    assert one.floor == pytest.approx(0.15 + 0.14)
    assert (one.tie, one.verdict) == (True, "undecided")


def test_means_over_six_tasks_are_tested(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    with store.together():
        for base, gain in (("wide", 0.1), ("deep", 0.25)):
            for variant in ("bidir", "bidir-mntp"):
                run = add_system(store, variant, base=base, tasks=[])
                for i in range(7):
                    more = gain + 0.02 * i * (base == "deep")
                    store.add_result(run, labelled(f"Task{i}", right(base, variant, more, seed=i)))
    found = found_in(store, axis_of(["wide", "deep"]))
    means = {(m.step.variant, m.level, m.against): m for m in found.means}
    one = means["bidir-mntp", "deep", "wide"]
    assert one.across.raw.value == pytest.approx(0.21, abs=0.03)
    assert one.verdict is not None
    assert (one.verdict.verdict, one.across.n_tasks) == ("better", 7)
    assert means["bidir-mntp", "wide", ""].verdict is None
    effects = [means["bidir-mntp", level, ""].across.raw.value for level in ("wide", "deep")]
    assert one.across.raw.value == pytest.approx(effects[1] - effects[0])


def test_sizes_are_said_and_a_claim_of_equal_size_is_checked(tiny_base: Path, tmp_path: Path) -> None:
    from harness.bases import resolve_base

    small = resolve_base(str(tiny_base))
    big = resolve_base("mini")
    store = Store(tmp_path / "r.duckdb")
    for base in (small, big):
        for variant in ("causal", "bidir"):
            run = add_system(
                store, variant, base=base.name, base_revision=base.revision, folder=str(base.folder), lineage={},
                tasks=[],
            )  # fmt: skip
            store.add_result(run, labelled("MiniTopic", right(base.name, variant, 0.0)))
    levels = {"small": [small.name], "big": [big.name]}
    found = found_in(store, axis(levels))
    facts = {each.level: each for each in found.facts}
    assert (facts["big"].layers, facts["big"].width, facts["big"].parameters) == (4, 128, 779_392)
    assert facts["small"].parameters is not None
    numbers = rf"{facts['small'].parameters:,} parameters without the embedding, mini has 779,392 \(\d+% more\)"
    [said] = [problem for problem in found.problems if "unequal" in problem]
    assert "can come from size alone" in said
    claimed = read_axes({"s": {"change": "x", "equal_size": True, "levels": levels}}, where="test")[0]
    with pytest.raises(HarnessError, match=f"claims bases of equal size .*{numbers}"):
        found_in(store, claimed)


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


def test_bad_input_is_one_sentence(store: Store, tmp_path: Path) -> None:
    for ask, sentence in (
        ({}, r"give either the name of a declared axis \(shape\) or two bases"),
        ({"axis": "shape", "bases": ["wide-0"]}, "give either"),
        ({"axis": "shap"}, "no axis 'shap' is declared; did you mean shape"),
        ({"axis": "shape"}, r"no results on base 'mini-1x256-seed0' \(level wide of the axis shape\)"),
        ({"bases": ["wide-0", "deep-7"]}, "no results on base 'deep-7'"),
        ({"bases": ["wide-0"]}, "has 1 level"),
        ({"bases": ["wide-0", "deep-0"], "dtype": "int8"}, "no results of dtype 'int8'"),
    ):
        with pytest.raises(HarnessError, match=sentence):
            compare_bases(store, **ask)


def test_what_is_said(found: AxisAnalysis) -> None:
    assert axis_sentence(found) == "Axis shape, depth: wide (wide-0, wide-1), deep (deep-0, deep-1)."
    lines = described(found)
    assert "bidir-mntp − bidir: of 2 interactions, 1 is better, 1 is undecided." in lines
    assert any("(the family of interactions: 4 tests of the encoder: 2 contrasts × 2 tasks)" in line for line in lines)


def test_the_command(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from tests.cli.test_cli import call

    own = tmp_path / "mine.yaml"
    own.write_text(json.dumps({"axes": {"shape": {"change": "depth", "levels": LEVELS}}}))
    asked = ("axis", "--axes", str(own), "--db", str(store.path))
    assert call(*asked, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "Axis shape, depth: wide (wide-0, wide-1), deep (deep-0, deep-1)." in said
    [row] = [line for line in said.splitlines() if "deep − wide" in line]
    assert row.split()[-1] == "better"
    assert call(*asked, "--interactions", monkeypatch=monkeypatch) == 0
    assert sum("deep − wide" in line for line in capsys.readouterr().out.splitlines()) == 4
    assert call(*asked, "--json", monkeypatch=monkeypatch) == 0
    data = json.loads(capsys.readouterr().out)
    assert {"axis", "facts", "effects", "interactions", "means", "problems", "sentences"} <= set(data)
    assert len(data["interactions"]) == 4
    for text, sentence in (
        ("axes: [a", "is not YAML"),
        ("axis: {}", "has to declare axes: and nothing else"),
        (json.dumps({"axes": {"a": {}}}), "the axis a has no change"),
    ):
        own.write_text(text)
        assert call(*asked, monkeypatch=monkeypatch) == 2
        assert sentence in capsys.readouterr().err
    assert call("axis", "other", "--axes", str(tmp_path / "none.yaml"), monkeypatch=monkeypatch) == 2
    assert "cannot be read (No such file" in capsys.readouterr().err
