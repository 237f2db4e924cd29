"""The sentence tasks: labels true by construction, nothing given away by words, mteb runs them."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import chain, islice

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.mini import corpus, grammar
from harness.mini.lexicon import load_lexicon
from harness.suites.mini import SUITE, TASKS, Draw
from harness.suites.mini.generated import generate
from harness.suites.mini.pairs import PART_WEIGHTS, graded_pairs, paraphrase_pairs, role_pairs, similarity
from harness.suites.mini.sentiment import judgements
from harness.suites.mini.topics import topic_majorities, topic_mentions

SENTENCE_TASKS = [task.name for task in TASKS if not task.is_word_task]
LEXICON = load_lexicon()


@cache
def _texts(name: str, draw: Draw = "test") -> list[str]:
    task = SUITE.task(name).drawn(draw).make()
    task.load_data()
    splits = task.dataset["default"].values()
    return [text for split in splits for column in split.column_names if column not in {"score", "label", "labels"}
            for text in split[column]]  # fmt: skip


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


@pytest.mark.parametrize("name", SENTENCE_TASKS)
def test_metadata_is_whole_and_valid(name: str) -> None:
    listed = SUITE.task(name)
    task = listed.make()
    task.metadata._validate_metadata()
    assert (task.metadata.name, task.metadata.type) == (name, listed.task_type)
    assert task.metadata.revision == listed.revision
    assert listed.drawn("dev").make().metadata.revision == listed.drawn("dev").revision != listed.revision
    assert listed.make().metadata.revision == listed.revision  # a dev task leaves no trace
    assert len(set(_texts(name))) == listed.cost


@pytest.mark.slow
@pytest.mark.parametrize("name", SENTENCE_TASKS)
def test_draws_are_repeatable_and_different(name: str) -> None:
    known = _texts(name)
    generate.cache_clear()
    assert _texts.__wrapped__(name) == known
    assert _texts(name) != _texts(name, "dev")


@pytest.mark.slow
def test_no_text_of_the_suite_is_a_training_text() -> None:
    """The reservation rule makes this true for every seed; here it is looked at for one."""
    suite = set(chain.from_iterable(map(_texts, SENTENCE_TASKS)))
    trained = set(corpus.sentences(1, 6000)) | set(chain(*corpus.triplets(1, 3000)))
    for document in corpus.pretraining_documents(0, 3000):
        trained |= set(re.findall(r"[^.]+\.", document.replace(". ", ".")))
    assert not suite & trained


@pytest.mark.parametrize("name", SENTENCE_TASKS)
def test_no_topical_word_of_the_training_side(name: str) -> None:
    trained = {
        form for t in LEXICON.of_side("train") for c in (*t.agents, *t.things, *t.verbs, *t.places) for form in c.forms
    }  # fmt: skip
    words = {word for text in _texts(name) for word in _words(text)}
    assert not words & trained
    assert not words & set(LEXICON.homonyms)


def test_similarity_follows_the_meaning() -> None:
    topic, other = LEXICON.of_side("test")[:2]
    event = grammar.sample_event(topic, random.Random(0))
    assert similarity(event, event) == 5
    assert similarity(event, grammar.sample_event(other, random.Random(0))) == 0
    for part, weight in PART_WEIGHTS.items():
        sibling = next(c for c in getattr(topic, f"{part}s") if c != getattr(event, part))
        assert similarity(event, replace(event, **{part: sibling})) == pytest.approx(5 * (1 - 0.75 * weight))


def _content(text: str) -> set[str]:
    topical = {
        form for t in LEXICON.of_side("test") for c in (*t.agents, *t.things, *t.verbs) for form in c.forms
    } | {form for verb in LEXICON.social_verbs["test"] for form in verb.forms}  # fmt: skip
    return set(_words(text)) & topical


@pytest.mark.slow
def test_paraphrases_and_near_misses_share_equally_many_words() -> None:
    pairs = list(islice(paraphrase_pairs(LEXICON, random.Random(0)), 3000))
    shared = {label: [len(_content(a) & _content(b)) for a, b, score in pairs if score == label] for label in (0, 1)}
    assert len(shared[0]) == len(shared[1]) == 1500
    assert abs(np.mean(shared[0]) - np.mean(shared[1])) < 0.08


def _read(text: str, templates: list[str]) -> dict[str, str]:
    """The words in the slots of the template that `text` was made from."""
    for template in templates:
        pattern = re.sub(r"\\\{([A-Z])\\\}", r"(?P<\1>[a-z]+)", re.escape(template))
        if found := re.fullmatch(pattern, text):
            return found.groupdict()
    raise AssertionError(text)


CONCEPT_OF = {
    form: (topic.name, concept.kind, concept.index)
    for topic in LEXICON.of_side("test")
    for concept in (*topic.agents, *topic.things, *topic.verbs)
    for form in concept.forms
}


@pytest.mark.parametrize("write", [graded_pairs, paraphrase_pairs])
def test_gold_scores_are_what_the_sentences_say(write) -> None:  # type: ignore[no-untyped-def]
    """Read the meanings back from the texts, apart from the code that wrote them."""
    templates = list(grammar.EVENT_TEMPLATES["test"])
    for *texts, gold in islice(write(LEXICON, random.Random(1)), 400):
        first, second = (_read(text, templates) for text in texts)
        score = 0.0
        for slot, weight in {"A": 0.3, "V": 0.35, "T": 0.35}.items():
            a, b = (CONCEPT_OF[words.get(slot) or words["B"]] for words in (first, second))
            score += weight * (1 if a == b else 0.25 if a[0] == b[0] else 0)
        assert gold == (pytest.approx(5 * score) if write is graded_pairs else float(score > 0.99))


def test_role_labels_are_what_the_sentences_say() -> None:
    templates = list(chain(*grammar.SOCIAL_TEMPLATES["test"]))
    for *texts, gold in islice(role_pairs(LEXICON, random.Random(1)), 400):
        first, second = (_read(str(text), templates) for text in texts)
        assert gold == float(first == second)
        assert {first["A"], first["B"]} == {second["A"], second["B"]}


def test_role_pairs_differ_in_nothing_but_roles() -> None:
    pairs = list(islice(role_pairs(LEXICON, random.Random(0)), 1000))
    for (first, same, one), (first_again, swapped, zero) in zip(pairs[0::2], pairs[1::2], strict=True):
        assert (one, zero) == (1, 0)
        assert first == first_again
        assert Counter(_words(same)) == Counter(_words(swapped))
        assert same != swapped


def test_graded_pairs_cover_the_scale() -> None:
    scores = np.array([score for _, _, score in islice(graded_pairs(LEXICON, random.Random(0)), 1000)])
    assert scores.min() == 0
    assert scores.max() == 5
    assert np.histogram(scores, bins=5)[0].min() > 50


def test_topic_labels_are_the_majority_and_words_are_not_shared() -> None:
    topic_of = {f: t.name for t in LEXICON.of_side("test") for c in (*t.agents, *t.things) for f in c.forms}
    seen = []
    for half in (0, 1):
        texts, labels = topic_majorities(LEXICON, random.Random(0), 240, half)
        nouns = [[word for word in _words(text) if word in topic_of] for text in texts]
        for text_nouns, label in zip(nouns, labels, strict=True):
            counts = Counter(topic_of[noun] for noun in text_nouns)
            assert counts.most_common() == [(label, 2), *[(t, 1) for t in counts if t != label]]
        assert set(Counter(labels).values()) == {20}
        seen.append(set(chain(*nouns)))
    assert not seen[0] & seen[1]


def test_clustered_sentences_hold_one_topical_word() -> None:
    topic_of = {f: t.name for t in LEXICON.of_side("test") for c in (*t.agents, *t.things) for f in c.forms}
    for text, label in zip(*topic_mentions(LEXICON, random.Random(0), 120), strict=True):
        assert [topic_of[word] for word in _words(text) if word in topic_of] == [label]


def test_judgements_are_balanced_and_their_polarity_is_true() -> None:
    words = LEXICON.sentiment["test"]
    polarity = dict.fromkeys((*words.positive, *words.liked), 1) | dict.fromkeys((*words.negative, *words.disliked), 0)
    texts, labels = judgements(LEXICON, random.Random(0), 600, 0)
    assert sum(labels) == 300
    right = 0
    for text, label in zip(texts, labels, strict=True):
        found = [polarity[word] for word in _words(text) if word in polarity]
        negated = any(negator in text for negator in words.negators)
        # The last evaluation word decides; a negator turns it.
        assert (found[-1] != negated) == bool(label), text
        right += (np.mean(found) > 0.5) == bool(label) and len(set(found)) == 1
    assert right / len(texts) == pytest.approx(1 / 3, abs=0.02)  # counting words is right in the plain third only


def test_the_catalogue_is_cheap() -> None:
    code = (
        "import sys; from harness.suites.mini import SUITE; assert len(SUITE.names) == 13; "
        "assert not {'torch', 'mteb', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_explained() -> None:
    with pytest.raises(HarnessError, match="MiniSTS"):
        SUITE.task("MiniST")
    with pytest.raises(HarnessError, match="dev"):
        SUITE.task("MiniSTS").drawn("devv")  # type: ignore[arg-type]
    assert len(set(SUITE.names)) == len(TASKS)
