"""A text in a template: what is read, which tokens are pooled, at which layer, and what a plain folder makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer

from harness.cards import load_cards
from harness.encoder.model import Encoder
from harness.encoder.tokenizer import TEXTS as TRICKY
from harness.encoder.tokens import tokenise
from harness.errors import HarnessError
from harness.mini import checkpoint_folder
from harness.recipes import Recipe
from harness.templates import Template, prompteol
from tests.encoder.test_engine import build

TEXTS = ["the old man saw a small bird", "A dog runs.", 'why did "she" leave?', "x"]
ECHO = "Rewrite the sentence: {text}, rewritten sentence: {text}"
ASK = 'This sentence : "{text}" means in one word:"'


@torch.inference_mode()
def states_of(encoder: Encoder, ids: list[int]) -> list[np.ndarray]:
    output = encoder.backbone(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return [layer[0].numpy() for layer in output.hidden_states]


def pieces_of(encoder: Encoder, text: str, template: str) -> tuple[list[int], int, int]:
    """By hand: the tokens of `text` in `template`, and where those of its last copy begin and end."""
    tokenizer = encoder.model.tokenizer
    read = lambda part: tokenizer(part, add_special_tokens=False)["input_ids"]  # noqa: E731
    ids, start = tokenizer("")["input_ids"], 0
    *before, behind = template.split("{text}")
    for piece in before:
        space = " " if piece.endswith(" ") else ""
        ids = ids + read(piece[: len(piece) - len(space)])
        start = len(ids)
        ids = ids + read(space + text)
    return ids + read(behind), start, len(ids)


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("template", [ECHO, "{text} {text}", "Rewrite the sentence: {text}"])
def test_a_mean_takes_the_tokens_of_the_last_copy(attention: str, template: str) -> None:
    encoder = build(checkpoint_folder(), attention=attention, template=template)
    wanted = []
    for text in TEXTS:
        ids, start, end = pieces_of(encoder, text, template)
        wanted.append(states_of(encoder, ids)[-1][start:end].mean(0))
    for found in (encoder.encode(TEXTS), encoder.encode(TEXTS, batch_size=3)):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("leading", [False, True])
@pytest.mark.parametrize("pools", ["text", "to_end", "all"])
@pytest.mark.parametrize("pooling", ["mean", "weightedmean", "lasttoken"])
def test_which_tokens_count(pools: str, pooling: str, leading: bool) -> None:
    encoder = build(checkpoint_folder(), template=ASK, pooling=pooling, pooled_tokens=pools, leading_token=leading)
    wanted = []
    for text in TEXTS:
        ids, start, _ = pieces_of(encoder, text, ASK)
        end = start + len(encoder.model.tokenizer(text, add_special_tokens=False)["input_ids"])
        first = len(encoder.model.tokenizer("")["input_ids"]) if pooling == "mean" else 0  # a mean leaves it out
        states = states_of(encoder, ids)[-1][first if pools == "all" else start : end if pools == "text" else None]
        weights = np.arange(1, len(states) + 1) if pooling == "weightedmean" else np.ones(len(states))
        wanted.append(states[-1] if pooling == "lasttoken" else np.average(states, axis=0, weights=weights))
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-5)


@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_the_last_token_of_a_prompt_at_any_layer(layer: int | None) -> None:
    fields: dict[str, Any] = {"pooling": "lasttoken", "template": ASK, "cleaning": "prompteol", "layer": layer}
    encoder = build(checkpoint_folder(), attention="causal", **fields)
    cleaned = ["the old man saw a small bird.", "A dog runs.", "why did 'she' leave.", "x."]
    wanted = [
        states_of(encoder, pieces_of(encoder, text, ASK)[0])[-1 if layer is None else layer][-1] for text in cleaned
    ]
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=2), wanted, atol=1e-5)
    assert len(encoder.word_vectors(["a dog"], [(2, 5)])) == encoder.backbone.config.num_hidden_layers + 1


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(HarnessError, match=r"there is no layer 40; change `layer` in the card"):
        build(checkpoint_folder(), layer=40)


def test_layers_behind_the_one_that_is_read_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = build(checkpoint_folder(), layer=1)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(encoder.backbone.layers[1], "forward", fail)
    encoder.encode(TEXTS)
    with pytest.raises(AssertionError, match="computed"):
        encoder.word_vectors(["a dog"], [(2, 5)])


def test_of_several_templates_the_vectors_are_averaged() -> None:
    both = build(checkpoint_folder(), pooling="lasttoken", template=[ASK, ECHO])
    each = [build(checkpoint_folder(), pooling="lasttoken", template=one).encode(TEXTS) for one in (ASK, ECHO)]
    np.testing.assert_allclose(both.encode(TEXTS), sum(each) / 2, atol=1e-5)


def test_each_copy_is_cut_for_itself_and_the_words_around_it_never() -> None:
    encoder = build(checkpoint_folder(), template=ECHO, max_length=40)
    text = "the old man saw a small bird by the river " * 5
    read = encoder.model.tokenizer
    around = sum(len(read(words, add_special_tokens=False)["input_ids"]) for words in Template(ECHO).words)
    room = (40 - around - len(read("")["input_ids"])) // 2
    tokens = tokenise(encoder.model.tokenizer, [text], limit=40, how=encoder.recipe, template=Template(ECHO))
    assert tokens.cut == (0,)
    assert tokens.pooled[0].sum() == room
    assert len(tokens.ids[0]) == around + len(read("")["input_ids"]) + 2 * room
    own = read.decode(tokens.ids[0][tokens.pooled[0] == 1])
    assert len(own) > 10
    assert f" {text}".startswith(own)
    encoder.encode([text, "a dog"])
    assert encoder.truncation_note() == "1 of 2 texts cut at 40 tokens"


def test_a_word_in_the_second_copy_has_seen_what_stands_behind_it() -> None:
    texts = ["the old man saw a bird", "the old man saw a tree"]
    words = [(8, 11)] * 2  # man
    echo = build(checkpoint_folder(), attention="causal", template=ECHO).word_vectors(texts, words)
    plain = build(checkpoint_folder(), attention="causal").word_vectors(texts, words)
    assert np.abs(plain[:, 0] - plain[:, 1]).max() == 0
    assert np.abs(echo[-1, 0] - echo[-1, 1]).max() > 1e-3
    encoder = build(checkpoint_folder(), attention="causal", template=ECHO)
    ids, start, _ = pieces_of(encoder, texts[0], ECHO)
    piece = encoder.model.tokenizer(" the old", add_special_tokens=False)["input_ids"]
    until = encoder.model.tokenizer(" the old man", add_special_tokens=False)["input_ids"]
    wanted = [layer[start + len(piece) : start + len(until)].mean(0) for layer in states_of(encoder, ids)]
    np.testing.assert_allclose(echo[:, 0], wanted, atol=1e-5)


def test_an_empty_text_has_no_tokens_to_pool_and_does_not_stop_a_prompt() -> None:
    np.testing.assert_array_equal(build(checkpoint_folder(), template=ECHO).encode([""]), 0)
    assert np.isfinite(build(checkpoint_folder(), template=ASK, pooling="lasttoken").encode([""])).all()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("a dog", "a dog."), ("a dog.", "a dog."), ("why?", "why."), ('"so"', "'so'"), ("it's'", "it's'"), ("", "")],
)
def test_the_cleaning_of_prompteol(text: str, cleaned: str) -> None:
    assert prompteol(text) == cleaned


@pytest.mark.parametrize(
    "fields",
    [
        {"template": ASK, "pooling": "lasttoken"},
        {"template": "Read this: {text}", "pooling": "weightedmean"},
        {"template": "Read this: {text} again", "pooling": "mean", "pooled_tokens": "all"},
    ],
)
@pytest.mark.parametrize("base", ["mini", "word level"])
def test_a_saved_folder_puts_the_template_around_a_text(fields: dict[str, Any], base: str, tiny_base: Path) -> None:
    encoder = build(checkpoint_folder() if base == "mini" else tiny_base, max_length=48, **fields)
    assert not encoder.recipe.not_plain
    encoder.save(Path("saved"))
    plain = SentenceTransformer("saved", device="cpu")
    texts = [*TRICKY[::9], *TEXTS, "the dog saw the old man " * 30]
    np.testing.assert_allclose(plain.encode(texts, show_progress_bar=False), encoder.encode(texts), atol=1e-5)


def test_a_saved_folder_cleans_a_text_where_its_tokenizer_can(tiny_base: Path) -> None:
    fields: dict[str, Any] = {"template": ASK, "cleaning": "prompteol", "pooling": "lasttoken"}
    encoder = build(tiny_base, **fields)
    encoder.save(Path("saved"))
    plain = SentenceTransformer("saved", device="cpu")
    np.testing.assert_allclose(plain.encode(TEXTS, show_progress_bar=False), encoder.encode(TEXTS), atol=1e-5)
    # "_" is a token of its own there, around which the parts of a text are cleaned each by itself
    with pytest.raises(HarnessError, match=r"reads 'snake_case' in its template in a way that plain"):
        build(checkpoint_folder(), **fields).save(Path("mini"))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"template": ECHO}, "reads every text more than once"),
        ({"template": [ASK, ASK]}, "averages the vectors of several templates"),
        ({"template": ASK}, "pools only a part of what is read in its template"),
        ({"template": ASK, "pooled_tokens": "to_end"}, "pools only a part of what is read"),
        ({"layer": 1}, "pools the states of layer 1"),
        ({"cleaning": "prompteol"}, "cleans every text"),
    ],
)
def test_what_plain_sentence_transformers_cannot_do(fields: dict[str, Any], why: str) -> None:
    assert Recipe(attention="causal", **fields).not_plain.startswith(why)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"template": "This sentence means"}, r"has no place for the text; write \{text\} where it stands"),
        ({"template": ASK, "suffix": "!"}, "a template together with"),
        ({"template": ASK, "instruction": "read"}, "a template together with"),
        ({"cleaning": "promptoel"}, "did you mean prompteol"),
        ({"pooling": "weighted"}, "did you mean weightedmean"),
        ({"layer": -1}, "-1 is no layer; write a number from 0 on"),
    ],
)
def test_bad_fields_are_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Recipe(attention="causal", **fields)


def test_a_template_that_fills_the_limit() -> None:
    with pytest.raises(HarnessError, match=r"the template .* leaves no room for a text: the system reads 6 tokens"):
        build(checkpoint_folder(), template=ECHO, max_length=6).encode(["a dog"])


def test_recipes_of_before_keep_their_digests() -> None:
    assert load_cards()["causal"].recipe.digest.startswith("9832021fdda9ca4e")
    assert load_cards()["bidir-supcon"].recipe.digest.startswith("f2d30b081eebdd02")
    assert Recipe(attention="causal", layer=0).digest != Recipe(attention="causal").digest
