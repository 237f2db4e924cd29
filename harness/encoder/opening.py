"""A folder of weights ─▶ decoder, causal language model or reference model; weights that do not fit are refused.

This and harness.encoder.tokenizer are the only places that let transformers or sentence-transformers load anything.
Nothing of a folder's own code is run. transformers draws a weight that it does not find at random and leaves out one
that it does not know; both are refused here.
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
from transformers import AutoConfig, AutoModelForCausalLM

from harness.bases import TOKENIZER, read_json
from harness.encoder.placement import Placement
from harness.encoder.tokenizer import (
    CLOSED,
    TEXTS,
    fit_tokens,
    load_tokenizer,
    prove_tokens,
    read_otherwise,
    saying,
    without_chat,
)
from harness.errors import HarnessError

_HEAD = "lm_head."
_IN_A_LAYER = re.compile(r"(^|\.)(layers?|h|blocks?)\.\d+\.")


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What was proven as a decoder was opened; the rest was refused.

    `tensors` of the decoder were read from the file, which holds the tensors `left` besides; the adapters of `merged`
    stages were added to them, or a `share` of each. `texts` were read by the tokenizer as tokenizer.json says. `note`
    is what a user should know of it.
    """

    tensors: int
    left: tuple[str, ...]
    texts: int
    note: str = ""
    merged: int = 0
    share: float | None = None

    def describe(self) -> dict[str, str]:
        """For the provenance of a run, in words."""
        beside = f"; {', '.join(self.left)} left out" if self.left else ""
        part = "" if self.share is None else f"{self.share:g} of "
        added = f"; {part}{self.merged} adapters merged into them, whose sums are as they were trained"
        added = added if self.merged else ""
        return {
            "weights": f"{self.tensors} tensors read, none missing{beside}{added}",
            "tokens": f"{self.texts} texts read as {TOKENIZER} says",
        }


def open_decoder(folder: Path, *, dtype: torch.dtype, name: str) -> tuple[Transformer, Opening]:
    """The decoder in `folder` with its tokenizer, as the first module of a sentence-transformers model.

    Raises HarnessError, with `name` in its sentence, for a folder that cannot be opened, whose weights are not those
    that its config.json asks for, or whose tokenizer names nothing that can fill a batch; ProofError for a tokenizer
    that does not read texts as tokenizer.json says.
    """
    tokenizer = without_chat(load_tokenizer(folder, name=name))
    _refuse_far_larger(folder, name=name)
    with saying(name, "a decoder"), _checked(name, tokenizer) as read:
        transformer = Transformer(str(folder), model_kwargs=_weights(dtype), config_kwargs=dict(CLOSED))
    fit_tokens(tokenizer, transformer.model, name=name)
    return transformer, Opening(tensors=read.tensors, left=read.left, texts=prove_tokens(tokenizer, folder, name=name))


def open_model(
    folder: Path, *, bare: bool, place: Placement, name: str
) -> tuple[SentenceTransformer, dict[str, str], str]:
    """The sentence-transformers model in `folder`; a `bare` transformers checkpoint is mean pooled over all its tokens.

    With it, what was seen of weights and tokens, and a warning or "". The tokens of a bare checkpoint are read as its
    tokenizer.json says; a saved model stays as sentence-transformers opens it, and the warning says what it reads
    otherwise. Raises HarnessError as `open_decoder` does; heads that an encoder does not use may be in the file.
    """
    options = {"model_kwargs": _weights(getattr(torch, place.dtype))}
    own = without_chat(load_tokenizer(folder, name=name)) if bare and (folder / TOKENIZER).is_file() else None
    with saying(name, "a sentence-transformers model"), _checked(name, own, encoder=True) as read:
        if bare:
            one = Transformer(str(folder), config_kwargs=dict(CLOSED), processor_kwargs=dict(CLOSED), **options)
            if limit := _scale_limit(one.model.config):
                one.max_seq_length = min(limit, one.max_seq_length or limit)
            pooling = Pooling(int(one.model.config.hidden_size), "mean")
            model = SentenceTransformer(modules=[one, pooling], device=place.device)
        else:
            model = SentenceTransformer(str(folder), device=place.device, **CLOSED, **options)
    tokenizer = model.tokenizer
    if own is not None or (getattr(tokenizer, "is_fast", False) and tokenizer.pad_token is None):
        fit_tokens(tokenizer, model[0].model, name=name)
    if own is not None and getattr(model[0].model.config, "type_vocab_size", 0) < 2:
        own.model_input_names = [each for each in own.model_input_names if each != "token_type_ids"]
    seen, warning = Opening(tensors=read.tensors, left=read.left, texts=len(TEXTS)).describe(), ""
    where = folder if bare else folder / _first_module(folder)
    if own is not None:
        prove_tokens(own, folder, name=name)
    elif not getattr(tokenizer, "is_fast", False) or not (where / TOKENIZER).is_file():
        seen["tokens"] = f"as the libraries open them; there is no {TOKENIZER} to compare with"
    elif otherwise := read_otherwise(tokenizer, where, name=name):
        warning = f"{otherwise}; it is measured as sentence-transformers opens it"
        seen["tokens"] = f"not as {TOKENIZER} says: {otherwise}"
    return model, seen, warning


def _first_module(folder: Path) -> str:
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    return str(modules[0].get("path") or "") if modules else ""


def open_causal(folder: Path, *, dtype: torch.dtype, name: str) -> Any:
    """The causal language model in `folder`, with its LM head. Raises HarnessError as `open_decoder` does."""
    _refuse_far_larger(folder, name=name)
    with saying(name, "a causal language model"):
        config = AutoConfig.from_pretrained(folder, **CLOSED)
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


def redraw(backbone: Any, *, seed: int) -> None:
    """Replace every weight by a fresh draw of the architecture's own initialisation."""
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = AutoModel.from_config(backbone.config, dtype=torch.float32)
    backbone.load_state_dict(fresh.state_dict())


def most_tokens(config: Any) -> int | None:
    """The most tokens of a text that a decoder reads at one scale; None if its config.json sets no limit."""
    limits = [getattr(config, "max_position_embeddings", None), _scale_limit(config)]
    return min((int(limit) for limit in limits if limit and limit > 0), default=None)


def _scale_limit(config: Any) -> int | None:
    """Up to how many tokens a decoder with longrope reads a text at the first of its two scales; None without longrope.

    The longest text of a pass decides at which scale all of its texts are read.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    ropes = (rope, *(part for part in rope.values() if isinstance(part, dict)))  # one, or one for each layer type
    limits = [each.get("original_max_position_embeddings") for each in ropes if each.get("rope_type") == "longrope"]
    return min((int(limit) for limit in limits if limit), default=None)


def check_one_scale(folder: Path, tokens: int, *, name: str, what: str) -> None:
    """Raise HarnessError if the decoder in `folder` reads texts of up to `tokens` tokens at more than one scale."""
    with saying(name, "a decoder"):
        limit = _scale_limit(AutoConfig.from_pretrained(folder, **CLOSED))
    if limit is not None and limit < tokens:
        raise HarnessError(
            f"{what} reads up to {tokens} tokens, and {name} changes its scale (longrope) above {limit}; set "
            f"max_length to {limit} or less in the card"
        )


def _weights(dtype: torch.dtype) -> dict[str, Any]:
    return {"dtype": dtype, "use_safetensors": True, **CLOSED}


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
