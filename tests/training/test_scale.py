"""Batches in parts, gradient checkpointing, bfloat16, several processes: the same training, computed otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from harness.bases import resolve_base
from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.training import parse_recipe
from harness.training.contrastive import make_loss
from harness.training.lineage import plan_lineage
from harness.training.stages import train_lineage
from tests.cli.conftest import Run, harness  # noqa: F401  the command in this process
from tests.conftest import TINY_WORDS

CPU = Placement(device="cpu", dtype="float32")
STILL = {"rank": 4, "alpha": 8, "dropout": 0.0}  # without dropout two ways of computing can be compared


@pytest.fixture(autouse=True)
def _text() -> None:
    draw = np.random.default_rng(0)
    lines = [" ".join(draw.choice(TINY_WORDS, draw.integers(4, 9))) for _ in range(60)]
    Path("text.txt").write_text("\n".join(lines))
    rows = [{"anchor": line, "positive": line[2:], "negative": lines[i - 7][1:]} for i, line in enumerate(lines)]
    Path("triplets.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def stage(kind: str, **more) -> dict:
    data = "triplets.jsonl" if kind == "supcon" else "text.txt"
    common = {"examples": 60, "steps": 4, "batch_size": 8, "max_length": 16, "learning_rate": 1e-2, "lora": STILL}
    return {"kind": kind, "data": data, **common, **more}


def trained(tiny_base: Path, kind: str, **more) -> dict[str, torch.Tensor]:
    base = resolve_base(str(tiny_base))
    of = parse_recipe({"attention": "bidirectional", "stages": [stage(kind, **more)]})
    folder = train_lineage(base, plan_lineage(base, of, 0), cache=cache_folder(), place=CPU)
    return AutoModel.from_pretrained(folder, dtype=torch.float32).state_dict()


def gap(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    return max(float((one[name] - two[name]).abs().max()) for name in one)


def test_cached_gradients_are_the_gradients(tiny_base: Path) -> None:
    """Loss and gradient of a batch of 12 in parts of 4 equal those of the whole batch, in double precision."""
    texts = Path("text.txt").read_text().splitlines()
    columns = [texts[:12], texts[12:24], texts[24:36]]
    found = []
    for part in (None, 4):
        encoder = build_encoder(
            tiny_base, Recipe(attention="bidirectional"), seed=None, place=CPU, name="tiny", revision="0"
        )
        encoder.model.double().train()
        loss = make_loss(encoder.model, scale=50.0, at_once=part)(
            [encoder.model.preprocess(column) for column in columns], labels=torch.tensor([])
        )
        loss.backward()
        weights = encoder.backbone.named_parameters()
        found.append((loss.item(), {name: weight.grad for name, weight in weights if weight.grad is not None}))
    (whole, gradient), (parts, cached) = found
    assert parts == pytest.approx(whole, rel=1e-9)
    assert gradient.keys() == cached.keys()
    assert max(float(value.abs().max()) for value in gradient.values()) > 1e-3
    assert gap(gradient, cached) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "supcon"])
def test_a_batch_in_parts_trains_the_same_weights(tiny_base: Path, kind: str) -> None:
    whole, parts = trained(tiny_base, kind), trained(tiny_base, kind, micro_batch_size=2)
    assert gap(whole, parts) < 1e-4
    assert gap(whole, trained(tiny_base, kind, batch_size=4)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "simcse"])
def test_gradient_checkpointing_changes_nothing(tiny_base: Path, kind: str) -> None:
    assert gap(trained(tiny_base, kind), trained(tiny_base, kind, gradient_checkpointing=True)) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "supcon"])
def test_bfloat16_trains_nearly_the_same(tiny_base: Path, kind: str) -> None:
    exact, rough = trained(tiny_base, kind), trained(tiny_base, kind, precision="bfloat16")
    assert 0 < gap(exact, rough) < 0.2


@pytest.mark.slow
def test_two_processes_train_the_same_stages(tiny_base: Path, harness: Run) -> None:  # noqa: F811
    """Batches dealt to two processes give the weights of one process, to rounding, in both stages of a card.

    accelerate launches CPU processes only through MPI, so torchrun starts them; what they find is the same.
    """
    stages = ", ".join(json.dumps(stage(kind)) for kind in ("mntp", "supcon"))
    Path("model_cards").mkdir()
    Path("model_cards/dealt.md").write_text(
        f"---\nvariant: dealt\ntitle: dealt\nattention: bidirectional\nstages: [{stages}]\n---\n\nDealt.\n"
    )
    train = ("train", "--variant", "dealt", "--base", str(tiny_base), "--device", "cpu")
    code, _, said = harness(*train)
    assert code == 0, said
    assert "on 2 processes" not in said
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "harness", *train]
    environment = {**os.environ, "HARNESS_CACHE": str(Path("together").absolute())}
    done = subprocess.run([sys.executable, *launch], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("on 2 processes") == 2
    one, two = (
        {path.parent.name: path.parent for path in (cache / "stages").glob("*/stage.json")}
        for cache in (cache_folder(), Path("together"))
    )
    assert one.keys() == two.keys()
    assert len(one) == 2
    for name, folder in one.items():
        alone, together = (
            AutoModel.from_pretrained(each, dtype=torch.float32).state_dict() for each in (folder, two[name])
        )
        assert gap(alone, together) < 1e-4, folder
