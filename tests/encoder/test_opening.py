"""What is measured are the weights and tokens of the folder: everything else is refused in a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from harness.bases import resolve_base
from harness.encoder.language_model import load_causal
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.encoder.reference import ReferenceEncoder, build_reference
from harness.encoder.tokenizer import TEXTS
from harness.errors import HarnessError, ProofError
from harness.models import resolve_model
from harness.recipes import Recipe

CPU = Placement(device="cpu", dtype="float32")
NAMES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
SOME = ["The old man saw 2024 birds, didn't he?", "Déjà vu: ﬁne weather", "a letter (from 1987)"]


def opened(folder: Path, **recipe: Any) -> Encoder:
    base = resolve_base(str(folder))
    made = Recipe(**{"attention": "causal"} | recipe)
    return build_encoder(base.folder, made, seed=None, place=CPU, name=base.name, revision=base.revision)


@pytest.fixture
def copy(tiny_base: Path) -> Path:
    return Path(shutil.copytree(tiny_base, "tiny"))


def merge(path: Path, **fields: Any) -> None:
    """Set fields of a JSON file; None takes one out."""
    kept = (json.loads(path.read_text()) if path.is_file() else {}) | fields
    path.write_text(json.dumps({name: value for name, value in kept.items() if value is not None}))


def change(folder: Path, make: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    save_file(make(load_file(folder / "model.safetensors")), folder / "model.safetensors", metadata={"format": "pt"})


def _prefixed(prefix: str) -> Callable[[Path], None]:
    return lambda folder: change(folder, lambda kept: {f"{prefix}{name}": each for name, each in kept.items()})


def _without(part: str) -> Callable[[Path], None]:
    return lambda folder: change(folder, lambda kept: {n: each for n, each in kept.items() if part not in n})


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_prefixed("module."), r"missing \(embed_tokens.weight, .* not read \(module.model"),
        (_prefixed("_orig_mod."), "not read .*_orig_mod"),
        (_prefixed("base_model.model."), "not read .*base_model.model"),
        (_without("layers.1."), r"9 missing \(layers.1.input_layernorm.weight, layers.1.mlp.down_proj.weight, …\)"),
        (_without("layers.1.mlp"), "3 missing .*layers.1.mlp"),
        (_without("norm.weight"), "5 missing"),
        (lambda folder: merge(folder / "config.json", num_hidden_layers=3), "9 missing .*layers.2"),
        (lambda folder: merge(folder / "config.json", num_hidden_layers=1), "9 not read .*layers.1"),
        (
            lambda folder: merge(folder / "config.json", intermediate_size=64),
            r"6 of another shape \(layers.0.mlp.down_proj.weight \(16×32 in the file, 16×64 asked for\)",
        ),
        (
            lambda folder: merge(folder / "config.json", num_hidden_layers=10**9),
            "it asks for more than [0-9,]+ numbers",
        ),
        (lambda folder: merge(folder / "config.json", hidden_size=10**7), "it asks for more than"),
        (lambda folder: change(folder, lambda kept: kept | {"score.weight": torch.ones(2, 2)}), "1 not read .score"),
    ],
    ids=[
        *("module", "compiled", "peft", "half", "no mlp", "no norms", "layer too many", "layer too few", "wide"),
        *("far too many layers", "far too wide", "another head"),
    ],
)
def test_weights_that_do_not_fit_are_never_drawn_at_random(
    copy: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    harm(copy)
    with pytest.raises(HarnessError, match=f"the weights of .*tiny are not those .*{sentence}") as caught:
        opened(copy)
    assert "\n" not in str(caught.value)
    with pytest.raises(HarnessError, match=r"the weights of .*tiny are not those"):
        load_causal(copy, dtype=torch.float32, device=torch.device("cpu"))


def test_an_untied_head_may_stand_beside_the_decoder_and_is_missed_by_what_needs_it(copy: Path) -> None:
    before = opened(copy)
    assert before.opening is not None
    assert before.opening.describe()["weights"] == "20 tensors read, none missing"
    merge(copy / "config.json", tie_word_embeddings=False)
    with pytest.raises(HarnessError, match=r"tiny has no LM head .lm_head.weight is not in its files"):
        load_causal(copy, dtype=torch.float32, device=torch.device("cpu"))
    np.testing.assert_array_equal(opened(copy).encode(SOME), before.encode(SOME))
    change(copy, lambda kept: kept | {"lm_head.weight": torch.ones(80, 16)[: len(kept["model.embed_tokens.weight"])]})
    load_causal(copy, dtype=torch.float32, device=torch.device("cpu"))
    beside = opened(copy)
    np.testing.assert_array_equal(beside.encode(SOME), before.encode(SOME))
    assert beside.opening is not None
    assert beside.opening.describe()["weights"].endswith("; lm_head.weight left out")


@pytest.mark.parametrize("kernel", ["flash_attention_2", "kernels-community/flash-attn", "eager"])
def test_the_kernel_that_a_config_names_is_not_taken(copy: Path, kernel: str) -> None:
    before = opened(copy)
    for key in ("_attn_implementation", "attn_implementation"):
        merge(copy / "config.json", **{key: kernel})
    after = opened(copy)
    assert after.backbone.config._attn_implementation == "sdpa"
    np.testing.assert_array_equal(after.encode(SOME), before.encode(SOME))


def _train(before: Any, normalizer: Any = None, *, template: bool = True) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.normalizer, made.pre_tokenizer, made.decoder = normalizer, before, decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([*SOME, *TEXTS] * 3, trainer)
    if template:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return made


def _checkpoint(
    folder: Path, tokenizer: Tokenizer, architecture: str = "LlamaForCausalLM", names: Any = NAMES, **fields: Any
) -> Path:
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    if names is not None:
        merge(folder / "tokenizer_config.json", **names)
    torch.manual_seed(0)
    kind = getattr(transformers, architecture)
    small: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    small |= {"num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "initializer_range": 0.3}
    small |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "vocab_size": tokenizer.get_vocab_size() + 8}
    kind(kind.config_class(**small | fields)).save_pretrained(folder)
    return folder


BYTES, SPACED = pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.ByteLevel(add_prefix_space=True)
METASPACE = pre_tokenizers.Metaspace(prepend_scheme="never")


@pytest.mark.parametrize(
    ("architecture", "declared", "before", "normalizer"),
    [
        ("LlamaForCausalLM", "LlamaTokenizer", METASPACE, normalizers.Lowercase()),
        ("LlamaForCausalLM", "LlamaTokenizer", BYTES, None),
        ("LlamaForCausalLM", "GPT2Tokenizer", SPACED, normalizers.NFKC()),
        ("LlamaForCausalLM", "CodeLlamaTokenizer", METASPACE, None),
        ("LlamaForCausalLM", "CohereTokenizer", SPACED, None),
        ("LlamaForCausalLM", "GPTNeoXTokenizer", SPACED, None),
        ("LlamaForCausalLM", "NoSuchTokenizer", SPACED, None),
        ("Qwen2ForCausalLM", "PreTrainedTokenizerFast", SPACED, normalizers.Lowercase()),
        ("Qwen3ForCausalLM", None, SPACED, normalizers.Lowercase()),
        ("GemmaForCausalLM", None, BYTES, None),
    ],
)
def test_tokens_are_those_of_tokenizer_json(
    architecture: str, declared: str | None, before: Any, normalizer: Any
) -> None:
    made = _train(before, normalizer)
    names = None if declared is None else NAMES | {"tokenizer_class": declared}
    folder = _checkpoint(Path("base"), made, architecture, names)
    encoder = opened(folder)
    assert encoder.opening is not None
    assert encoder.opening.texts == len(TEXTS) > 300
    assert encoder.model.tokenizer.bos_token == "<s>"
    for text in SOME:
        assert encoder.model.tokenizer(text)["input_ids"] == made.encode(text).ids
    encoder.save(Path("saved"))
    plain = SentenceTransformer("saved", device="cpu")
    np.testing.assert_allclose(plain.encode(SOME), encoder.encode(SOME), atol=1e-6)


@pytest.mark.parametrize("names", [None, {}, {"model_max_length": 64}])
def test_the_ids_of_config_json_name_the_special_tokens_where_no_file_does(names: Any) -> None:
    encoder = opened(_checkpoint(Path("base"), _train(BYTES), names=names))
    named = opened(_checkpoint(Path("named"), _train(BYTES)))
    assert encoder.model.tokenizer.bos_token == "<s>"
    np.testing.assert_array_equal(encoder.encode(SOME), named.encode(SOME))


def test_a_folder_that_makes_other_tokens_fails_the_proof(copy: Path) -> None:
    folder = _checkpoint(Path("base"), _train(BYTES), names=NAMES | {"mask_token": "a"})
    with pytest.raises(ProofError, match=r"the tokenizer of .*base reads .* and its tokenizer.json says"):
        opened(folder)


@pytest.mark.slow
def test_a_token_without_an_embedding_is_refused_when_a_text_has_it() -> None:
    made = _train(BYTES)
    rows = made.get_vocab_size()
    plain = opened(_checkpoint(Path("base"), made, vocab_size=rows, names=NAMES))
    for name, added in (("image", {}), ("padded", {"pad_token": "<image>"})):
        folder = Path(shutil.copytree("base", name))
        more = json.loads((folder / "tokenizer.json").read_text())
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        more["added_tokens"].append({"id": rows, "content": "<image>", "special": True, **flags})
        (folder / "tokenizer.json").write_text(json.dumps(more))
        merge(folder / "tokenizer_config.json", **added)
        encoder = opened(folder)
        np.testing.assert_array_equal(encoder.encode(SOME), plain.encode(SOME))
        np.testing.assert_allclose(encoder.encode(SOME, batch_size=3), plain.encode(SOME), atol=1e-5)
        with pytest.raises(HarnessError, match=f"a text has the token '<image>', for which .*{name} has no embedding"):
            encoder.encode(["an <image> here"])


def test_some_special_token_pads_or_a_sentence_says_which_name_to_add(tiny_base: Path) -> None:
    folder = _checkpoint(Path("base"), _train(BYTES), names={"bos_token": "<s>"})
    assert opened(folder).model.tokenizer.pad_token == "<s>"
    assert opened(folder).encode(SOME).shape == (3, 16)
    kept = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(kept | {"added_tokens": [], "post_processor": None}))
    merge(folder / "tokenizer_config.json", bos_token=None)
    merge(folder / "config.json", bos_token_id=None, eos_token_id=None, pad_token_id=None)  # they name tokens too
    with pytest.raises(HarnessError, match="no special token that can fill a batch; name one as pad_token"):
        opened(folder)


def test_a_text_is_cut_at_its_end_whatever_the_folder_says() -> None:
    found = []
    for side in ("right", "left"):
        folder = _checkpoint(Path(side), _train(BYTES), names=NAMES | {"truncation_side": side})
        encoder = opened(folder, max_length=16)
        found.append(encoder.encode([SOME[0] * 3], instruction="Find it:"))
        encoder.save(Path(f"{side}-saved"))
        found.append(SentenceTransformer(f"{side}-saved", device="cpu").encode([SOME[0] * 3]))
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found[1], found[3], atol=1e-6)


def test_a_word_whose_last_letter_is_decomposed_is_whole() -> None:
    encoder = opened(_checkpoint(Path("base"), _train(BYTES, normalizers.NFC()), "Qwen3ForCausalLM"))
    whole, joined = "I saw the cafe\u0301", "I saw the caf\u00e9"
    vectors = encoder.word_vectors([whole, joined], [(10, 15), (10, 14)])
    np.testing.assert_allclose(vectors[:, 0], vectors[:, 1], atol=1e-6)


@pytest.mark.parametrize(("word", "whole"), [("cafe\u0301", True), ("cafe\u0301s", False), ("so🙂", False)])
def test_a_word_at_the_limit_is_cut_off_if_a_token_of_it_is(word: str, whole: bool) -> None:
    """The cut is after the é, or within the bytes of the emoji."""
    folder = _checkpoint(Path("base"), _train(BYTES, normalizers.NFC()), "Qwen3ForCausalLM")
    kept = opened(folder).model.tokenizer(f"I saw the {word.removesuffix('s')}")["input_ids"]
    text, span = f"I saw the {word} and went on", (10, 10 + len(word))
    encoder = opened(folder, max_length=len(kept) - word.endswith("🙂"))
    vectors = encoder.word_vectors([text], [span], keep_cut=True)
    assert np.isfinite(vectors).all() == whole
    if not whole:
        with pytest.raises(HarnessError, match="is cut off at"):
            encoder.word_vectors([text], [span])


def test_longrope_is_read_at_one_scale() -> None:
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
    folder = _checkpoint(Path("base"), _train(BYTES))
    merge(folder / "config.json", rope_parameters=rope | {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4})
    encoder = opened(folder)
    assert encoder.max_tokens == 64
    assert load_causal(folder, dtype=torch.float32, device=torch.device("cpu")).config.rope_parameters["factor"] == 4
    alone, beside = encoder.encode([SOME[0]])[0], encoder.encode([SOME[0], "word " * 120])[0]
    np.testing.assert_allclose(alone, beside, atol=1e-5)
    assert encoder.truncation_note() == "1 of 2 texts cut at 64 tokens"


def test_gemma_2_runs_with_the_kernels_that_it_has() -> None:
    from harness.encoder.attention import available_kernels

    encoder = opened(_checkpoint(Path("base"), _train(BYTES), "Gemma2ForCausalLM"))
    assert "sdpa" not in available_kernels(encoder.backbone)
    assert "eager" in available_kernels(encoder.backbone)
    causal = load_causal(Path("base"), dtype=torch.float32, device=torch.device("cpu"))
    assert causal.config._attn_implementation == "eager"


def test_a_reference_model_is_held_to_its_weights_too(copy: Path) -> None:
    """A bare folder, and one of sentence-transformers; `lm_head` and other heads may be there."""

    def reference(folder: Path) -> np.ndarray:
        model = resolve_model(str(folder))
        return build_reference(model.folder, bare=model.bare, place=CPU, name=model.name, revision="1").encode(SOME)

    opened(copy).save(Path("saved"))
    for folder in (copy, Path("saved")):
        before = reference(folder)
        change(folder, lambda kept: kept | {"classifier.weight": torch.ones(2, 16)})
        np.testing.assert_array_equal(reference(folder), before)
        _without("layers.1.mlp")(folder)
        with pytest.raises(HarnessError, match=f"the weights of {folder.name} are not those .* 3 missing"):
            reference(folder)


def _reference(folder: Path) -> ReferenceEncoder:
    model = resolve_model(str(folder))
    return build_reference(model.folder, bare=model.bare, place=CPU, name=model.name, revision="1")


@pytest.mark.parametrize("declared", ["LlamaTokenizer", "NoSuchTokenizer", None])
def test_a_bare_reference_reads_texts_as_tokenizer_json_says(declared: str | None) -> None:
    made = _train(SPACED, normalizers.Lowercase())
    names = None if declared is None else NAMES | {"tokenizer_class": declared}
    encoder = _reference(_checkpoint(Path("bare"), made, names=names))
    for text in SOME:
        assert encoder.model.tokenizer(text)["input_ids"] == made.encode(text).ids
    assert encoder.opening["tokens"] == f"{len(TEXTS)} texts read as tokenizer.json says"
    assert (encoder.warning, encoder.encode(SOME).shape) == ("", (3, 16))
    with pytest.raises(ProofError, match=r"the tokenizer of other reads .* and its tokenizer.json says"):
        _reference(_checkpoint(Path("other"), made, names=NAMES | {"mask_token": "a"}))


def test_a_saved_reference_says_if_it_reads_texts_otherwise(copy: Path) -> None:
    opened(_checkpoint(Path("base"), _train(SPACED), names=NAMES)).save(Path("saved"))
    right = _reference(Path("saved"))
    assert (right.warning, right.opening["tokens"]) == ("", f"{len(TEXTS)} texts read as tokenizer.json says")
    merge(Path("saved/tokenizer_config.json"), tokenizer_class="GPT2Tokenizer", processor_class=None)
    other = _reference(Path("saved"))
    assert other.warning.endswith("; it is measured as sentence-transformers opens it")
    assert "not as tokenizer.json says: the tokenizer of saved reads" in other.opening["tokens"]
    plain = SentenceTransformer("saved", device="cpu")
    np.testing.assert_allclose(plain.encode(SOME), other.encode(SOME), atol=1e-6)
