"""The words: what the suite's claims rest on."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.mini import lexicon as module
from harness.mini.lexicon import load_lexicon


def test_sides_are_equal_and_disjoint() -> None:
    lexicon = load_lexicon()
    train, test = lexicon.of_side("train"), lexicon.of_side("test")
    assert len(train) == len(test) == 12
    forms = [
        {form for topic in side for kind in ("agents", "things", "places", "verbs", "adjectives")
         for concept in getattr(topic, kind) for form in concept.forms}
        for side in (train, test)
    ]  # fmt: skip
    assert not forms[0] & forms[1]
    assert not (forms[0] | forms[1]) & set(lexicon.homonyms)
    for words in ("positive", "negative", "liked", "disliked", "negators"):
        assert not set(getattr(lexicon.sentiment["train"], words)) & set(getattr(lexicon.sentiment["test"], words))
    social = [{form for verb in lexicon.social_verbs[side] for form in verb.forms} for side in ("train", "test")]
    assert not social[0] & social[1]


def test_every_homonym_has_two_held_out_senses() -> None:
    lexicon = load_lexicon()
    held_out = {topic.name for topic in lexicon.of_side("test")}
    assert len(lexicon.homonyms) >= 60
    for form, (first, second) in lexicon.homonyms.items():
        assert first.topic != second.topic
        assert {first.topic, second.topic} <= held_out
        assert form in first.homonyms
        assert form in second.homonyms


def test_neutral_words_name_no_topic() -> None:
    lexicon = load_lexicon()
    neutral = lexicon.neutral
    words = {
        word.lower()
        for phrases in (
            neutral.openers,
            neutral.people,
            neutral.adverbs,
            neutral.perceived,
            neutral.where,
            neutral.when,
        )
        for phrase in phrases
        for word in phrase.split()
    }
    topical = {f for t in lexicon.topics for c in (*t.agents, *t.things, *t.verbs) for f in c.forms}
    assert not words & (topical | set(lexicon.homonyms))


def test_things_of_a_topic_span_the_weights() -> None:
    for topic in load_lexicon().topics:
        weights = [thing.heaviness for thing in topic.things]
        assert min(weights) <= 0.125
        assert max(weights) >= 0.75


def test_a_word_with_two_meanings_is_refused(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    broken = module.LEXICON_FILE.read_text(encoding="utf-8").replace("[violin, fiddle, 3]", "[violin, sailor, 3]")
    file = tmp_path / "lexicon.yaml"
    file.write_text(broken, encoding="utf-8")
    monkeypatch.setattr(module, "LEXICON_FILE", file)
    with pytest.raises(HarnessError, match="sailor"):
        load_lexicon.__wrapped__()
