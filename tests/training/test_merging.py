"""Stages that hold their adapter alone: opened, they are the weights that were trained, bit for bit, or are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from peft import PeftModel
from pydantic import ValidationError
from transformers import AutoModel, AutoModelForCausalLM

from harness.bases import ARCHITECTURES, Base, resolve_base
from harness.encoder.model import Encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.training import merging, parse_recipe, stages, stored
from harness.training.lineage import plan_lineage
from harness.training.lora import merge_adapter
from harness.training.manifests import read_stage
from harness.training.stages import open_latest, train_lineage
from tests.adapters import publish
from tests.conftest import TINY_WORDS
from tests.test_families import SMALL

CPU = Placement(device="cpu", dtype="float32")


@pytest.fixture
def base(tiny_base: Path) -> Base:
    return resolve_base(str(tiny_base))


@pytest.fixture
def recipe(tiny_base: Path) -> Recipe:
    """Two adapters in order, the second on a part of the layers."""
    first = publish(tiny_base, "first")
    second = publish(tiny_base, "second", seed=1, model=AutoModelForCausalLM, alpha_pattern={"q_proj": 5})
    stages = [{"kind": "adapter", "source": str(each)} for each in (first, second)]
    return parse_recipe({"attention": "bidirectional", "stages": stages})


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage is as a large one: its folder holds no merged weights."""
    monkeypatch.setattr(merging, "WHOLE_BYTES", 0)
    monkeypatch.setattr(merging, "_proven", {})


def train(base: Base, recipe: Recipe, cache: Path) -> list[Path]:
    lineage = plan_lineage(base, recipe, 0)
    train_lineage(base, lineage, cache=cache, place=CPU)
    return [stages.stage_folder(planned, cache) for planned in lineage]


def opened(recipe: Recipe, last: Path, base: Base, dtype: str = "float32") -> Encoder:
    place = Placement(device="cpu", dtype=dtype)
    return open_latest(recipe, last=last, base=base.folder, seed=0, place=place, name="tiny", revision="1")


def same(one: Encoder, other: Encoder) -> bool:
    first, second = one.backbone.state_dict(), other.backbone.state_dict()
    buffers = zip(one.backbone.named_buffers(), other.backbone.named_buffers(), strict=True)
    return (
        first.keys() == second.keys()
        and all(torch.equal(first[name], second[name]) for name in first)
        and all(torch.equal(have, want) and have.dtype == want.dtype for (_, have), (_, want) in buffers)
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_merged_when_opened_they_are_the_weights_that_a_whole_stage_holds(
    base: Base, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    whole = train(base, recipe, Path("whole"))
    monkeypatch.setattr(merging, "WHOLE_BYTES", 0)
    monkeypatch.setattr(merging, "_proven", {})
    alone = train(base, recipe, Path("alone"))
    assert [folder.name for folder in whole] == [folder.name for folder in alone]
    for one, other in zip(whole, alone, strict=True):
        assert read_stage(one).weights_sha256 == read_stage(other).weights_sha256
        assert sorted(path.name for path in other.iterdir()) == ["adapter", "files.json", "stage.json"]
        assert "parent_weights_sha256" not in read_stage(one).plain()
        assert same(opened(recipe, one, base, dtype), opened(recipe, other, base, dtype))
    shutil.rmtree(alone[0])
    shutil.copytree(whole[0], alone[0])  # as an older harness left the stage below
    assert same(opened(recipe, whole[1], base, dtype), opened(recipe, alone[1], base, dtype))


def test_any_peft_reads_the_adapters(base: Base, recipe: Recipe, alone: None) -> None:
    _, last = train(base, recipe, cache_folder())
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    model.model = PeftModel.from_pretrained(model.model, str(last.parent / _first(last) / "adapter")).merge_and_unload()
    model = PeftModel.from_pretrained(model, str(last / "adapter")).merge_and_unload()
    ours = opened(recipe, last, base).backbone.state_dict()
    for name, weight in model.model.state_dict().items():
        assert torch.equal(ours[name], weight)


def _first(last: Path) -> str:
    return str(read_stage(last).parent)[:32]


def test_a_sum_is_that_of_peft_to_the_last_bit(tiny_base: Path) -> None:
    patterns = {"alpha_pattern": {"q_proj": 3}, "rank_pattern": {"layers.1.mlp.down_proj": 3}, "use_rslora": True}
    folder = publish(tiny_base, "patterns", **patterns)
    right = PeftModel.from_pretrained(AutoModel.from_pretrained(tiny_base, dtype=torch.float32), str(folder))
    ours = AutoModel.from_pretrained(tiny_base, dtype=torch.float32)
    merge_adapter(ours, folder)
    for name, weight in right.merge_and_unload().state_dict().items():
        assert torch.equal(ours.state_dict()[name], weight)


@pytest.mark.parametrize("more", [{"use_dora": True}, {"init_lora_weights": "pissa"}, {"lora_bias": True}])
def test_an_adapter_that_is_more_than_a_sum(tiny_base: Path, more: dict) -> None:
    folder = publish(tiny_base, "more")
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | more))
    with pytest.raises(HarnessError, match="not a plain LoRA adapter"):
        merge_adapter(AutoModel.from_pretrained(tiny_base), folder)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_hash_is_that_of_the_file_that_transformers_writes(architecture: str) -> None:
    model_class = getattr(transformers, architecture)
    whole = model_class(model_class.config_class(**SMALL, vocab_size=80)).float()
    whole.base_model.save_pretrained("file")
    assert merging.merged_sha256(whole.base_model) == stored.weights_sha256(stored.record_of(Path("file")))


