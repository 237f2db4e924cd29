"""The training texts: repeatable, and nothing of the suite in them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from itertools import chain

import pytest

from harness.mini import corpus, grammar
from harness.mini.grammar import EVENT_TEMPLATES, SOCIAL_TEMPLATES, thing_weights
from harness.mini.lexicon import load_lexicon
from harness.mini.sentiment import SENTIMENT_TEMPLATES
from harness.mini.triplets import KINDS, MIX

STREAMS = {
    "pretraining": corpus.pretraining_documents,
    "mntp": corpus.mntp_documents,
    "sentences": corpus.sentences,
    "triplets": corpus.triplets,
}
# Change GENERATOR_VERSION in harness/mini/grammar.py together with these: bases and runs are addressed by it.
GOLDEN = (4, "b9a025459578ebaa")


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_same_seed_same_texts(stream) -> None:  # type: ignore[no-untyped-def]
    assert stream(3, 20) == stream(3, 20)
    assert stream(3, 20) != stream(4, 20)
    assert stream(3, 20)[:10] == stream(3, 10)


def test_streams_differ() -> None:
    assert corpus.pretraining_documents(0, 10) != corpus.mntp_documents(0, 10)


def test_the_version_is_raised_when_the_texts_change() -> None:
    digest = hashlib.sha256()
    for stream in STREAMS.values():
        digest.update(repr(stream(0, 200)).encode())
    assert (grammar.GENERATOR_VERSION, digest.hexdigest()[:16]) == GOLDEN


@pytest.mark.slow
def test_triplets_use_training_topics_and_words_only() -> None:
    lexicon = load_lexicon()
    held_out = {
        form
        for topic in lexicon.of_side("test")
        for concept in (*topic.agents, *topic.things, *topic.places, *topic.verbs, *topic.adjectives)
        for form in concept.forms
    } | set(lexicon.homonyms)
    sentiment = lexicon.sentiment["test"]
    held_out |= {*sentiment.positive, *sentiment.negative, *sentiment.liked, *sentiment.disliked}
    held_out |= {form for verb in lexicon.social_verbs["test"] for form in verb.forms}
    words = {word for text in chain(*corpus.triplets(0, 3000)) for word in re.findall(r"[a-z]+", text.lower())}
    assert not words & held_out


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[A-Z]\}", template)
    return re.compile(".+".join(map(re.escape, parts)) + "$")


def test_triplets_use_no_test_template() -> None:
    held_out = [
        *EVENT_TEMPLATES["test"],
        *chain(*SOCIAL_TEMPLATES["test"]),
        *chain(*SENTIMENT_TEMPLATES["test"].values()),
    ]
    patterns = [_pattern(template) for template in held_out]
    for text in chain(*corpus.triplets(0, 1000)):
        assert not any(pattern.match(text) for pattern in patterns), text


def test_a_batch_of_triplets_holds_all_topics() -> None:
    """In every 48 in a row each of the 12 topics stands behind about four anchors: no single-topic shortcut."""
    lexicon = load_lexicon()
    topic_of = {
        form: topic.name
        for topic in lexicon.of_side("train")
        for concept in (*topic.agents, *topic.things, *topic.verbs)
        for form in concept.forms
    }
    rows = corpus.triplets(0, 48 * 5)
    for start in range(0, len(rows), 48):
        anchors = [anchor for anchor, _, _ in rows[start : start + 48]]
        topics = {topic_of[w] for text in anchors for w in re.findall(r"[a-z]+", text.lower()) if w in topic_of}
        assert len(topics) == 12


def test_mix_is_a_distribution() -> None:
    assert len(KINDS) == len(MIX)
    assert sum(MIX) == pytest.approx(1)


def test_training_texts_hold_no_reserved_sentence() -> None:
    texts = chain(corpus.sentences(0, 2000), chain(*corpus.triplets(0, 1000)))
    assert not any(map(grammar.is_reserved, texts))
    for document in corpus.pretraining_documents(0, 1000):
        assert not any(map(grammar.is_reserved, re.findall(r"[^.]+\.", document.replace(". ", "."))))


def test_siblings_differ_in_the_verbs_they_take() -> None:
    profiles = {tuple(thing_weights(verb)[thing] for verb in range(4)) for thing in range(6)}
    assert len(profiles) == 6


def test_corpus_needs_no_torch() -> None:
    code = "import sys; from harness.mini import corpus; corpus.triplets(0, 5); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
