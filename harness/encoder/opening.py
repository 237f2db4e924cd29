"""A folder of weights and tokenizer ─▶ decoder, causal language model or tokenizer; what does not fit is refused.

This is the only place that lets transformers or sentence-transformers load a model. Nothing of a folder's own code is
run. transformers draws a weight that it does not find at random and leaves out one that it does not know; both are
refused here. It also rebuilds a tokenizer by the name of its class; here tokenizer.json is read as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import transformer as _module
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from harness.bases import TOKEN_FILES, TOKENIZER, read_json
from harness.encoder.placement import Placement
from harness.errors import HarnessError, ProofError

# Nothing is fetched, no pickle is opened, and no code from a folder is run or asked about.
_CLOSED = {"trust_remote_code": False, "local_files_only": True}
_HEAD = "lm_head."
_IN_A_LAYER = re.compile(r"(^|\.)(layers?|h|blocks?)\.\d+\.")


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What was proven as a decoder was opened; the rest was refused.

    `tensors` of the decoder were read from the file, which holds the tensors `left` besides. `texts` were read by the
    tokenizer as tokenizer.json says.
    """

    tensors: int
    left: tuple[str, ...]
    texts: int

    def describe(self) -> dict[str, str]:
        """For the provenance of a run, in words."""
        beside = f"; {', '.join(self.left)} left out" if self.left else ""
        return {
            "weights": f"{self.tensors} tensors read, none missing{beside}",
            "tokens": f"{self.texts} texts read as {TOKENIZER} says",
        }


def open_decoder(folder: Path, *, dtype: torch.dtype, name: str) -> tuple[Transformer, Opening]:
    """The decoder in `folder` with its tokenizer, as the first module of a sentence-transformers model.

    Raises HarnessError, with `name` in its sentence, for a folder that cannot be opened, whose weights are not those
    that its config.json asks for, or whose tokenizer names nothing that can fill a batch; ProofError for a tokenizer
    that does not read texts as tokenizer.json says.
    """
    tokenizer = load_tokenizer(folder, name=name)
    _refuse_far_larger(folder, name=name)
    with _saying(name, "a decoder"), _checked(name, tokenizer) as read:
        transformer = Transformer(str(folder), model_kwargs=_weights(dtype), config_kwargs=dict(_CLOSED))
    fit_tokens(tokenizer, transformer.model, name=name)
    return transformer, Opening(tensors=read.tensors, left=read.left, texts=prove_tokens(tokenizer, folder, name=name))


def open_model(folder: Path, *, bare: bool, place: Placement, name: str) -> SentenceTransformer:
    """The sentence-transformers model in `folder`; a `bare` transformers checkpoint is mean pooled over all its tokens.

    Raises HarnessError as `open_decoder` does; heads that an encoder does not use may be in the file.
    """
    options = {"model_kwargs": _weights(getattr(torch, place.dtype))}
    with _saying(name, "a sentence-transformers model"), _checked(name, None, encoder=True):
        if bare:
            one = Transformer(str(folder), config_kwargs=dict(_CLOSED), processor_kwargs=dict(_CLOSED), **options)
            pooling = Pooling(int(one.model.config.hidden_size), "mean")
            model = SentenceTransformer(modules=[one, pooling], device=place.device)
        else:
            model = SentenceTransformer(str(folder), device=place.device, **_CLOSED, **options)
    tokenizer = model.tokenizer
    if getattr(tokenizer, "is_fast", False) and tokenizer.pad_token is None:
        fit_tokens(tokenizer, model[0].model, name=name)
    return model


def open_causal(folder: Path, *, dtype: torch.dtype, name: str) -> Any:
    """The causal language model in `folder`, with its LM head. Raises HarnessError as `open_decoder` does."""
    _refuse_far_larger(folder, name=name)
    with _saying(name, "a causal language model"):
        config = AutoConfig.from_pretrained(folder, **_CLOSED)
        config._attn_implementation = None
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, config=config, output_loading_info=True, ignore_mismatched_sizes=True, **_weights(dtype)
        )
    missing = set(found["missing_keys"])
    if missing and all(key.startswith(_HEAD) for key in missing):
        raise HarnessError(
            f"{name} has no LM head ({min(missing)} is not in its files), which predicts the tokens; give the "
            "checkpoint of the whole causal language model"
        )
    _require_all(found, name)
    return model


