from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.bases import BaseSize, resolve_base, size_of
from harness.cards import load_cards
from harness.errors import HarnessError
from harness.run.systems import plan_system


@pytest.fixture
def copy(tiny_base: Path) -> Path:
    return Path(shutil.copytree(tiny_base, "tiny"))


def test_a_folder_is_a_base_with_a_fingerprint(copy: Path) -> None:
    base = resolve_base(str(copy))
    assert (base.name, base.folder) == ("tiny", copy.resolve())
    assert base.revision == resolve_base(str(copy)).revision
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    assert resolve_base(str(copy)).revision != base.revision


def test_the_size_of_a_base_is_counted(copy: Path) -> None:
    """By hand: 2 layers of q 16², k and v 16 × 8, o 16², three of 16 × 32 and two norms; a norm; V × 16."""
    vocabulary = json.loads((copy / "config.json").read_text())["vocab_size"]
    body = 2 * (2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 32 + 2 * 16) + 16
    tied = json.loads((copy / "config.json").read_text())["tie_word_embeddings"]
    words = vocabulary * 16 * (1 if tied else 2)
    size = BaseSize(layers=2, width=16, body=body, parameters=body + words)
    assert size_of(copy) == size
    assert str(size) == f"2 × 16; {body:,} parameters without the embedding, {body + words:,} with it"
    shutil.copy(copy / "model.safetensors", copy / "consolidated.safetensors")  # as Mistral's folders hold it
    assert size_of(copy) == size
    save_file({"lm_head.weight": np.zeros((vocabulary, 16), np.float32)}, copy / "model-2.safetensors")
    index = {"weight_map": {"a": "consolidated.safetensors", "lm_head.weight": "model-2.safetensors"}}
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    for said, more in ((True, 1), (False, 2)):
        _merge("config.json", tie_word_embeddings=said)(copy)
        assert size_of(copy).parameters == body + more * vocabulary * 16
    assert size_of(resolve_base("mini").folder) == BaseSize(layers=4, width=128, body=779_392, parameters=1_041_536)


def test_every_file_that_decides_tokens_is_part_of_the_revision(copy: Path) -> None:
    seen = {resolve_base(str(copy)).revision}
    for name in ("special_tokens_map.json", "added_tokens.json", "tokenizer_config.json"):
        _merge(name, mask_token="the")(copy)
        seen.add(resolve_base(str(copy)).revision)
    assert len(seen) == 4
    assert resolve_base("mini").revision == "e8e30b0e71661bf359ecda6f685bd45d402daa5272f14d7871d6c021ff1a9fca"


def test_a_hub_id_is_read_from_the_local_hub_cache(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = Path("hub/models--org--tiny").absolute()
    shutil.copytree(tiny_base, repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(repo.parent))
    for name in ("org/tiny", f"org/tiny@{commit}"):
        base = resolve_base(name)
        assert (base.name, base.revision) == ("org/tiny", commit)
    with pytest.raises(HarnessError, match="could not be fetched from the hub"):
        resolve_base("org/absent")


def _cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _scramble(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 5000)


def _empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def _hollow(folder: Path) -> None:
    save_file({}, folder / "model.safetensors")


def _longer(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"0000")


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _merge(name: str, **fields: object) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        kept = json.loads((folder / name).read_text()) if (folder / name).is_file() else {}
        (folder / name).write_text(json.dumps(kept | fields))

    return harm


def _point(name: str) -> Callable[[Path], None]:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 127143\n"

    def harm(folder: Path) -> None:
        (folder / name).write_text(pointer)

    return harm


def _split(folder: Path, *, index: dict[str, object] | None) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    if index is not None:
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))


FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def _other(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_cut, "corrupt or cut short"),
        (_scramble, "corrupt or cut short"),
        (_empty, "corrupt or cut short"),
        (_hollow, "corrupt or cut short .no tensors"),
        (_longer, "corrupt or cut short"),
        (_pickle, "a pickle and is never opened"),
        (_other, "BertModel; supported: Gemma2ForCausalLM"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda folder: (folder / "config.json").write_text("[1]"), "holds no JSON object"),
        (lambda folder: (folder / "config.json").write_bytes(b"\xff"), "not JSON"),
        (_point("config.json"), "a Git LFS pointer in place of the file"),
        (_point("tokenizer.json"), "tokenizer.json is a Git LFS pointer"),
        (_point("tokenizer_config.json"), "tokenizer_config.json is a Git LFS pointer"),
        (_merge("config.json", model_type="llamafied"), "model_type 'llamafied' where its architecture wants 'llama'"),
        (_merge("config.json", model_type=None), "model_type None"),
        (_merge("config.json", model_type=["llama"]), r"model_type \['llama'\]"),
        (_merge("config.json", architectures="LlamaForCausalLM"), "of unknown architecture"),
        (_merge("config.json", quantization_config={"quant_method": "gptq"}), "quantised .gptq., and such weights"),
        (_merge("config.json", quantization_config={"load_in_4bit": True}), "the weights are quantised"),
        (_merge("config.json", auto_map={"AutoModel": "own.Own"}), "config.json names code of its own"),
        (_merge("tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", None]}), "code of its own .auto_map."),
        (_merge("tokenizer_config.json", auto_map=["own.Own", None]), "tokenizer_config.json names code of its own"),
        (_merge("adapter_config.json", peft_type="LORA"), "holds an adapter .* under `adapters:` in the card"),
        (partial(_split, index=None), "neither model.safetensors nor model.safetensors.index.json"),
        (partial(_split, index={"weight_map": {"a": FIRST, "b": SECOND}}), f"lacks {SECOND}, which"),
        (partial(_split, index={"weight_map": {"a": "../model.safetensors"}}), "does not say which files"),
        (partial(_split, index={}), "does not say which files"),
    ],
    ids=[
        *("cut", "scrambled", "empty", "hollow", "longer", "pickle", "other"),
        *("no config", "bad config", "no weights", "no tokenizer"),
        *("list", "bytes", "config pointer", "tokenizer pointer", "settings pointer", "model type", "no model type"),
        "model types",
        *("architecture", "gptq", "4-bit", "own model", "own tokenizer", "own tokenizer, old form", "adapter"),
        *("no index", "no shard", "shard elsewhere", "empty index"),
    ],
)
def test_a_broken_folder_is_refused_in_one_sentence(copy: Path, harm, sentence: str) -> None:
    harm(copy)
    with pytest.raises(HarnessError, match=sentence) as caught:
        resolve_base(str(copy))
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_no_hub_id() -> None:
    with pytest.raises(HarnessError, match="no such folder"):
        resolve_base("./absent/folder")
    with pytest.raises(HarnessError, match="known: gemma3-270m, mini, smollm2-135m"):
        resolve_base("absent")


def test_a_base_can_ask_for_the_recipes_of_another(copy: Path) -> None:
    card = load_cards()["bidir-mntp"]
    assert resolve_base(str(copy)).recipes_of == "tiny"
    _merge("config.json", recipes_of="mini")(copy)
    asking = plan_system("bidir-mntp", resolve_base(str(copy)))
    assert asking.recipe.digest == card.recipe_on("mini").digest != card.recipe_on("tiny").digest
    assert asking.record(Path()).base == "tiny"
    told = plan_system("bidir-mntp", resolve_base(str(copy)), data={"mntp": "mini"})
    assert told.recipe.digest == asking.recipe.digest


@pytest.mark.parametrize(
    ("named", "sentence"),
    [("minni", "recipes of 'minni', and no card has an entry for it; did you mean mini"), ([], "name of a base, not")],
)
def test_recipes_of_an_unknown_base_are_refused(copy: Path, named: object, sentence: str) -> None:
    _merge("config.json", recipes_of=named)(copy)
    with pytest.raises(HarnessError, match=sentence):
        plan_system("bidir", resolve_base(str(copy)))
