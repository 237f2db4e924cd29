"""The distractor suite on the small base: subsets that are paired, cures that are carried out, and their views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.compare.distractors.examples import RowText, example_texts
from harness.compare.distractors.views import distractor_rows
from harness.encoder import rewriting
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.mini import checkpoint_folder
from harness.outcomes import TaskResult
from harness.recipes import Recipe
from harness.sentences import split_sentences
from harness.store import Store
from harness.suites.distractor import GATE, OF_MTEB, SUITES, TASKS, cures, examples, reading
from harness.suites.distractor.texts import FIRST, Condition
from harness.suites.mini.baseline import BagOfWords
from tests.cli.test_cli import call
from tests.factory import add_system

N = 24
FEW = (FIRST, Condition(place="before", amount=1, both=True), Condition(place="repeated", amount=2))
PLACE = Placement(device="cpu", dtype="float32")


def build(**fields: str) -> Encoder:
    folder = checkpoint_folder()
    recipe = Recipe.model_validate({"attention": "causal"} | fields)
    return build_encoder(folder, recipe, seed=None, place=PLACE, name="mini", revision="1", language_model=folder)


@pytest.fixture(scope="module")
def few() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "TEXTS", N)
        patch.setattr(reading, "conditions", lambda pairs: FEW if pairs else (FEW[0], FEW[2]))
        yield


def as_labelled(found: Sequence[Sequence[RowText]]) -> dict[str, str]:
    (only,) = found
    return {each.label: each.text for each in only}


def by_subset(results: Sequence[TaskResult]) -> dict[str, TaskResult]:
    return {result.key.subset: result for result in results}


@pytest.fixture(scope="module")
def texts(few: None) -> dict[str, TaskResult]:
    return by_subset(TASKS[0].run(build()))


def test_every_row_has_the_same_examples_and_its_own_texts(texts: dict[str, TaskResult]) -> None:
    rows = ("truncated", "extract", "random extract", "deduplicated", "score and drop")
    names = [f"{condition.name} | {row}" for condition in FEW for row in rows if row != rows[-1] or not condition.both]
    dirty = [f"{condition.name} | dirty" for condition in FEW[1:]]
    assert set(texts) == {"default", "clean", *dirty, *names, "tokens: extract", "tokens: score and drop"}
    asked = ["example_id", "unit", "gold_score"]
    for name in ("default", *dirty, *names):
        pd.testing.assert_frame_equal(texts[name].outcomes[asked], texts["clean"].outcomes[asked])
        assert texts[name].score == pytest.approx(score_outcomes("spearman", texts[name].outcomes))
    assert texts["default"].score != texts["clean"].score
    shown = [texts[name].shown or {} for name in ("clean", "default", "before ×1, both | truncated")]
    example = next(iter(shown[0]))
    (first, second), (distracted, same) = (each[example].split(" ⟷ ") for each in shown[:2])
    assert first.split()[0] in distracted.split()
    assert cures.words(distracted) == 2 * cures.words(first)
    assert same == second
    # Truncation of a text behind its passage keeps the passage alone.
    assert cures.words(shown[2][example].split(" ⟷ ")[0]) == cures.words(first)
    assert not {*shown[2][example].split(" ⟷ ")[0].split()} >= {*first.split()}
    assert texts["repeated ×2 | deduplicated"].score == pytest.approx(texts["clean"].score, abs=1e-6)


def test_a_system_that_reads_texts_anew_has_no_other_cure(few: None, tmp_path: Path) -> None:
    found = by_subset(TASKS[1].run(build(reread="extract")))
    assert set(found) == {"default", "clean", *(f"{condition.name} | dirty" for condition in FEW[1:])}
    assert "no cure beside the system's own" in found["default"].note
    store = Store(tmp_path / "results.duckdb")
    run = add_system(store, "causal-extract", tasks=())
    for result in found.values():
        store.add_result(run, result)
    first = as_labelled(example_texts(store, TASKS[1].name, FIRST.name, base="mini", count=1))
    read = first["dirty, as causal-extract reads it"]
    assert read != first["dirty"]
    # The dirty text is cut where it is long; what is read of its first text is not.
    assert set(read.split(" ⟷ ")[0].split()) <= set(first["dirty"].split(" ⟷ ")[0].split())


def test_a_cure_in_a_card_is_set_against_the_clean_texts_without_it(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "results.duckdb")
    score: dict[tuple[str, str], float] = {}

    monkeypatch.setattr(reading, "conditions", lambda pairs: FEW[:1])
    plain, cured = (by_subset(TASKS[1].run(build(**fields))) for fields in ({}, {"reread": "extract"}))

    def add(variant: str, found: dict[str, TaskResult], **fields: str) -> None:
        recipe = {"attention": "causal", "pooling": "mean"} | fields
        run = add_system(store, variant, tasks=(), recipe=recipe, card_hash=variant)
        for name in ("clean", "default"):
            store.add_result(run, found[name])
            score[variant, name] = found[name].score

    add("causal-extract", cured, reread="extract")
    assert distractor_rows(store, base="mini").cured == ()
    assert distractor_rows(store, base="mini").alone == ("causal-extract",)
    assert call("distractors", "--db", str(store.path), monkeypatch=monkeypatch) == 0
    assert "Not measured here without the cure: causal-extract." in capsys.readouterr().out
    add("causal", plain)
    add("last", plain, pooling="lasttoken")
    found = distractor_rows(store, base="mini", variants=["causal-extract"])
    (row,) = found.cured
    assert (row.variant, row.plain, found.alone) == ("causal-extract", "causal", ())
    assert row.harm == pytest.approx(score["causal-extract", "clean"] - score["causal", "clean"])
    assert row.gain == pytest.approx(score["causal-extract", "default"] - score["causal", "default"])
    assert row.lost == pytest.approx(score["causal-extract", "default"] - score["causal", "clean"])
    assert row.lost_interval is not None
    assert row.lost_interval.low < row.lost < row.lost_interval.high
    assert call("distractors", "--db", str(store.path), monkeypatch=monkeypatch) == 0
    assert "dirty less clean without" in capsys.readouterr().out


def test_what_cannot_be_done_is_left_out_and_told(texts: dict[str, TaskResult], few: None) -> None:
    assert not any("regenerate" in name for name in texts)
    assert "no regenerate: the base is no instruction model" in texts["default"].note
    assert f"{N} examples, {N} with a text of one sentence" in texts["default"].note
    of_words = by_subset(TASKS[1].run(BagOfWords()))
    assert not any("score and drop" in name for name in of_words)
    assert f"{N} examples, 0 with a text of one sentence" in of_words["default"].note


@pytest.mark.parametrize("faithful", [True, False])
def test_regeneration_passes_a_gate(few: None, monkeypatch: pytest.MonkeyPatch, faithful: bool) -> None:
    def written(system: Any, texts: Sequence[str], *, name: str) -> rewriting.Rewritten:
        middle = [" ".join(split_sentences(text)[1:-1]) or text for text in texts]
        return rewriting.Rewritten(texts=middle if faithful else list(texts), tokens=[7] * len(texts))

    monkeypatch.setattr(rewriting, "instruction_tokenizer", lambda *_, **__: None)
    monkeypatch.setattr(rewriting, "rewrite", written)
    # No word stands both in a text and in its passage, as it does in real texts.
    monkeypatch.setitem(GATE, "gate: passage kept", 0.5)
    found = by_subset(TASKS[0].run(build()))
    assert found["tokens: regenerate"].score == 14
    assert found["gate: text kept"].score > 0.99
    assert (found["gate: passage kept"].score < 0.5) == faithful
    assert ("repeated ×2 | regenerate" in found) == faithful
    assert f"{FIRST.name} | regenerate" in found
    assert ("is measured at around ×1 alone" in found["default"].note) != faithful


def test_the_rows_say_what_is_lost_and_what_comes_back(
    texts: dict[str, TaskResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "results.duckdb")
    for variant in ("causal", "bidir"):
        with store.together():
            run = add_system(store, variant, tasks=())
            for result in texts.values():
                store.add_result(run, result)
    found = distractor_rows(store, base="mini", conditions=())
    assert set(found.conditions) == {condition.name for condition in FEW}
    rows = {(row.variant, row.condition, row.row): row for row in found.rows}
    clean, dirty = (rows["causal", FIRST.name, name] for name in ("clean", "dirty"))
    assert (clean.score, dirty.score) == pytest.approx((texts["clean"].score, texts["default"].score))
    assert dirty.gain == pytest.approx(dirty.score - clean.score)
    row = rows["causal", FIRST.name, "extract"]
    assert row.gain == pytest.approx(row.score - dirty.score)
    if row.recovery is not None:
        assert row.recovery == pytest.approx(row.gain / (clean.score - dirty.score))
    assert rows["bidir", FIRST.name, "dirty"].beyond == pytest.approx(0)
    assert dirty.beyond is None
    first = as_labelled(example_texts(store, TASKS[0].name, FIRST.name, base="mini", count=1))
    assert list(first)[:2] == ["clean", "dirty"]
    # What a cure made by a system is that system's: it stands under the name of the variant.
    assert {"truncated", "extract, causal", "extract, bidir", "score and drop, causal"} <= set(first)
    assert "extract" not in first
    one = as_labelled(example_texts(store, TASKS[0].name, FIRST.name, base="mini", count=1, variants=["bidir"]))
    assert "extract, causal" not in one
    assert one["extract, bidir"] == first["extract, bidir"]
    with pytest.raises(HarnessError, match="there is no condition 'around x1'; did you mean around ×1"):
        distractor_rows(store, base="mini", conditions=["around x1"])
    with pytest.raises(HarnessError, match="distractors were not measured for bidir-mntp on base mini yet"):
        distractor_rows(store, base="mini", variants=["bidir-mntp"])
    assert call("distractors", "--db", str(store.path), "--variant", "bidir", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "random extract" in said
    assert "change beyond causal's" in said
    assert call("distractors", "--db", str(store.path), "--against", "bidri", monkeypatch=monkeypatch) == 2
    assert "'bidri' has no results with distractors on base mini; did you mean bidir?" in capsys.readouterr().err
    assert call("distractors", "--db", str(store.path), "--examples", "1", monkeypatch=monkeypatch) == 0
    assert "score and drop" in capsys.readouterr().out


def test_the_suites_name_their_tasks() -> None:
    assert [suite.name for suite in SUITES] == ["distractor", "distractor-mteb"]
    assert {task.info.task_type for task in (*TASKS, *OF_MTEB)} == {"Distractors"}
    assert TASKS[0].revision.startswith("3.2.test.")


@pytest.mark.slow
def test_a_classifier_is_fit_on_clean_texts(few: None) -> None:
    found = by_subset(TASKS[2].run(build()))
    assert found["clean"].score > found["default"].score
    assert found["default"].outcomes["trial"].nunique() == 10
    assert len(found["clean"].outcomes) == 10 * N