def most_tokens(config: Any) -> int | None:
    """The most tokens of a text that a decoder reads at one scale; None if its config.json sets no limit.

    Under longrope the longest text of a pass decides at which of two scales all of its texts are read. Up to the length
    that the decoder was first trained on it is always the same one.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    limits = [getattr(config, "max_position_embeddings", None)]
    for each in (rope, *(part for part in rope.values() if isinstance(part, dict))):  # one, or one for each layer type
        if each.get("rope_type") == "longrope":
            limits.append(each.get("original_max_position_embeddings"))
    return min((int(limit) for limit in limits if limit and limit > 0), default=None)


def _weights(dtype: torch.dtype) -> dict[str, Any]:
    return {"dtype": dtype, "use_safetensors": True, **_CLOSED}


@contextmanager
def _saying(name: str, what: str) -> Iterator[None]:
    """Whatever the libraries raise over a folder becomes one sentence."""
    try:
        yield
    except (HarnessError, MemoryError):
        raise
    except Exception as error:
        said = " ".join((str(error).strip() or "no reason given").split("\n")[0].split())
        raise HarnessError(
            f"{name} cannot be opened as {what}: {said[:300]} ({type(error).__name__}); fetch it again, or save it "
            "again with the library versions that `harness doctor` names"
        ) from error


@dataclass
class _Read:
    tensors: int = 0
    left: tuple[str, ...] = ()


@contextmanager
def _checked(name: str, tokenizer: Any, *, encoder: bool = False) -> Iterator[_Read]:
    """Inside, a Transformer checks the weights that it loads, and takes `tokenizer` if there is one.

    sentence-transformers has no argument for either, and a class of our own could not be saved for others to open.
    """
    load = Transformer._load_model
    read = _Read()

    def load_checked(self: Any, path: str, task: Any, config: Any, *rest: Any, **options: Any) -> Any:
        config._attn_implementation = None  # the kernel that suits this machine, not the one it was saved with
        options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
        model, found = load(self, path, task, config, *rest, **options)
        _require_all(found, name, encoder=encoder)
        read.tensors, read.left = len(model.state_dict()), tuple(sorted(found["unexpected_keys"]))
        return model

    with mock.patch.object(Transformer, "_load_model", load_checked):
        if tokenizer is None:
            yield read
            return
        with mock.patch.object(_module, "AutoProcessor", _Given(tokenizer)):
            yield read


@dataclass(frozen=True)
class _Given:
    """Stands where a tokenizer is looked for."""

    tokenizer: Any

    def from_pretrained(self, *_: Any, **__: Any) -> Any:
        return self.tokenizer


def _require_all(found: Mapping[str, Any], name: str, *, encoder: bool = False) -> None:
    """Raise HarnessError unless every weight of the model was read and every weight of the file was used.

    Besides, a file may hold an LM head. For an `encoder` of any architecture, it may hold other heads too, and may lack
    the pooler, which nothing here uses.
    """
    missing = [key for key in found["missing_keys"] if not (encoder and key.startswith("pooler."))]
    unread = [key for key in found["unexpected_keys"] if _IN_A_LAYER.search(key) or not (encoder or _is_head(key))]
    shapes = {
        f"{key} ({_shape(have)} in the file, {_shape(want)} asked for)" for key, have, want in found["mismatched_keys"]
    }
    told = [
        f"{len(keys)} {what} ({', '.join(sorted(keys)[:2])}{', …' if len(keys) > 2 else ''})"
        for what, keys in (("missing", missing), ("not read", unread), ("of another shape", shapes))
        if keys
    ]
    if told:
        raise HarnessError(
            f"the weights of {name} are not those that its config.json asks for: {', '.join(told)}; save the bare "
            "model again, without a wrapper around it, or fetch the checkpoint again with its own config.json"
        )


def _refuse_far_larger(folder: Path, *, name: str) -> None:
    """Raise HarnessError if config.json asks for so much more than the files hold that making it could fill memory."""
    fields = read_json(folder / "config.json")

    def number(field: str) -> int:
        value = fields.get(field)
        return value if type(value) is int else 0

    width = number("hidden_size")
    a_layer = 3 * number("intermediate_size") + number("num_attention_heads") * number("head_dim") + 1
    wanted = width * (number("vocab_size") + number("num_hidden_layers") * a_layer)
    held = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if wanted > 4 * held:  # bytes, of which a number has one at least
        raise HarnessError(
            f"the weights of {name} are not those that its config.json asks for: it asks for more than {wanted:,} "
            f"numbers, and the files have {held:,} bytes; fetch the checkpoint again with its own config.json"
        )


def _is_head(key: str) -> bool:
    return key.startswith(_HEAD)


def _shape(sizes: Collection[int]) -> str:
    return "×".join(map(str, sizes))


def load_tokenizer(folder: Path, *, name: str) -> Any:
    """The tokenizer that tokenizer.json in `folder` describes, with the special tokens that the folder names.

    Where no file names any, config.json's ids do. Texts are cut at their end, whatever the folder says.
    """
    with _saying(name, "a tokenizer"):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), **_named_by_config(folder))
    if tokenizer.truncation_side != "right":
        tokenizer.truncation_side = tokenizer.init_kwargs["truncation_side"] = "right"
    return tokenizer


def _named_by_config(folder: Path) -> dict[str, str]:
    files = [folder / each for each in TOKEN_FILES]
    if any(key.endswith("_token") for file in files if file.is_file() for key in read_json(file)):
        return {}
    config, raw = read_json(folder / "config.json"), Tokenizer.from_file(str(folder / TOKENIZER))
    ids = {role: config.get(f"{role}_id") for role in ("bos_token", "eos_token", "pad_token")}
    named = {role: raw.id_to_token(number) for role, number in ids.items() if type(number) is int and number >= 0}
    return {role: token for role, token in named.items() if token is not None}


def fit_tokens(tokenizer: Any, model: Any, *, name: str) -> None:
    """Let `tokenizer` pad with a token that `model` has an embedding for, and `model` refuse one that it has none for.

    Some checkpoints have a token more than embeddings, which no ordinary text produces (Gemma 3 has one for images).
    """
    embedding = model.get_input_embeddings()
    rows = int(embedding.num_embeddings)
    if tokenizer.pad_token is None or tokenizer.pad_token_id >= rows:
        named = (tokenizer.unk_token, tokenizer.eos_token, tokenizer.bos_token)
        special = (str(token) for number, token in sorted(tokenizer.added_tokens_decoder.items()) if token.special)
        fit = [token for token in (*named, *special) if token and tokenizer.convert_tokens_to_ids(token) < rows]
        if not fit:
            raise HarnessError(
                f"the tokenizer of {name} has no special token that can fill a batch; name one as pad_token in its "
                "tokenizer_config.json"
            )
        tokenizer.pad_token = fit[0]
    if len(tokenizer) > rows:
        embedding.register_forward_pre_hook(_Rows(tokenizer, name))


@dataclass(frozen=True)
class _Rows:
    """Called before tokens are embedded: each must have a row."""

    tokenizer: Any
    name: str

    def __call__(self, embedding: torch.nn.Embedding, inputs: tuple[torch.Tensor, ...]) -> None:
        ids = inputs[0]
        if ids.numel() and int(ids.max()) >= embedding.num_embeddings:
            token = self.tokenizer.convert_ids_to_tokens(int(ids.max()))
            raise HarnessError(
                f"a text has the token {token!r}, for which {self.name} has no embedding; take it out of the text"
            )


def prove_tokens(tokenizer: Any, folder: Path, *, name: str) -> int:
    """How many texts `tokenizer` reads as tokenizer.json in `folder` says; ProofError if it reads one otherwise."""
    with _saying(name, "a tokenizer"):
        raw = Tokenizer.from_file(str(folder / TOKENIZER))
        raw.no_padding()
        raw.no_truncation()
        wanted = [each.ids for each in raw.encode_batch(list(TEXTS))]
        found = tokenizer(list(TEXTS), verbose=False)["input_ids"]
    for text, want, have in zip(TEXTS, wanted, found, strict=True):
        if want != have:
            raise ProofError(
                f"the tokenizer of {name} reads {text!r} as the tokens {have[:8]}, and its {TOKENIZER} says "
                f"{want[:8]}; make tokenizer_config.json agree with {TOKENIZER}, or save the tokenizer again"
            )
    return len(TEXTS)


def keep_tokens(folder: Path, tokenizer: Any) -> None:
    """Let others read texts as `tokenizer` does, which was saved in `folder` with its model.

    transformers takes another class than tokenizer_config.json names for some types of model (qwen2), with other tokens
    where tokenizer.json is not of that class. Where it does, the file names the class in a second way.
    """
    try:
        others = AutoTokenizer.from_pretrained(str(folder), **_CLOSED)(list(TEXTS), verbose=False)["input_ids"]
    except Exception:  # noqa: BLE001 (whatever it is: that class cannot read the file)
        others = None
    if others != tokenizer(list(TEXTS), verbose=False)["input_ids"]:
        path = folder / TOKEN_FILES[0]
        fields = read_json(path) | {"processor_class": PreTrainedTokenizerFast.__name__}
        path.write_text(json.dumps(fields, indent=2, ensure_ascii=False), encoding="utf-8")


# What tokenizers read in different ways: digits, brackets, spaces, accents, other scripts, emoji.
_PIECES = (
    *("word", "Word", "WORD", "camelCase", "snake_case", "don't", "WE'LL", "e.g.", "well-known", "http://a.b/c?d=1"),
    *(
        "7",
        "42",
        "1987",
        "3.14",
        "1,000,000",
        "10%",
        "$5",
        "(once)",
        "[1]",
        "{x}",
        "<b>",
        '"so"',
        "«so»",
        "…",
        "#",
        "@a",
    ),
    *(
        "é",
        "e\u0301",
        "ﬁne",
        "naïve",
        "Ångström",
        "ß",
        "İ",
        "ñandú",
        "½",
        "２０",
        "中文",
        "日本語です",
        "한국어",
        "ไทย",
    ),
    *(
        "русский",
        "ελληνικά",
        "עברית",
        "العربية",
        "हिन्दी",
        "🙂",
        "👩\u200d💻",
        "\u00a0",
        "\u200b",
        "\t",
        "\n\n",
        "  ",
        "==",
    ),
)
_FRAMES = ("{}", " {}", "{} ", "a {} b", "The old man saw {}.", "A{}b", "{0}{0}", "({0}, {0})")
TEXTS = ("", *(frame.format(piece) for piece in _PIECES for frame in _FRAMES))
