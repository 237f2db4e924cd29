"""The word tasks: cues where they should be, nothing before the target, folds that hold words together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from harness.mini.lexicon import load_lexicon
from harness.outcomes import check_outcomes
from harness.suites.mini import SUITE, TASKS
from harness.suites.mini.context import write_context
from harness.suites.mini.norms import write_norms
from harness.suites.mini.wic import write_wic
from harness.suites.mini.words import WordItem, span_of, word_spans

WORD_TASKS = [task.name for task in TASKS if task.is_word_task]
LEXICON = load_lexicon()


class PrefixEncoder:
    """A perfectly causal encoder: a word's vector is a random code of everything up to its end."""

    def word_vectors(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> np.ndarray:
        return np.stack([_code(text[:end]) for text, (_, end) in zip(texts, spans, strict=True)])[None]


class OracleEncoder:
    """An encoder that sees the whole sentence: a bag of all its words' codes."""

    def word_vectors(self, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> np.ndarray:
        return np.stack([np.mean([_code(w) for w in text.split()], axis=0) for text in texts])[None]


def _code(text: str) -> np.ndarray:
    seed = int.from_bytes(text.encode()[-8:], "little") % 2**32 + len(text)
    return np.random.default_rng(seed).normal(size=16).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORD_TASKS)
def test_items_are_repeatable_and_the_draws_differ(name: str) -> None:
    task = SUITE.task(name)
    items = task.make().items
    assert items == task.make().items
    assert items != task.drawn("dev").make().items
    assert len({text for item in items for text in item.texts}) == task.cost


@pytest.mark.slow
@pytest.mark.parametrize("name", WORD_TASKS)
def test_run_returns_checked_outcomes(name: str) -> None:
    task = SUITE.task(name)
    (result,) = task.run(PrefixEncoder())
    assert result.shown is not None
    assert set(result.shown) == set(result.outcomes["example_id"]), "every example can be read"
    check_outcomes(result.outcomes)
    assert result.key.task == task.info.name == name
    assert result.key.revision == task.revision
    positions = result.outcomes["position"].nunique() or 1
    assert len(result.outcomes) == len(task.make().items) * positions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "chance"),
    [("MiniWiCRight", 1 / 2), ("MiniAnimacyBefore", 1 / 2), ("MiniDomainBefore", 1 / 12)],
)
def test_a_causal_encoder_is_at_chance_exactly(name: str, chance: float) -> None:
    (result,) = SUITE.task(name).run(PrefixEncoder())
    assert result.score == pytest.approx(chance, abs=1e-12)


@pytest.mark.parametrize("question", ["animacy", "domain"])
def test_words_before_the_target_are_the_same_for_all_classes(question: str) -> None:
    by_frame: dict[str, list[WordItem]] = defaultdict(list)
    for item in write_context(question, "test"):
        by_frame[item.example_id.split(":")[0]].append(item)
    labels = {item.gold for items in by_frame.values() for item in items}
    for items in by_frame.values():
        assert Counter(item.gold for item in items) == dict.fromkeys(labels, 1)
        assert len({item.texts[0].split(item.word)[0] for item in items}) == 1
        assert len({item.fold for item in items}) == 1


@pytest.mark.parametrize("question", ["animacy", "domain"])
def test_three_neutral_words_stand_on_both_sides(question: str) -> None:
    topical = {f for t in LEXICON.topics for c in (*t.agents, *t.things, *t.verbs) for f in c.forms}
    for item in write_context(question, "test"):
        spans = word_spans(item.texts[0])
        at = spans.index(span_of(item.texts[0], item.word))
        words = [item.texts[0][slice(*span)] for span in spans]
        assert 3 <= at <= len(words) - 4
        assert not (set(words) - {item.word}) & topical


@pytest.mark.parametrize("question", ["animacy", "domain"])
def test_no_target_word_is_in_two_folds(question: str) -> None:
    folds = defaultdict(set)
    for item in write_context(question, "test"):
        folds[item.word].add(item.fold)
    assert all(len(of_word) == 1 for of_word in folds.values())


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
def test_cues_stand_on_one_side_of_the_homonym(side: str) -> None:
    topical = {
        f for t in LEXICON.of_side("test") for c in (*t.agents, *t.verbs, *t.places) for f in c.forms
    }  # fmt: skip
    items = write_wic(side, "test")
    assert len(items) >= 1500
    assert len({item.word for item in items}) >= 50
    for item in items:
        for text in item.texts:
            start, end = span_of(text, item.word)
            cue, other = (text[:start], text[end:]) if side == "left" else (text[end:], text[:start])
            cues = {text[slice(*span)] for span in word_spans(text)} & topical
            assert cues
            assert all(word in cue.split() or f"{word}." in cue.split() for word in cues)
            assert not set(other.replace(".", "").split()) & topical


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
def test_wic_labels_are_true_and_balanced(side: str) -> None:
    topic_of = {
        f: t.name for t in LEXICON.of_side("test") for c in (*t.agents, *t.verbs, *t.places) for f in c.forms
    }  # fmt: skip
    items = write_wic(side, "test")
    for item in items:
        senses = [
            {topic_of[text[slice(*span)]] for span in word_spans(text) if text[slice(*span)] in topic_of}
            for text in item.texts
        ]
        assert (senses[0] == senses[1]) == (item.gold == "same")
    for pair in zip(items[0::2], items[1::2], strict=True):
        assert [item.gold for item in pair] == ["same", "different"]
        assert pair[0].texts[0] == pair[1].texts[0]


def test_cues_of_a_pair_are_different_words() -> None:
    topical = {f for t in LEXICON.of_side("test") for c in (*t.agents, *t.verbs) for f in c.forms}
    for item in write_wic("left", "test"):
        first, second = ({text[slice(*s)] for s in word_spans(text)} & topical for text in item.texts)
        assert not first & second


def test_ratings_are_the_thing_and_its_modifier() -> None:
    items = write_norms("test")
    shifts = dict((*LEXICON.modifiers_before, *LEXICON.modifiers_after))
    heavy = {f: c.heaviness for t in LEXICON.of_side("test") for c in t.things for f in c.forms}
    assert len(items) == 12 * 6 * 2 * 10
    for item in items:
        found = [
            s
            for phrase, s in shifts.items()
            if f"{phrase} {item.word}" in item.texts[0] or f"{item.word} {phrase}" in item.texts[0]
        ]
        shift = found[0] if found else 0.0
        assert item.gold == pytest.approx(1 + 8 * min(max(heavy[item.word] + shift, 0), 1))


@pytest.mark.slow
def test_an_encoder_that_sees_everything_is_above_chance() -> None:
    """The labels can be learnt: the cue words themselves are enough."""
    (result,) = SUITE.task("MiniAnimacyBefore").run(OracleEncoder())
    outcomes = result.outcomes
    assert set(outcomes["position"]) == {-3, -2, -1}
    assert outcomes["unit"].nunique() > 100
