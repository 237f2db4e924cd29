"""From the results of several bases to interactions and their verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.api import compare_bases
from harness.compare.axis.declared import axis_of, read_axes
from harness.compare.axis.facts import BaseFacts, losses
from harness.compare.axis.results import AxisAnalysis
from harness.compare.axis.wording import axis_sentence, described, scope_of_axis
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import NoiseFloor, TaskKey, TaskResult, make_outcomes
from harness.store import Store
from tests.compare.bases_kit import LEVELS, axis, found_in, interaction, right, shapes
from tests.compare.kit import labelled, scored
from tests.factory import add_system, rng_for


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


def test_unequal_loss_is_said_of_levels_by_the_measure_that_all_bases_have() -> None:
    def base(level: str, pretraining: float | None, retention: float | None) -> BaseFacts:
        return BaseFacts(
            level=level, base=f"{level}{pretraining}{retention}", layers=None, width=None, parameters=None,
            bits_per_byte=retention, seconds=None, pretraining_tokens=None, pretraining_bits=pretraining,
        )  # fmt: skip

    wide = [base("wide", 0.40, 0.60), base("wide", 0.42, 0.60)]
    said = losses([*wide, base("deep", 0.451, 0.601)])
    assert "wide has 0.410 bits a byte after pretraining, deep has 0.451 (10% more)" in said
    assert losses([*wide, base("deep", 0.413, 0.9)]) == ""
    said = losses([*wide, base("deep", None, 0.5)])
    assert "deep has 0.500 bits a byte on the texts of the retention suite, wide has 0.600 (20% more)" in said
    assert losses([*wide, base("deep", None, None)]) == ""


def test_bad_input_is_one_sentence(store: Store, tmp_path: Path) -> None:
    for ask, sentence in (
        ({}, r"give either the name of a declared axis \(shape, shape-equal-loss\) or two bases"),
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