def test_a_base_in_shards_and_half_precision(tiny_base: Path, alone: None) -> None:
    shutil.copytree(tiny_base, "half")
    Path("half/model.safetensors").unlink()
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.bfloat16)
    model.save_pretrained("half", max_shard_size="4KB")
    assert len(list(Path("half").glob("*.safetensors"))) > 1
    base = resolve_base("half")
    adapter = {"kind": "adapter", "source": str(publish(tiny_base, "one")), "trained_on": "org/tiny"}
    of = parse_recipe({"attention": "causal", "stages": [adapter]})
    (folder,) = train(base, of, cache_folder())
    exact = opened(of, folder, base).backbone.state_dict()
    for dtype in ("bfloat16", "float16"):
        for name, weight in opened(of, folder, base, dtype).backbone.state_dict().items():
            assert torch.equal(weight, exact[name].to(getattr(torch, dtype)))


def test_weights_are_hashed_once_while_their_files_stay(
    base: Base, recipe: Recipe, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, last = train(base, recipe, cache_folder())
    made: list[object] = []
    monkeypatch.setattr(merging, "WeightsHash", lambda model: made.append(model) or WeightsHash(model))
    merging._proven.clear()
    for dtype in ("float32", "bfloat16", "float32"):
        opened(recipe, last, base, dtype)
    assert len(made) == 1
    (last / "adapter" / "adapter_model.safetensors").touch()
    opened(recipe, last, base)
    assert len(made) == 2


WeightsHash = merging.WeightsHash


def test_weights_that_are_not_those_that_were_trained(base: Base, recipe: Recipe, alone: None) -> None:
    first, last = train(base, recipe, cache_folder())
    shutil.copytree(base.folder, "moved")
    model = AutoModelForCausalLM.from_pretrained("moved", dtype=torch.float32)
    with torch.no_grad():
        model.model.norm.weight[3] += 1e-3
    model.save_pretrained("moved")
    with pytest.raises(HarnessError, match=f"are not the weights that were trained.* or remove {last} and run again"):
        opened(recipe, last, Base(name="moved", folder=Path("moved"), revision=base.revision))
    opened(recipe, last, base)
    manifest = json.loads((first / "stage.json").read_text())
    (first / "stage.json").write_text(json.dumps(manifest | {"weights_sha256": "0" * 64}))
    with pytest.raises(HarnessError, match=f"which was trained again since with another result; remove {last}"):
        opened(recipe, last, base)
    shutil.rmtree(first)
    with pytest.raises(HarnessError, match=f"{first}, the stage under that in {last}, is no longer in the cache"):
        opened(recipe, last, base)
    train(base, recipe, cache_folder())
    opened(recipe, last, base)


def test_a_damaged_adapter_is_noticed(base: Base, recipe: Recipe, alone: None) -> None:
    folders = train(base, recipe, cache_folder())
    for folder in folders:
        weights = folder / "adapter" / "adapter_model.safetensors"
        kept = weights.read_bytes()
        weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(HarnessError, match=r"adapter_model\.safetensors is not as it was.*run again"):
            train(base, recipe, cache_folder())
        weights.write_bytes(kept)
    train(base, recipe, cache_folder())


def test_weights_that_were_drawn_are_kept_whole(base: Base, tiny_base: Path, alone: None) -> None:
    source = str(publish(tiny_base, "one"))
    of = parse_recipe({"attention": "causal", "weights": "random", "stages": [{"kind": "adapter", "source": source}]})
    (folder,) = train(base, of, cache_folder())
    assert merging.is_whole(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "simcse"])
