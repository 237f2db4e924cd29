"""Packed batches: the same loss and gradients as padded ones, and old recipes keep their digests and weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, LlamaConfig, LlamaForCausalLM, Trainer

from harness.bases import Base, resolve_base
from harness.encoder.attention import set_attention
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError, ProofError
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.text_to_vector import Attention
from harness.training import masking, parse_recipe
from harness.training.contrastive import make_loss, prove_texts, set_attention_dropout
from harness.training.lineage import plan_lineage
from harness.training.lora import Lora, add_lora, round_frozen
from harness.training.packed import IGNORED, flat_predictions, prepare, read_packed
from harness.training.stages import train_lineage
from harness.training.supcon import SupconStage
from tests.conftest import TINY_WORDS

CPU = Placement(device="cpu", dtype="float32")
STILL = {"rank": 4, "alpha": 8, "dropout": 0.0}
FIELDS = {"examples": 60, "steps": 3, "batch_size": 8, "max_length": 16, "learning_rate": 1e-2, "lora": STILL}
STAGE = SupconStage(data="text.jsonl", **FIELDS, packed=True)
ATTENTIONS: tuple[Attention, ...] = ("causal", "bidirectional")


def lines(seed: int = 0) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(TINY_WORDS, draw.integers(1, 9))) for _ in range(60)]


def encoder(base: Path, attention: Attention) -> Encoder:
    recipe = Recipe(attention=attention)
    return build_encoder(base, recipe, seed=None, place=CPU, name="tiny", revision="0")


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("at_once", [None, 4])
def test_the_gradient_of_a_packed_batch_is_that_of_a_padded_one(
    tiny_base: Path, attention: Attention, at_once: int | None
) -> None:
    found = []
    for packed in (False, True):
        opened = encoder(tiny_base, attention)
        opened.model.double().train()
        if packed:
            opened.backbone.set_attn_implementation("packed_sdpa")
            read_packed(opened.backbone)
        columns = [lines()[start : start + 12] for start in (0, 12, 24)]
        features = [opened.model.preprocess(column) for column in columns]
        loss = make_loss(opened.model, scale=20.0, at_once=at_once)(features, labels=torch.tensor([]))
        loss.backward()
        found.append((loss.item(), {name: each.grad for name, each in opened.backbone.named_parameters()}))
    (padded, gradient), (flat, again) = found
    assert flat == pytest.approx(padded, rel=1e-9)
    assert max(float(each.abs().max()) for each in gradient.values()) > 1e-3
    assert max(float((gradient[name] - again[name]).abs().max()) for name in gradient) < 1e-9


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_only_hidden_tokens_are_predicted_to_the_same_loss(attention: Attention) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=50, **sizes)).double()
    set_attention(model, attention)
    mask_BT = torch.arange(9) < torch.tensor([[3], [9], [1], [3]])
    ids_BT = torch.randint(1, 50, (4, 9)) * mask_BT
    labels_BT = torch.where((torch.rand(4, 9) < 0.4) & mask_BT, ids_BT, IGNORED)
    inputs = {"input_ids": ids_BT, "attention_mask": mask_BT.long(), "labels": labels_BT}
    losses, gradients = [], []
    for packed in (False, True):
        if packed:
            model.set_attn_implementation("packed_sdpa")
        given = flat_predictions(model.base_model, inputs) if packed else inputs
        made = model(**given, num_items_in_batch=torch.tensor(7))
        losses.append(made.loss.item())
        gradients.append(torch.autograd.grad(made.loss, list(model.parameters())))
    assert made.logits.shape[1] == int((labels_BT[:, 1:] != IGNORED).sum())
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)  # transformers takes losses in float32
    assert max(float(each.abs().max()) for each in gradients[0]) > 1e-3
    assert max(float((one - two).abs().max()) for one, two in zip(*gradients, strict=True)) < 1e-6


def test_weights_that_are_held_in_half_precision_give_the_same_bits() -> None:
    """Autocast rounds a weight at each product; the adapters' gradients do not change by a bit when it is held so."""
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    found = []
    for held in (False, True):
        torch.manual_seed(0)
        model = LlamaForCausalLM(LlamaConfig(vocab_size=50, tie_word_embeddings=True, **sizes))
        model.requires_grad_(False)
        add_lora(model.base_model, Lora())
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.02)
        if held:
            round_frozen(model, torch.bfloat16)
        ids = torch.arange(1, 13)[None]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        found.append({name: each.grad for name, each in model.named_parameters() if each.grad is not None})
    assert model.lm_head.weight.dtype == torch.float32  # the embedding's too
    assert model.model.layers[0].mlp.up_proj.base_layer.weight.dtype == torch.bfloat16
    assert len(found[0]) == 28
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_attention_dropout_reaches_packed_batches(tiny_base: Path) -> None:
    """SimCSE's two views come from it."""
    opened = encoder(tiny_base, "bidirectional")
    opened.backbone.set_attn_implementation("packed_sdpa")
    read_packed(opened.backbone)
    set_attention_dropout(opened.backbone, 0.3)
    views = {}
    for training in (False, True):
        opened.model.train(training)
        features = [opened.model.preprocess(lines()[:12]) for _ in range(2)]
        one, two = (opened.model(each)["sentence_embedding"] for each in features)
        views[training] = float((one - two).detach().abs().max())
    assert views[False] == 0
    assert views[True] > 0.01


