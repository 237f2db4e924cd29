"""An encoder broken on purpose fails the gate, on the tasks that the breakage is about. Real model, real reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

import leaderboard
from harness.cli.screen import RunScreen
from harness.errors import HarnessError, ProofError
from harness.gate.declared import declared_gate
from harness.gate.judge import Judgement
from harness.gate.regress import regress
from harness.suites.mini import topics
from harness.suites.mini.generated import labelled
from tests.gate import breakages

pytestmark = pytest.mark.slow

REFERENCE = Path(leaderboard.__file__).parent / "reference" / "mini"
ALONE = declared_gate().one_by_one[0].tasks


def gate(*tasks: str) -> Judgement:
    """The bidirectional variant that trains nothing, as `harness regress --variant bidir` measures it."""
    return regress(REFERENCE, screen=RunScreen, variants=("bidir",), tasks=tasks)


def lost(judgement: Judgement) -> list[tuple[str, str]]:
    return [(moved.row, moved.key.task) for moved in judgement.losses]


def test_unbroken_nothing_is_lost() -> None:
    assert lost(gate(*ALONE)) == []


def test_mask_flipped_for_batches_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch of the suite holds one text: the rows read one by one find it, where the proof is out of the way."""
    breakages.after_building(monkeypatch, breakages.mask_flipped_for_batches_of_one)
    with pytest.raises(ProofError, match="the card says bidirectional"):
        gate(*ALONE)
    breakages.without_proof(monkeypatch)
    assert lost(gate(*ALONE)) == [("bidir, one by one", task) for task in ALONE]


def test_embeddings_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves sentence embeddings and no word vector."""
    breakages.after_building(monkeypatch, breakages.embeddings_out_of_order)
    found = gate("MiniSTS", "MiniTopicClassification", "MiniDomainAfter", "MiniWiCRight")
    sentences = [("bidir", "MiniSTS"), ("bidir", "MiniTopicClassification")]
    assert lost(found) == [*sentences, ("bidir, one by one", "MiniTopicClassification")]
    moved = {each.key.task: each for each in found.tasks if each.row == "bidir"}
    assert abs(moved["MiniDomainAfter"].difference) < 0.005


def test_packed_texts_that_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof finds it; with the proof out of the way the rows read one by one are right, all others are lost."""
    breakages.texts_that_see_each_other(monkeypatch)
    with pytest.raises(ProofError, match="packed_sdpa, batch 8"):
        gate(*ALONE)
    breakages.without_proof(monkeypatch)
    assert lost(gate(*ALONE)) == [("bidir", task) for task in ALONE]


def test_weights_of_another_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    breakages.after_building(monkeypatch, breakages.weights_drawn_anew)
    tasks = ("MiniSTS", "MiniTopicClassification", "MiniDomainBefore", "MiniWiCRight")
    assert {("bidir", task) for task in tasks} <= set(lost(gate(*tasks)))


def shuffled(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """Shuffle the labels that MiniTopicClassification is trained on (0) or tested on (1)."""
    made = topics.MiniTopicClassification

    def write(lexicon: object, rng: random.Random, n: int, half: int) -> tuple[Sequence[str], list[str]]:
        texts, labels = topics.topic_majorities(lexicon, rng, n, half)  # type: ignore[arg-type]
        if half == part:
            random.Random(1).shuffle(labels)
        return texts, labels

    changed = partial(made.func, *made.args[:2], partial(labelled, write), **made.keywords)  # type: ignore[arg-type]
    monkeypatch.setattr(topics, "MiniTopicClassification", changed)


def test_one_tasks_training_labels_shuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    shuffled(monkeypatch, 0)
    found = lost(gate("MiniTopicClassification", "MiniSentimentClassification"))
    assert {task for _, task in found} == {"MiniTopicClassification"}


def test_one_tasks_gold_labels_shuffled_is_another_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the same revision: the gate does not compare it, and names it (exit code 2)."""
    shuffled(monkeypatch, 1)
    with pytest.raises(HarnessError, match="MiniTopicClassification: bidir has other examples"):
        gate("MiniTopicClassification", "MiniSentimentClassification")
