"""`harness dose` and `run --at`: variants along an axis, stored, shown, and kept out of tests and ranks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cards import get_card, load_cards
from harness.compare.analysis import compare_each
from harness.compare.points import degree_of, score_points, trained_of
from harness.compare.ranking import rank
from harness.errors import HarnessError
from harness.store import Store
from tests.cli.conftest import Run
from tests.factory import TASKS, add_system
from tests.test_cards import write_card

STAGE = """stages:
  - {kind: simcse, data: mini, examples: 64, steps: 8, batch_size: 8, max_length: 32, learning_rate: 1.0e-3}
"""


@pytest.mark.slow
def test_a_variant_is_measured_at_every_degree_and_shown(harness: Run) -> None:
    command = ("dose", "--variant", "causal", "--tasks", "MiniSTS", "--ahead", "0,1,all", "--from-layer", "1")
    code, _, err = harness(*command)
    assert code == 0, err
    store = Store(Path("results.duckdb"), read_only=True)
    points = score_points(store, degree_of)
    assert [str(point.at) for point in points] == [
        "0 tokens ahead", "1 token ahead", "all tokens ahead", "all tokens ahead from layer 1 on",
    ]  # fmt: skip
    scores = store.scores()
    of = {row["variant"]: row["score"] for row in scores.to_dict("records")}
    by = {str(point.at): point.cell.value for point in points}
    assert by["0 tokens ahead"] == pytest.approx(of["causal"], abs=1e-6)
    assert len(set(by.values())) == 4
    proofs = [each.mask_proof for each in store.runs() if each.mask_proof]
    assert [proof["passed"] for proof in proofs] == [True] * 5
    assert {proof.get("degree") for proof in proofs} == {None, *(str(point.at) for point in points)}
    assert set(rank(store, base="mini").unranked) <= {"causal"}
    with pytest.raises(HarnessError, match="not been measured"):
        compare_each(store, base="mini", variants=["bidir"], against="causal")
    page = Path("leaderboard/site/degrees.html").read_text(encoding="utf-8")
    assert page.count('<svg class="curves"') == 2
    assert "causal@" not in Path("leaderboard/site/index.html").read_text(encoding="utf-8")
    before = len(store.runs())
    _, out, _ = harness(*command, "--json")
    assert len(json.loads(out)) == 4
    assert len(store.runs()) == before, "nothing is measured again"


@pytest.mark.slow
def test_a_variant_is_measured_after_so_many_steps_and_shown(harness: Run) -> None:
    write_card(Path("model_cards"), "short", STAGE)
    code, _, err = harness("run", "--variant", "short", "--at", "4,0,8", "--tasks", "MiniSTS")
    assert code == 0, err
    assert "short@until=8 (seed 0) · simcse: going on after step 4" in err
    assert "short (seed 0) · training" not in err
    store = Store(Path("results.duckdb"), read_only=True)
    points = score_points(store, trained_of)
    assert [(point.variant, point.at.steps, point.at.total) for point in points] == [("short", n, 8) for n in (0, 4, 8)]
    read = [point.at.tokens for point in points]
    assert read[0] == 0
    assert read[0] < (read[1] or 0) < (read[2] or 0)
    of = {row["variant"]: row["score"] for row in store.scores().to_dict("records")}
    assert of["short@until=0"] == pytest.approx(of["causal"], abs=1e-6)
    assert of["short@until=8"] == of["short"]
    page = Path("leaderboard/site/budget.html").read_text(encoding="utf-8")
    assert page.count('<svg class="curves"') == 1
    assert "thousand tokens that the last stage read" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--variant", "bidir-mntp", "--at", "10,some"), "--at 10,some: give whole numbers of steps"),
        (("--variant", "bidir-mntp", "--at", "-1"), "give whole numbers of steps"),
        (("--variant", "bidir-mntp", "--at", "201"), "until 201 is behind the last of 200 steps"),
        (("--variant", "bidir", "--at", "10"), "'until' is no field that a name can set"),
        (("--variant", "bidir-mntp@until=yes"), "until is not a number of steps"),
    ],
)
def test_steps_that_there_are_not(harness: Run, options: tuple[str, ...], said: str) -> None:
    code, _, err = harness("run", *options, "--tasks", "MiniSTS")
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ahead", "2,some"), "'some' is neither a number nor all"),
        (("--from-layer", "99"), "'99' is no layer of mini"),
        (("--variant", "causal@ahead=1"), "is read with other fields than its card's already"),
        (("--variant", "bidr"), "did you mean bidir"),
    ],
)
def test_bad_input_is_a_sentence(harness: Run, options: tuple[str, ...], said: str) -> None:
    code, _, err = harness("dose", *options)
    assert code == 2
    assert said in " ".join(err.split())


def test_a_width_is_no_degree_and_no_length_of_training(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    for name in ("causal@width=8", "causal@ahead=1,width=8", "causal@until=2,width=8", "causal@ahead=1"):
        recipe = {"attention": "causal", "pooling": "mean", "width": 8} | ({"ahead": 1} if "ahead" in name else {})
        recipe |= {"stages": [{"kind": "simcse", "steps": 4, "until": 2}]} if "until" in name else {}
        add_system(store, name, card_hash=name[:12], recipe=recipe, tasks=TASKS[:1])
    assert [point.cell.variant for point in score_points(store, degree_of)] == ["causal@ahead=1"]
    assert score_points(store, trained_of) == []


def test_a_card_is_read_with_other_fields() -> None:
    cards = load_cards()
    card = get_card("bidir-supcon@ahead=2,layer=1", cards)
    assert card.variant == "bidir-supcon@ahead=2,layer=1"
    own, other = cards["bidir-supcon"].recipe_on("mini"), card.recipe_on("mini")
    assert (other.ahead, other.layer) == (2, 1)
    assert other.stages == own.stages
    assert other.digest != own.digest
    with pytest.raises(HarnessError, match="'pooling' is no field that a name can set"):
        get_card("bidir@pooling=lasttoken", cards)
    with pytest.raises(HarnessError, match="`layer`"):
        get_card("bidir@layer=-1", cards)
    with pytest.raises(HarnessError, match="the name sets ahead twice"):
        get_card("bidir@ahead=2,ahead=3", cards)


@pytest.mark.slow
def test_a_variant_is_read_at_another_width_and_exported(harness: Run) -> None:
    asked = ("--variant", "causal@width=16", "--tasks", "MiniSTS,MiniNorms")
    code, out, err = harness("run", *asked)
    assert code == 0, err
    assert "causal@width=16" in out
    code, out, err = harness("export", "causal@width=16", "--out", "out")
    assert code == 0, err
    assert "mapped to 16 numbers by a fixed random projection" in Path("out/README.md").read_text(encoding="utf-8")
    assert [each.name for each in Path("out").glob("*_Dense")] == ["3_Dense"]
    code, _, err = harness("run", "--variant", "causal@width=16", "--tasks", "RetentionBits")
    assert code == 5
    assert "causal@width=16 maps its vectors to 16 numbers" in err
    code, _, err = harness("run", "--variant", "causal@width=129", "--tasks", "MiniSTS")
    assert code == 2
    assert "vectors of 128 numbers cannot be read at width 129; take 128 or less" in err


@pytest.mark.slow
def test_run_and_compare_take_a_card_with_other_fields(harness: Run) -> None:
    code, out, err = harness("run", "--variant", "causal@layer=1", "--tasks", "MiniSTS")
    assert code == 0, err
    assert "causal@layer=1" in out
    code, out, _ = harness("compare", "causal@layer=1", "causal", "--json")
    assert code == 0
    [task] = json.loads(out)["tasks"]
    assert task["difference"] != 0
    assert "causal@" not in Path("leaderboard/site/index.html").read_text(encoding="utf-8")
