"""Published adapters in place of training: merged in order, and refused where they do not belong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM

from harness.bases import Base, resolve_base
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.training import parse_recipe
from harness.training.lineage import plan_lineage
from harness.training.lora import merge_adapter
from harness.training.stages import stage_folder, train_lineage
from tests.adapters import publish

CPU = Placement(device="cpu", dtype="float32")

IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture
def base(tiny_base: Path) -> Base:
    return resolve_base(str(tiny_base))


def states(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return AutoModel.from_pretrained(folder, dtype=torch.float32).eval()(IDS).last_hidden_state


def recipe(*adapters: dict) -> Recipe:
    return parse_recipe({"attention": "causal", "stages": [{"kind": "adapter", **each} for each in adapters]})


def test_adapters_are_merged_in_order(base: Base, tiny_base: Path) -> None:
    first = publish(tiny_base, "first")
    second = publish(tiny_base, "second", seed=1, model=AutoModelForCausalLM)
    of = recipe({"source": str(first)}, {"source": str(second), "data": ["org/pairs"]})
    assert not of.seeded
    lineage = plan_lineage(base, of, 0)
    folder = train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    assert folder == stage_folder(lineage[1], cache_folder())
    # By PEFT itself: the second was saved from a model with an LM head, so it is merged into one.
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    model.model = PeftModel.from_pretrained(model.model, str(first)).merge_and_unload()
    model = PeftModel.from_pretrained(model, str(second)).merge_and_unload().eval()
    with torch.no_grad():
        torch.testing.assert_close(states(folder), model.model(IDS).last_hidden_state)
    assert not torch.allclose(states(folder), states(stage_folder(lineage[0], cache_folder())))
    manifest = json.loads((folder / "stage.json").read_text())
    assert manifest["data"]["sources"] == [str(second), "org/pairs"]
    assert manifest["name"] == "adapter second"


@pytest.mark.slow
def test_a_trained_stage_keeps_its_adapter_apart(base: Base, tiny_base: Path) -> None:
    Path("text.txt").write_text("the old man saw her\n" * 20 + "a cat sat on the mat\n" * 20)
    stage = {"kind": "mntp", "data": "text.txt", "examples": 40, "steps": 3, "batch_size": 4, "max_length": 16}
    of = parse_recipe({"attention": "bidirectional", "stages": [{**stage, "learning_rate": 1e-2}]})
    folder = train_lineage(base, plan_lineage(base, of, 0), cache=cache_folder(), place=CPU)
    assert folder is not None
    again = PeftModel.from_pretrained(
        AutoModel.from_pretrained(tiny_base, dtype=torch.float32), str(folder / "adapter")
    ).merge_and_unload()
    merged = AutoModel.from_pretrained(folder, dtype=torch.float32).state_dict()
    for name, weight in again.state_dict().items():
        torch.testing.assert_close(merged[name], weight, rtol=0, atol=1e-6)


def test_the_address_is_what_the_adapter_holds(base: Base, tiny_base: Path) -> None:
    digest = plan_lineage(base, recipe({"source": str(publish(tiny_base, "one"))}), 0)[0].digest
    copied = shutil.copytree("one", "copy")
    assert plan_lineage(base, recipe({"source": str(copied)}), 7)[0].digest == digest
    assert plan_lineage(base, recipe({"source": str(publish(tiny_base, "two", seed=2))}), 0)[0].digest != digest


def test_an_adapter_from_the_local_hub_cache(base: Base, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = Path("hub/models--org--adapter").absolute()
    shutil.copytree(publish(tiny_base, "one"), repo / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(repo.parent))
    (planned,) = plan_lineage(base, recipe({"source": "org/adapter", "revision": commit}), 0)
    assert planned.fingerprint == commit
    with pytest.raises(HarnessError, match="is not a folder here, and it could not be fetched"):
        plan_lineage(base, recipe({"source": "org/absent", "revision": commit}), 0)


def test_an_adapter_that_names_another_base(base: Base, tiny_base: Path) -> None:
    other = publish(tiny_base, "other", base_name="org/other-7b")
    with pytest.raises(HarnessError, match=r"for another base: it was trained on org/other-7b, this is tiny"):
        plan_lineage(base, recipe({"source": str(other)}), 0)
    said = recipe({"source": str(other), "trained_on": "org/other-7b"})
    assert train_lineage(base, plan_lineage(base, said, 0), cache=cache_folder(), place=CPU)


def _pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(("harm", "sentence"), [(_pickled, "a pickle and is never opened"), (_empty, "no adapter_con")])
def test_a_folder_that_is_no_safe_adapter(base: Base, tiny_base: Path, harm, sentence: str) -> None:
    folder = publish(tiny_base, "one")
    harm(folder)
    with pytest.raises(HarnessError, match=sentence):
        plan_lineage(base, recipe({"source": str(folder)}), 0)
    with pytest.raises(HarnessError, match="neither a folder here nor a hub id"):
        plan_lineage(base, recipe({"source": "./absent/adapter"}), 0)


def test_an_adapter_whose_layers_do_not_fit(tiny_base: Path) -> None:
    folder = publish(tiny_base, "one")
    config = AutoModel.from_pretrained(tiny_base).config
    for change, sentence in (
        ({"num_hidden_layers": 1}, "adapts layers.1.*, which this base does not have"),
        ({"intermediate_size": 24}, "mlp.down_proj is 32 wide, this base's 24"),
    ):
        smaller = type(config)(**{**config.to_dict(), **change})
        with pytest.raises(HarnessError, match=sentence):
            merge_adapter(AutoModel.from_config(smaller), folder)
    head = publish(tiny_base, "head", model=AutoModelForCausalLM, modules_to_save=["lm_head"])
    with pytest.raises(HarnessError, match="not a plain LoRA adapter"):
        merge_adapter(AutoModel.from_pretrained(tiny_base), head)


@pytest.mark.parametrize("model", [AutoModel, AutoModelForCausalLM])
def test_patterns_of_rank_and_alpha_are_read_as_peft_reads_them(tiny_base: Path, model) -> None:
    before = "model." if model is AutoModelForCausalLM else ""
    patterns = {
        "alpha_pattern": {f"{before}layers.1.self_attn.q_proj": 64, "q_proj": 3, "^" + before + r"layers\.0\..*": 5},
        "rank_pattern": {f"{before}layers.0.mlp.down_proj": 2, "layers.1.mlp.down_proj": 3},
    }
    folder = publish(tiny_base, "patterns", model=model, **patterns)
    right = PeftModel.from_pretrained(model.from_pretrained(tiny_base, dtype=torch.float32), str(folder))
    right = right.merge_and_unload().eval()
    ours = AutoModel.from_pretrained(tiny_base, dtype=torch.float32).eval()
    merge_adapter(ours, folder)
    with torch.no_grad():
        theirs = (right.model if before else right)(IDS).last_hidden_state
        torch.testing.assert_close(ours(IDS).last_hidden_state, theirs)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"alpha_pattern": {"model.layers.1.self_attn.q_proj": 64}}, "of alpha_pattern fits no layer"),
        ({"rank_pattern": {"o_proj": 4}}, "of rank_pattern fits no layer"),
        ({"alpha_pattern": {"(": 4}}, "of alpha_pattern fits no layer"),
        ({"rank_pattern": {"layers.0.mlp.down_proj": 2}}, "have rank 4, and adapter_config.json says 2"),
        ({"r": 8}, "have rank 4, and adapter_config.json says 8"),
    ],
)
def test_a_pattern_that_fits_nothing(tiny_base: Path, change: dict, sentence: str) -> None:
    folder = publish(tiny_base, "patterns")
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(HarnessError, match=sentence):
        merge_adapter(AutoModel.from_pretrained(tiny_base), folder)


def test_half_of_an_adapter(tiny_base: Path) -> None:
    folder = publish(tiny_base, "half")
    weights = load_file(folder / "adapter_model.safetensors")
    del weights[next(name for name in weights if "lora_B" in name)]
    save_file(weights, folder / "adapter_model.safetensors")
    with pytest.raises(HarnessError, match=r"has lora_A of .* without lora_B"):
        merge_adapter(AutoModel.from_pretrained(tiny_base), folder)