def test_a_head_with_weights_of_its_own_is_not_trained(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only adapters are, and their checkpoints hold nothing else."""
    shutil.copytree(tiny_base, tmp_path / "untied")
    model = LlamaForCausalLM.from_pretrained(tiny_base, tie_word_embeddings=False)
    model.save_pretrained(tmp_path / "untied")
    seen: list[str] = []

    def look(trainer: Trainer, *_: object) -> None:
        seen.extend(name for name, weight in trainer.model.named_parameters() if weight.requires_grad)
        raise HarnessError("seen")

    monkeypatch.setattr(masking, "train", look)
    Path("text.txt").write_text("\n".join(lines()))
    with pytest.raises(HarnessError, match="seen"):
        trained(resolve_base(str(tmp_path / "untied")), "mntp", data="text.txt")
    assert len(seen) == 2 * 2 * 7
    assert all("lora_" in name for name in seen)


def test_an_unused_field_leaves_the_recipe_as_it_was() -> None:
    plain = SupconStage(data="text.jsonl", **FIELDS)
    assert "packed" not in plain.model_dump(mode="json")
    assert STAGE.model_dump(mode="json") == plain.model_dump(mode="json") | {"packed": True}


def test_a_base_that_is_not_packed_is_refused() -> None:
    config = LlamaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    backbone = AutoModel.from_config(config, attn_implementation="eager")
    with pytest.raises(HarnessError, match="packed, and tiny cannot be read so: the attention kernel is eager; set"):
        prepare(backbone, STAGE, name="tiny")


def trained(base: Base, kind: str, **more: object) -> dict[str, torch.Tensor]:
    of = parse_recipe(
        {"attention": "bidirectional", "stages": [{"kind": kind, **FIELDS, "data": "text.jsonl", **more}]}
    )
    folder = train_lineage(base, plan_lineage(base, of, 0), cache=cache_folder(), place=CPU)
    return AutoModel.from_pretrained(folder, dtype=torch.float32).state_dict()


def write_rows() -> None:
    rows = [
        {"text": a, "anchor": a, "positive": b, "negative": c} for a, b, c in zip(*map(lines, range(3)), strict=True)
    ]
    Path("text.jsonl").write_text("\n".join(map(json.dumps, rows)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "supcon"])
@pytest.mark.parametrize("more", [{}, {"gradient_checkpointing": True}, {"micro_batch_size": 4}])
def test_a_packed_stage_trains_the_same_weights(tiny_base: Path, kind: str, more: dict[str, object]) -> None:
    """To rounding."""
    write_rows()
    base = resolve_base(str(tiny_base))
    padded, packed, other = (
        trained(base, kind, **more, **one) for one in ({}, {"packed": True}, {"learning_rate": 1e-3})
    )
    gap = max(float((padded[name] - packed[name]).abs().max()) for name in padded)
    far = max(float((padded[name] - other[name]).abs().max()) for name in padded)
    assert 0 < gap < 0.1 * far


def test_texts_that_the_trainer_reads_otherwise_are_refused(tiny_base: Path) -> None:
    model = encoder(tiny_base, "causal").model
    prove_texts(model, lines())
    real = model[0].preprocess
    model[0].preprocess = lambda texts, **options: real([f"a {text}" for text in texts], **options)
    with pytest.raises(ProofError, match="as other tokens than the tokenizer of the base does"):
        prove_texts(model, lines())


CHAT = "{% for message in messages %}<|user|> {{ message['content'] }} <|end|>{% endfor %}"


@pytest.mark.parametrize("packed", [True, False])
def test_a_chat_template_of_the_base_is_not_put_around_texts(tiny_base: Path, tmp_path: Path, packed: bool) -> None:
    """sentence-transformers does so for every tokenizer with a template: the stage trained on other texts."""
    write_rows()
    chat = tmp_path / "chat"
    shutil.copytree(tiny_base, chat)
    file = chat / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": CHAT}))
    plain, other = (
        trained(Base(name="tiny", folder=folder, revision=folder.name), "supcon", packed=packed)
        for folder in (tiny_base, chat)
    )
    assert plain.keys() == other.keys()
    assert all(torch.equal(plain[name], other[name]) for name in plain)
    texts = lines()[:4]
    encoder(chat, "causal").save(tmp_path / "saved")
    assert not (tmp_path / "saved" / "chat_template.jinja").exists()
    read = SentenceTransformer(str(tmp_path / "saved")).encode(texts)
    np.testing.assert_allclose(read, encoder(tiny_base, "causal").encode(texts), atol=1e-6)
