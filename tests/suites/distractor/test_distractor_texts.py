"""What is done to a text, and against it: by hand-made texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness.encoder.rewriting import instruction_tokenizer, kept_of
from harness.errors import HarnessError
from harness.mini import checkpoint_folder
from harness.rereading import score_and_drop
from harness.sentences import split_sentences
from harness.suites.distractor import cures
from harness.suites.distractor.texts import FIRST, Condition, Example, Pool, conditions, distract

TEXT = "a b c d"
OTHERS = ("v w x", "y z q r s t.")


def said(place: str, amount: float) -> str:
    return distract(TEXT, Condition(place=place, amount=amount), OTHERS)  # type: ignore[arg-type]


def test_a_passage_has_its_length_and_its_place() -> None:
    assert said("before", 1) == "v w x. y. a b c d"
    assert said("after", 0.5) == "a b c d. v w."
    assert said("around", 2) == "v w x. y. a b c d. z q r s."
    assert said("repeated", 2) == "a b c d. a b c d. a b c d."


def test_a_sentence_of_the_text_is_said_again_in_its_place() -> None:
    found = split_sentences(distract("One two. Three four. Five six.", Condition(place="repeated", amount=4), ()))
    assert len(found) == 7
    assert sorted(found.count(each) for each in set(found)) == [1, 1, 5]
    assert list(dict.fromkeys(found)) == ["One two.", "Three four.", "Five six."]


@pytest.mark.parametrize(("text", "donors"), [(" ", OTHERS), (TEXT, ("", " ")), (TEXT, ("v",))])
def test_a_text_and_a_passage_need_words(text: str, donors: Sequence[str]) -> None:
    with pytest.raises(HarnessError, match=r"has no words|the passage has"):
        distract(text, FIRST, donors)


def test_both_texts_of_a_pair_get_passages_of_their_own() -> None:
    pool = Pool(texts=tuple(f"word{n} other{n} third{n}" for n in range(30)), topics=(None,) * 30)
    pair = ("alpha beta gamma", "delta beta word7")
    example = Example(texts=pair, donors=pool.donors(pair, None))
    one, two = example.distracted(Condition(place="before", amount=1, both=True))
    assert not {*one.split()} & {*two.split()} - {"beta"}
    assert "word7" not in one
    assert example.distracted(FIRST)[1] == pair[1]
    assert pool.donors(pair, None) == example.donors
    with pytest.raises(HarnessError, match="too few texts are on other topics"):
        Pool(texts=("a b", "c d"), topics=(1, 1)).donors(("e f",), 1)


def test_a_passage_is_on_another_topic_where_topics_are_known() -> None:
    pool = Pool(texts=("a a a a a a a a", "b b b b b b b b"), topics=(1, 2))
    assert pool.donors(("a a",), 1) == (("b b b b b b b b",),)


def test_the_conditions_are_all_of_them_once() -> None:
    names = [each.name for each in conditions(pairs=True)]
    assert len(names) == len(set(names)) == 16
    assert names[:12] == [each.name for each in conditions(pairs=False)]
    assert FIRST in conditions(pairs=False)


VECTORS = {"Dogs run.": (1, 0), "Dogs bark.": (0.9, 0.1), "Tax rose a bit.": (-0.2, 1)}


def embed(texts: Sequence[str]) -> np.ndarray:
    return np.array([VECTORS[text] for text in texts], dtype=np.float32)


def test_extraction_keeps_what_is_like_the_rest_up_to_the_length() -> None:
    text = "Dogs run. Tax rose a bit. Dogs bark."
    assert cures.extract([text, text, text], [2, 4, 8], embed) == ["Dogs bark.", "Dogs run. Dogs bark.", text]
    assert cures.extract(["Dogs run."], [1], embed) == ["Dogs run."]


def test_of_two_sentences_extraction_draws() -> None:
    pairs = [f"Dogs run{'.' * n} Tax rose a bit." for n in range(1, 40)]
    found = cures.extract(pairs, [3] * len(pairs), lambda every: np.array([(1, len(each) % 2) for each in every]))
    first = sum(each.startswith("Dogs") for each in found)
    assert 5 < first < len(pairs) - 5


def test_random_extraction_is_the_same_for_the_same_text() -> None:
    text = "One two. Three four. Five six."
    assert cures.random_extract(text, 2) == cures.random_extract(text, 2)
    assert cures.random_extract(text, 2) in split_sentences(text)


def test_a_sentence_goes_where_the_rest_costs_less_without_it() -> None:
    # Behind "Bad." a word costs 3, else 1: of the three sentences it alone makes the others dearer.
    def nats(texts: Sequence[str]) -> np.ndarray:
        costs = []
        for text in texts:
            before = text.split(" Bad.")[0] if " Bad." in text else text
            dear = text.startswith("Bad. ") or " Bad. " in text
            after = len(text.split("Bad. ")[-1].split()) if dear else 0
            costs.append(float(len(text.split()) + 2 * after) + 0 * len(before))
        return np.array(costs)

    assert score_and_drop(["One two. Bad. Three four."], nats) == ["One two. Three four."]
    assert score_and_drop(["One two."], nats) == ["One two."]
    whole = score_and_drop(["Bad. Worse."], lambda texts: np.array([float(len(t)) for t in texts]) ** 2)
    assert whole == ["Bad. Worse."], "where each would go, none is known to belong to the text"


def test_the_gate_counts_words_in_their_order() -> None:
    assert kept_of("A dog ran.", "a dog ran") == 1
    assert kept_of("a b c d", "d c b a") == 0.25
    assert kept_of("", "a") == 0


def test_a_base_without_a_chat_template_is_no_instruction_model() -> None:
    with pytest.raises(HarnessError, match="mini is no instruction model"):
        instruction_tokenizer(checkpoint_folder(), name="mini")
