"""Slots: new tokens behind every text, pooled alone; the base and its language model stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer

from harness.bases import Base, resolve_base
from harness.encoder.language_model import build_language_model, load_causal
from harness.encoder.losses import text_losses
from harness.encoder.model import Encoder
from harness.encoder.placement import Placement
from harness.encoder.slots import slots_of
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.training import merging, parse_recipe
from harness.training.lineage import plan_lineage
from harness.training.lora import SLOTS, WEIGHTS
from harness.training.manifests import ADAPTER, read_stage
from harness.training.stages import open_latest, stage_folder, train_lineage
from tests.conftest import TINY_WORDS
from tests.encoder.test_engine import build
from tests.test_families import base as any_base  # noqa: F401  (a fixture)

CPU = Placement(device="cpu", dtype="float32")
TEXTS = [" ".join(TINY_WORDS[start : start + size]) for start, size in ((0, 5), (3, 2), (6, 9), (1, 1))]
MNTP = {"kind": "mntp", "data": "text.txt", "examples": 20, "steps": 2, "batch_size": 4, "max_length": 16}
SIMCSE = {**MNTP, "kind": "simcse", "learning_rate": 0.1}


@pytest.fixture
def base(tiny_base: Path) -> Base:
    draw = np.random.default_rng(0)
    Path("text.txt").write_text("\n".join(" ".join(draw.choice(TINY_WORDS, 8)) for _ in range(20)))
    return resolve_base(str(tiny_base))


def moved(encoder: Encoder) -> Encoder:
    """With vectors that no token of the base has, as after a training."""
    slots = slots_of(encoder.backbone)
    assert slots is not None
    with torch.no_grad():
        slots.copy_(torch.randn(slots.shape, generator=torch.Generator().manual_seed(0)))
    return encoder


@torch.inference_mode()
def by_hand(encoder: Encoder, text: str) -> np.ndarray:
    """One text at a time, from vectors in place of tokens: the base's own for the text, then the slots."""
    slots = slots_of(encoder.backbone)
    assert slots is not None
    ids = encoder.model.tokenizer(text)["input_ids"][: -len(slots)]
    own = torch.nn.functional.embedding(torch.tensor(ids), encoder.backbone.get_input_embeddings().weight)
    read = torch.cat([own, slots])[None]
    mean: np.ndarray = encoder.backbone(inputs_embeds=read).last_hidden_state[0, -len(slots) :].mean(0).numpy()
    return mean


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("count", [1, 4])
def test_the_embedding_is_the_mean_of_the_slots(tiny_base: Path, attention: str, count: int) -> None:
    encoder = moved(build(tiny_base, attention=attention, slots=count))
    wanted = [by_hand(encoder, text) for text in TEXTS]
    assert encoder.reader.padded_because == ""
    for found in (encoder.encode(TEXTS), encoder.encode(TEXTS, batch_size=3)):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    encoder.prove().require()


def test_a_slot_begins_as_the_end_token(tiny_base: Path) -> None:
    encoder = build(tiny_base, attention="causal", slots=1)
    written = build(tiny_base, attention="causal", template="{text}</s>", pooling="lasttoken")
    np.testing.assert_allclose(encoder.encode(TEXTS), written.encode(TEXTS), atol=1e-6)


def test_a_long_text_is_cut_before_the_slots(tiny_base: Path) -> None:
    encoder = moved(build(tiny_base, attention="causal", slots=2, max_length=8))
    long, cut = " ".join(["bird"] * 30), " ".join(["bird"] * 5)  # 8 less BOS and two slots
    np.testing.assert_array_equal(encoder.encode([long]), encoder.encode([cut]))
    assert encoder.truncation_note() == "1 of 2 texts cut at 8 tokens"


def test_a_saved_folder_opens_plainly(tiny_base: Path) -> None:
    encoder = moved(build(tiny_base, attention="bidirectional", slots=3))
    before = encoder.encode(TEXTS)
    encoder.save(Path("out"))
    plain = SentenceTransformer("out", device="cpu")
    np.testing.assert_allclose(plain.encode(TEXTS), before, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)  # saving leaves the system as it was
    assert not any("slots" in name for name in plain[0].model.state_dict())


def test_words_are_read_as_without_slots_under_the_causal_mask(tiny_base: Path) -> None:
    texts, spans = [TEXTS[0]] * 2, [(0, len(TINY_WORDS[0])), (len(TEXTS[0]) - len(TINY_WORDS[4]), len(TEXTS[0]))]
    plain, encoder = (build(tiny_base, attention="causal", **more) for more in ({}, {"slots": 2}))
    np.testing.assert_allclose(moved(encoder).word_vectors(texts, spans), plain.word_vectors(texts, spans), atol=1e-5)


def test_the_language_model_is_that_of_the_base(tiny_base: Path) -> None:
    encoder = moved(build(tiny_base, attention="bidirectional", slots=3))
    language_model = build_language_model(
        encoder.backbone, encoder.model.tokenizer, base=tiny_base, adapters=(), redrawn=False
    )
    plain = load_causal(tiny_base, dtype=torch.float32, device=torch.device("cpu"))
    alone = build(tiny_base).model.tokenizer
    wanted = text_losses(plain, alone, TEXTS, limit=64)
    np.testing.assert_array_equal(language_model.losses(TEXTS).nats, wanted.nats)
    language_model.without_adapters(TEXTS)


