"""Each supported architecture: the switch is proven, every stage can be trained, a saved folder opens plainly."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer

from harness.bases import ARCHITECTURES, Base, resolve_base
from harness.encoder.placement import Placement
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.training import parse_recipe
from harness.training.lineage import plan_lineage
from harness.training.stages import train_lineage
from tests.conftest import TINY_WORDS

CPU = Placement(device="cpu", dtype="float32")

SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


@pytest.fixture(params=sorted(ARCHITECTURES))
def base(request: pytest.FixtureRequest, tiny_base: Path) -> Base:
    """A random checkpoint of one architecture, with the tiny tokenizer."""
    folder = Path(shutil.copytree(tiny_base, request.param))
    config_class = getattr(transformers, request.param).config_class
    torch.manual_seed(0)
    config = config_class(**SMALL, vocab_size=80)  # room for the special tokens that Qwen's tokenizer class adds
    getattr(transformers, request.param)(config).save_pretrained(folder)
    return resolve_base(str(folder))


def recipe(attention: str) -> Recipe:
    draw = np.random.default_rng(0)
    Path("text.txt").write_text("\n".join(" ".join(draw.choice(TINY_WORDS, 8)) for _ in range(20)))
    common = {"data": "text.txt", "examples": 20, "steps": 2, "batch_size": 4, "max_length": 16, "learning_rate": 1e-2}
    stages = [{"kind": kind, **common} for kind in ("mntp", "simcse")]
    return parse_recipe({"attention": attention, "stages": stages})


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_the_switch_is_proven_before_and_after_training(base: Base, attention: str) -> None:
    from harness.encoder.model import build_encoder
    from harness.encoder.placement import Placement

    of, place = recipe(attention), Placement(device="cpu", dtype="float32")
    build_encoder(base.folder, of, seed=None, place=place, name="tiny", revision="0").prove().require()
    folder = train_lineage(base, plan_lineage(base, of, 0), cache=cache_folder(), place=CPU)
    assert folder is not None
    trained = build_encoder(folder, of, seed=None, place=place, name="tiny", revision="1")
    trained.prove().require()
    texts = ["the old man saw her", "a cat"]
    plain = SentenceTransformer(str(folder), device="cpu").encode(texts)
    np.testing.assert_allclose(plain, trained.encode(texts), atol=1e-6)
    assert np.abs(plain[0] - plain[1]).max() > 1e-3
