"""A cure is a field of a card: every text is read through it, and what it reads and writes counts as cost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.cards import get_card, load_cards
from harness.encoder import rereading
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.encoder.rewriting import ASKED, Rewritten
from harness.errors import HarnessError
from harness.mini import checkpoint_folder
from harness.recipes import Recipe
from harness.rereading import CURES, deduplicate, extract
from harness.run.cost import metered
from harness.sentences import split_sentences
from harness.suites.distractor import REGENERATED
from harness.suites.distractor.reading import Cures
from harness.suites.mini import SUITE
from tests.encoder.test_engine import Ear

TEXTS = [
    "the old man saw a bird. the old man saw a bird. a dog runs.",
    "the old man saw a small bird by the river. a dog runs. the young man saw a small bird. the rain fell.",
    "a dog runs",
    " ",
]


def build(folder: Path | None = None, **recipe: Any) -> Encoder:
    folder = folder or checkpoint_folder()
    made = Recipe.model_validate({"attention": "bidirectional"} | recipe)
    place = Placement(device="cpu", dtype="float32")
    return build_encoder(folder, made, seed=None, place=place, name="mini", revision="1", language_model=folder)


@pytest.mark.parametrize("cure", [name for name, cure in CURES.items() if not cure.writes])
def test_a_text_is_read_as_the_cure_leaves_it(cure: str) -> None:
    plain, encoder = build(), build(reread=cure)
    made = encoder.as_read(TEXTS)
    assert made is not None
    assert made[2:] == TEXTS[2:]
    assert all(set(split_sentences(new)) <= set(split_sentences(text)) for new, text in zip(made, TEXTS, strict=True))
    np.testing.assert_allclose(encoder.encode(TEXTS), plain.encode(made), atol=1e-5)
    np.testing.assert_allclose(encoder.by_layer(TEXTS), plain.by_layer(made), atol=1e-5)
    assert plain.as_read(TEXTS) is None


def test_each_cure_leaves_out_something() -> None:
    assert build(reread="deduplicate").as_read(TEXTS[:1]) == [deduplicate(TEXTS[0])]
    assert deduplicate(TEXTS[0]) == "the old man saw a bird. a dog runs."
    assert build(reread="extract").as_read(TEXTS[:1]) == ["the old man saw a bird. the old man saw a bird."]
    read = build(reread="score-and-drop").as_read(TEXTS[:2])
    assert read is not None
    assert read != TEXTS[:2]


def test_extract_keeps_what_is_nearest_to_the_rest() -> None:
    at = {"One.": (1.0, 0.0), "Two.": (0.9, 0.1), "Odd.": (0.0, 1.0), "Same.": (1.0, 0.0)}
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([at[text] for text in texts], dtype=np.float32)

    assert extract(["One. Odd. Two.", "One. Odd.", "One. Same. One."], embed) == [
        "One. Two.",
        "One. Odd.",
        "One. Same. One.",
    ]
    assert len(asked) == len(set(asked))


def test_a_layer_in_the_middle_is_read_with_all_layers_for_the_cure() -> None:
    encoder, plain = build(reread="score-and-drop", layer=1), build(layer=1)
    made = build(reread="score-and-drop").as_read(TEXTS)
    assert made is not None
    np.testing.assert_allclose(encoder.encode(TEXTS), plain.encode(made), atol=1e-5)


def test_what_a_cure_reads_counts_as_cost() -> None:
    def tokens(**recipe: Any) -> int:
        encoder = build(**recipe)
        encoder.watch = Ear()
        with metered(encoder) as meter:
            encoder.encode(TEXTS)
        assert meter.cost is not None
        return meter.cost.tokens or 0

    plain = tokens()
    assert tokens(reread="deduplicate") < plain
    sentences = sum(build().count_tokens({each for text in TEXTS[:2] for each in split_sentences(text)}))  # type: ignore[arg-type]
    assert tokens(reread="extract") >= plain - 20 + sentences
    assert tokens(reread="score-and-drop") > 3 * plain


def test_regeneration_counts_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.encoder.model.instruction_tokenizer", lambda *_, **__: None)
    monkeypatch.setattr(
        rereading,
        "rewrite",
        lambda system, texts, name: Rewritten(texts=["a dog runs"] * len(texts), tokens=[50] * len(texts)),
    )
    encoder = build(reread="regenerate")
    encoder.watch = ear = Ear()
    assert encoder.as_read(TEXTS) == ["a dog runs"] * 3 + [" "]
    assert [reading.tokens for reading in ear.readings] == [150]


def test_a_base_with_a_chat_template_writes_texts_anew(tmp_path: Path) -> None:
    """The encoder reads texts without the template; the writer asks in it."""
    chat = tmp_path / "mini"
    shutil.copytree(checkpoint_folder(), chat)
    file = chat / "tokenizer_config.json"
    template = "{% for message in messages %}the user: {{ message['content'] }} {% endfor %}the answer:"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": template}))
    encoder = build(chat, reread="regenerate")
    assert encoder.model.tokenizer.chat_template is None
    made = encoder.as_read(TEXTS[:1])
    assert Cures(encoder=build(chat)).of(REGENERATED) is not None

    tokenizer = AutoTokenizer.from_pretrained(chat)
    model = AutoModelForCausalLM.from_pretrained(chat, dtype=torch.float32)
    given = {"add_special_tokens": False, "return_tensors": "pt"}  # a template has its own special tokens
    asked = tokenizer(f"the user: {ASKED.format(text=TEXTS[0])} the answer:", **given)
    room = int(1.2 * tokenizer(TEXTS[0], **given)["input_ids"].shape[1]) + 1
    written = model.generate(**asked, do_sample=False, max_new_tokens=room, pad_token_id=tokenizer.eos_token_id)
    answer = tokenizer.decode(written[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
    assert made == [" ".join(answer.split()) or TEXTS[0]]


def test_a_cure_is_for_reading_and_not_for_training() -> None:
    recipe = Recipe(attention="causal", reread="extract")
    assert recipe.as_trained() == Recipe(attention="causal")
    assert recipe.digest != Recipe(attention="causal").digest
    assert recipe.not_plain == (
        "reads every text anew (reread: extract), which plain sentence-transformers cannot do; a variant without "
        "`reread` has the same weights: export that"
    )
    assert get_card("causal@reread=extract", load_cards()).recipe == load_cards()["causal-extract"].recipe
    trained, cured = (load_cards()[name] for name in ("bidir-supcon", "bidir-supcon-extract"))
    assert trained.recipe == cured.recipe.as_trained()
    assert trained.bases == cured.bases


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(ValidationError, match="no cure is named 'extrat'; did you mean extract"):
        Recipe(attention="causal", reread="extrat")
    with pytest.raises(ValidationError, match="reread together with a layer that a task chooses"):
        Recipe(attention="causal", reread="extract", layer="MiniSTS")
    with pytest.raises(HarnessError, match="mini is no instruction model"):
        build(reread="regenerate")
    encoder = build(reread="extract")
    for ask in (
        lambda: encoder.word_vectors(["a dog"], [(2, 5)]),
        lambda: encoder.token_states(np.array([[1, 2]])),
        lambda: encoder.attention_received([1, 2]),
    ):
        with pytest.raises(
            HarnessError, match=r"mini reads every text anew .* choose tasks of whole texts with --tasks"
        ):
            ask()


def test_what_a_cure_made_is_kept_beside_the_example() -> None:
    (found,) = SUITE.task("MiniSTS").run(build(reread="extract"))
    (plain,) = SUITE.task("MiniSTS").run(build())
    assert plain.made is None
    assert found.shown == plain.shown
    assert found.made is not None
    assert list(found.made) == list(found.shown or {})
    encoder = build(reread="extract")
    example, text = next(iter((found.shown or {}).items()))
    assert found.made[example] == " ⟷ ".join(encoder.as_read(text.split(" ⟷ ")) or [])