@pytest.mark.parametrize("packed", [False, True])
def test_slots_are_trained_alone(base: Base, packed: bool) -> None:
    recipe = parse_recipe({"attention": "causal", "slots": 2, "stages": [{**SIMCSE, "lora": None, "packed": packed}]})
    lineage = plan_lineage(base, recipe, 0)
    folder = train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    assert folder is not None
    assert [path.name for path in (folder / ADAPTER).iterdir()] == [SLOTS]
    trained = open_latest(recipe, last=folder, base=base.folder, seed=0, place=CPU, name="tiny", revision="1")
    start = build(base.folder, attention="causal", slots=2)
    moved_by = {
        name: float((weight - start.backbone.state_dict()[name]).abs().max())
        for name, weight in trained.backbone.state_dict().items()
    }
    assert {name for name, by in moved_by.items() if by > 0} == {"embed_tokens.slots"}
    assert read_stage(folder).trained == 2 * 16
    assert read_stage(folder).weights_sha256 == merging.merged_sha256(trained.backbone)
    assert not np.allclose(trained.encode(TEXTS), start.encode(TEXTS))


@pytest.mark.slow
def test_a_stage_before_the_slots_is_shared_with_the_ladder(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where that holds its adapter alone, both are added to the base's weights."""
    monkeypatch.setattr(merging, "WHOLE_BYTES", 0)
    stages = [{**MNTP, "learning_rate": 1e-2}, SIMCSE]
    with_slots, without = (
        plan_lineage(base, parse_recipe({"attention": "bidirectional", "stages": stages, **more}), 0)
        for more in ({"slots": 2}, {})
    )
    assert with_slots[0].digest == without[0].digest
    assert with_slots[1].digest != without[1].digest
    folder = train_lineage(base, with_slots, cache=cache_folder(), place=CPU)
    assert folder is not None
    assert {path.name for path in (folder / ADAPTER).iterdir()} >= {SLOTS, WEIGHTS}
    assert not (stage_folder(with_slots[0], cache_folder()) / ADAPTER / SLOTS).exists()
    recipe = with_slots[1].recipe
    exact, rounded = (
        open_latest(
            recipe,
            last=folder,
            base=base.folder,
            seed=0,
            place=Placement(device="cpu", dtype=dtype),
            name="tiny",
            revision="1",
        )
        for dtype in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(exact.encode(TEXTS), [by_hand(exact, text) for text in TEXTS], atol=1e-5)
    np.testing.assert_allclose(rounded.encode(TEXTS), exact.encode(TEXTS), atol=0.1)
    with pytest.raises(HarnessError, match="holds 2 slots of width 16, and the system has no slots"):
        open_latest(
            recipe.before_pooling(), last=folder, base=base.folder, seed=0, place=CPU, name="tiny", revision="1"
        )


def test_every_architecture_embeds_slots_as_its_tokens(any_base: Base) -> None:  # noqa: F811
    """Gemma's embedding is scaled, and so are its slots."""
    one = build(any_base.folder, attention="causal", slots=1)
    end = build(any_base.folder, attention="causal", template="{text}</s>", pooling="lasttoken")
    np.testing.assert_allclose(one.encode(TEXTS), end.encode(TEXTS), atol=1e-5)
    one.save(Path("out"))
    np.testing.assert_allclose(SentenceTransformer("out", device="cpu").encode(TEXTS), one.encode(TEXTS), atol=1e-5)


def test_a_tokenizer_without_an_end_token_has_no_place_for_slots(tiny_base: Path, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(tiny_base, tmp_path / "endless"))
    fields = json.loads((folder / "tokenizer_config.json").read_text())
    del fields["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(fields))
    with pytest.raises(HarnessError, match="has no end token, so there is no place for slots"):
        build(folder, slots=2)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slots": 0}, "greater than or equal to 1"),
        ({"slots": 2, "template": "a {text}"}, "slots together with template"),
        ({"slots": 2, "instruction": "say"}, "slots together with template, instruction"),
        ({"slots": 2, "pooled_tokens": "all"}, "or pooled_tokens"),
        ({"slots": 2, "pooling": "lasttoken"}, "with slots the mean of their states is pooled"),
        ({"slots": 8, "max_length": 8}, "8 slots leave no room for a text in max_length 8"),
        ({"slots": 2, "weights": "random"}, "slots on random weights"),
        ({"stages": [{**SIMCSE, "lora": None}]}, "neither lora nor slots, so it trains nothing"),
        ({"slots": 2, "stages": [{**MNTP, "learning_rate": 1, "lora": None}]}, "mntp stage has neither lora nor slots"),
        ({"slots": 2, "stages": [SIMCSE, {**MNTP, "learning_rate": 1}]}, "change the order of stages"),
    ],
)
def test_what_a_card_cannot_say(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        parse_recipe({"attention": "causal", **fields})


def test_a_recipe_without_slots_keeps_its_address() -> None:
    assert "slots" not in Recipe(attention="causal").model_dump()
