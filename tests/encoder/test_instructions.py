from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mteb
import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from harness.cards import read_card
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.mini import checkpoint_folder
from harness.recipes import Recipe
from tests.suites.small import SmallSTS

CPU = Placement(device="cpu", dtype="float32")
TEXTS = ["the cat sat on the mat", "a dog", "the old man saw her and ran to the big red tree", "dog"]
INSTRUCTION = "saw the bird:"


def build(folder: Path, **recipe) -> Encoder:
    fields = {"attention": "bidirectional"} | recipe
    return build_encoder(folder, Recipe(**fields), seed=None, place=CPU, name="test", revision="1")


def by_hand(encoder: Encoder, text: str, instruction: str) -> np.ndarray:
    """One text, no padding: the mean of the last states, as many as the text alone has tokens."""
    tokens = encoder.model.tokenizer(f"{instruction} {text}", return_tensors="pt")
    own = len(encoder.model.tokenizer(text, add_special_tokens=False)["input_ids"])
    with torch.no_grad():
        states = encoder.backbone(**tokens).last_hidden_state[0]
    return states[-own:].mean(0).numpy()


@pytest.fixture(scope="module", params=["word level", "byte-level BPE"])
def encoder(request: pytest.FixtureRequest, tiny_base: Path) -> Encoder:
    return build(tiny_base if request.param == "word level" else checkpoint_folder())


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_only_the_texts_own_tokens_are_pooled(
    encoder: Encoder, padding: str, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder.model.tokenizer, "padding_side", padding)
    found = encoder.encode(TEXTS, batch_size=batch_size, instruction=INSTRUCTION)
    np.testing.assert_allclose(found, [by_hand(encoder, text, INSTRUCTION) for text in TEXTS], atol=1e-5)
    assert np.abs(found - encoder.encode(TEXTS)).max() > 1e-2


def test_the_boundary_of_bpe_where_counting_the_instruction_goes_wrong() -> None:
    """sentence-transformers' include_prompt=False loses each text's first token: the instruction's space is counted."""
    encoder = build(checkpoint_folder())
    tokenizer = encoder.model.tokenizer
    prompt = f"{INSTRUCTION} "
    counted = len(tokenizer(prompt)["input_ids"])
    in_text = len(tokenizer(prompt + TEXTS[0])["input_ids"]) - len(tokenizer(f" {TEXTS[0]}")["input_ids"]) + 1
    assert counted == in_text + 1
    ours = encoder.encode(TEXTS, instruction=INSTRUCTION)
    transformer, _, pooling = encoder.model
    plain = SentenceTransformer(modules=[transformer, pooling], device="cpu")
    plain.set_pooling_include_prompt(False)
    theirs = plain.encode(TEXTS, prompt=prompt, show_progress_bar=False)
    assert np.abs(ours - theirs).max() > 1e-2


def test_a_long_text_is_cut_and_an_instruction_that_fills_the_limit_is_refused(tiny_base: Path) -> None:
    encoder = build(tiny_base, max_length=8)
    short = encoder.encode(["a dog sat"], instruction="the cat ran")  # BOS, 3, 3: fits
    np.testing.assert_allclose(short[0], by_hand(encoder, "a dog sat", "the cat ran"), atol=1e-5)
    cut = encoder.encode(["a dog sat on the mat"], instruction="the cat ran")
    np.testing.assert_allclose(cut[0], by_hand(encoder, "a dog sat on", "the cat ran"), atol=1e-5)
    with pytest.raises(HarnessError, match="leaves no room"):
        encoder.encode(["a dog"], instruction="the cat ran on the big red mat")


def test_texts_of_no_token_and_no_texts(tiny_base: Path) -> None:
    encoder = build(tiny_base, instruction=INSTRUCTION)
    assert np.isfinite(encoder.encode(["", "dog"])).all()
    assert encoder.encode([]).shape == (0, 16)


def test_a_recipes_instruction_holds_for_whole_systems_and_mteb(tiny_base: Path) -> None:
    plain, instructed = build(tiny_base), build(tiny_base, instruction=INSTRUCTION)
    wanted = plain.encode(TEXTS, instruction=INSTRUCTION)
    np.testing.assert_array_equal(instructed.encode(TEXTS), wanted)
    np.testing.assert_array_equal(instructed.encode(TEXTS, instruction=""), plain.encode(TEXTS))
    model, batches = instructed.for_mteb(), [{"text": TEXTS[:2]}, {"text": TEXTS[2:]}]
    np.testing.assert_array_equal(model.encode(batches, task_metadata=None, hf_split="test"), wanted)
    document = SimpleNamespace(value="document")
    np.testing.assert_array_equal(model.encode(batches, prompt_type=document), plain.encode(TEXTS))
    assert model.mteb_model_meta.name == "harness/test"
    assert float(model.similarity_pairwise(wanted, wanted).min()) == pytest.approx(1.0)


def test_an_instruction_is_part_of_the_address_and_its_absence_is_not() -> None:
    plain, instructed = Recipe(attention="causal"), Recipe(attention="causal", instruction=INSTRUCTION)
    assert plain.digest != instructed.digest
    # the address of this recipe before there were instructions
    assert Recipe(attention="causal").digest.startswith("9832021f")


@pytest.mark.parametrize("wrong", ["", '" "'])
def test_a_card_carries_an_instruction(wrong: str) -> None:
    front = "---\nvariant: {}\ntitle: A test\nattention: causal\ninstruction: {}\n---\n\nWhat it is for.\n"
    Path("told.md").write_text(front.format("told", "Retrieve similar text."))
    assert read_card(Path("told.md")).recipe_on("mini").instruction == "Retrieve similar text."
    Path("mute.md").write_text(front.format("mute", wrong or '""'))
    with pytest.raises(HarnessError, match="instruction"):
        read_card(Path("mute.md"))


def test_each_task_has_its_own_instruction(tiny_base: Path) -> None:
    plain, told = build(tiny_base), build(tiny_base, task_instructions=True)
    asked = {
        "Banking77Classification": "Given a online banking query, find the corresponding intents:",
        "STSBenchmark": "Retrieve semantically similar text:",
        "TwentyNewsgroupsClustering": "Identify the topic or theme of the given news articles:",
    }
    model, batch = told.for_mteb(), [{"text": TEXTS}]
    for name, instruction in asked.items():
        found = model.encode(batch, task_metadata=mteb.get_task(name).metadata, hf_split="test")
        np.testing.assert_array_equal(found, plain.encode(TEXTS, instruction=instruction))
    search = mteb.get_task("FiQA2018").metadata
    query, document = (SimpleNamespace(value=value) for value in ("query", "document"))
    assert told.recipe.prefix(search, query).endswith(":")
    assert told.recipe.prefix(search, document) == ""
    assert told.recipe.prefix(SmallSTS.metadata, None) == "Retrieve semantically similar text:"  # its type's
    np.testing.assert_array_equal(model.encode(batch, task_metadata=search, prompt_type=document), plain.encode(TEXTS))


def test_a_card_has_one_kind_of_instruction() -> None:
    assert Recipe(attention="causal", task_instructions=True).digest != Recipe(attention="causal").digest
    front = "---\nvariant: told\ntitle: A test\nattention: causal\ntask_instructions: true\n{}---\n\nWhat it is for.\n"
    Path("told.md").write_text(front.format(""))
    assert read_card(Path("told.md")).recipe_on("mini").task_instructions
    Path("told.md").write_text(front.format("instruction: Retrieve.\n"))
    with pytest.raises(HarnessError, match="cannot have both"):
        read_card(Path("told.md")).recipe_on("mini")