def test_a_trained_stage_resumed_is_the_whole_one_of_an_undisturbed_training(
    base: Base, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(0)
    Path("text.txt").write_text("\n".join(" ".join(draw.choice(TINY_WORDS, 8)) for _ in range(40)))
    common = {"data": "text.txt", "examples": 40, "steps": 10, "batch_size": 4, "max_length": 16, "learning_rate": 1e-2}
    of = parse_recipe({"attention": "bidirectional", "stages": [{"kind": each, **common} for each in ("mntp", kind)]})
    whole = train(base, of, Path("whole"))
    monkeypatch.setattr(merging, "WHOLE_BYTES", 0)
    monkeypatch.setattr(merging, "_proven", {})
    lineage = plan_lineage(base, of, 0)

    def die(step) -> None:
        if step.done == 7:
            raise KeyboardInterrupt

    for _ in lineage:
        with pytest.raises(KeyboardInterrupt):
            train_lineage(base, lineage, cache=cache_folder(), place=CPU, on_stage=lambda _: die)
        train_lineage(base, lineage[:1], cache=cache_folder(), place=CPU)
    alone = train(base, of, cache_folder())
    for one, other in zip(whole, alone, strict=True):
        assert not merging.is_whole(other)
        assert read_stage(one).weights_sha256 == read_stage(other).weights_sha256
        assert read_stage(one).losses == read_stage(other).losses


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_what_was_trained(
    base: Base, recipe: Recipe, share: float, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base's weights and so much of the difference, whether the stages hold all weights or their adapter alone."""
    monkeypatch.setattr(merging, "WHOLE_BYTES", merging.WHOLE_BYTES if whole else 0)
    monkeypatch.setattr(merging, "_proven", {})
    last = train(base, recipe, cache_folder())[-1]
    options = {"base": base.folder, "seed": None, "place": CPU, "name": "tiny", "revision": "1"}
    start = open_latest(Recipe(attention="bidirectional"), last=None, **options).backbone.state_dict()
    end = open_latest(recipe, last=last, **options).backbone.state_dict()
    part = open_latest(recipe.model_copy(update={"trained_share": share}), last=last, **options)
    for name, weight in part.backbone.state_dict().items():
        wanted = start[name] + share * (end[name] - start[name])
        torch.testing.assert_close(weight, wanted, atol=1e-7, rtol=1e-6)
    assert part.opening is not None
    assert f"; {share:g} of 2 adapters merged" in part.opening.describe()["weights"]


def test_the_language_model_with_a_share_of_its_adapters_is_the_encoder(base: Base, recipe: Recipe) -> None:
    half = recipe.model_copy(update={"trained_share": 0.5})
    folders = train(base, recipe, cache_folder())
    encoder = open_latest(
        half,
        last=folders[-1],
        base=base.folder,
        seed=None,
        place=CPU,
        name="tiny",
        revision="1",
        language_model=base.folder,
        adapters=[folder / "adapter" for folder in folders],
    )
    found = encoder.language_model().without_adapters([" ".join(TINY_WORDS[:6]), " ".join(TINY_WORDS[3:5])])
    assert not np.array_equal(found.merged.nats, found.base.nats)


@pytest.mark.parametrize("fields", [{}, {"weights": "random"}])
def test_a_share_needs_something_that_was_trained(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="trained_share needs stages on pretrained weights"):
        parse_recipe({"attention": "causal", "trained_share": 0.5, **fields})
