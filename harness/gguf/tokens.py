"""Metadata of a GGUF file ─▶ tokenizer.json and tokenizer_config.json.

A GGUF file has the tokens and merges, and only the name of what cuts a text before them (tokenizer.ggml.pre). Each name
here stands for rules that are known exactly; any other is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from harness.errors import HarnessError
from harness.gguf.reading import GgufFile

_PREFIX = "tokenizer.ggml."
_CHAT = "tokenizer.chat_template"
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


class _Kind(IntEnum):
    """tokenizer.ggml.token_type."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


def _split(pattern: str) -> Any:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior="isolated"), _BYTES])


# What cuts a text of a byte-level BPE ("gpt2") before its merges.
_CUTS: Mapping[str, Any] = {
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "llama-bpe": _split(_LLAMA3),
    "qwen2": _split(_QWEN2),
}
_WHOLE_WORDS_FIRST = ("llama-bpe",)  # a piece that is a token is taken whole, whatever the merges say
_COMPOSED = ("qwen2",)  # Unicode's NFC comes first
_BEGINS_BY_ITSELF = ("llama", "llama-bpe")  # llama.cpp puts BOS in front where the file does not say


def tokenizer_of(file: GgufFile) -> tuple[Tokenizer, dict[str, Any]]:
    """The tokenizer of `file` and the fields of its tokenizer_config.json. HarnessError if it cannot be rebuilt."""
    model, pre = file.text(f"{_PREFIX}model"), file.text(f"{_PREFIX}pre", "none")
    tokens = [str(token) for token in file.items(f"{_PREFIX}tokens")]
    kinds = file.items(f"{_PREFIX}token_type")
    if len(kinds) != len(tokens) or len(set(tokens)) != len(tokens):
        raise HarnessError(f"{file.name} names a token twice, or not the type of each; fetch another GGUF file")
    if model == "gpt2":
        tokenizer, known = _byte_level(file, tokens, pre), pre
    elif model == "llama":
        tokens = [_respelled(token, kind) for token, kind in zip(tokens, kinds, strict=True)]
        tokenizer, known = _sentencepiece(file, tokens, kinds, pre), model
    else:
        raise HarnessError(
            f"{file.name} has a tokenizer of the model {model!r}, which cannot be rebuilt (gpt2 and llama can "
            "be); give the original checkpoint in safetensors"
        )
    roles = _roles(file, tokens, kinds)
    special = {token for token, kind in zip(tokens, kinds, strict=True) if kind == _Kind.CONTROL} | {*roles.values()}
    whole = {token for token, kind in zip(tokens, kinds, strict=True) if kind == _Kind.USER_DEFINED} - special
    tokenizer.add_special_tokens([_added(token, True) for token in tokens if token in special])
    tokenizer.add_tokens([_added(token, False) for token in tokens if token in whole])
    begins = file.flag(f"{_PREFIX}add_bos_token", known in _BEGINS_BY_ITSELF)
    ends = file.flag(f"{_PREFIX}add_eos_token")
    _add_around(file, tokenizer, [roles.get("bos_token")] if begins else [], [roles.get("eos_token")] if ends else [])
    limit = file.number(f"{file.text('general.architecture')}.context_length")
    # How an instruction model is asked, where the file is of one.
    chat = {"chat_template": file.text(_CHAT)} if _CHAT in file.metadata else {}
    return tokenizer, {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **roles,
        **chat,
        "model_max_length": limit,
        "clean_up_tokenization_spaces": False,
    }


def _byte_level(file: GgufFile, tokens: Sequence[str], pre: str) -> Tokenizer:
    """Byte-level BPE, as GPT-2's."""
    if pre not in _CUTS:
        raise HarnessError(
            f"{file.name} cuts texts by the rules {pre!r} (tokenizer.ggml.pre), which cannot be rebuilt exactly; "
            f"known: {', '.join(sorted(_CUTS))}; give the original checkpoint in safetensors"
        )
    merges = [str(merge).split(" ") for merge in file.items(f"{_PREFIX}merges")]
    ids = {token: number for number, token in enumerate(tokens)}
    if odd := [merge for merge in merges if len(merge) != 2 or not {*merge, "".join(merge)} <= ids.keys()]:
        raise HarnessError(f"{file.name} has a merge {' '.join(odd[0])!r} that is not of its tokens; fetch it again")
    pairs = [(left, right) for left, right in merges]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=pairs, ignore_merges=pre in _WHOLE_WORDS_FIRST))
    if pre in _COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _CUTS[pre]
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentencepiece(file: GgufFile, tokens: Sequence[str], kinds: Sequence[int], pre: str) -> Tokenizer:
    """SentencePiece's BPE, with bytes for what has no token (Llama 2, Gemma). The merges follow from the tokens."""
    wild = [key for key in ("precompiled_charsmap", "remove_extra_whitespaces") if file.metadata.get(_PREFIX + key)]
    if pre not in ("none", "default") or wild:
        said = f"{_PREFIX}{wild[0]}" if wild else f"tokenizer.ggml.pre = {pre}"
        raise HarnessError(
            f"{file.name} changes texts before they are cut ({said}) in a way that cannot be rebuilt exactly; "
            "give the original checkpoint in safetensors"
        )
    scores = [float(score) for score in file.items(f"{_PREFIX}scores")]
    if len(scores) != len(tokens):
        raise HarnessError(f"{file.name} has {len(scores)} scores for {len(tokens)} tokens; fetch another GGUF file")
    unknown = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _Kind.UNKNOWN]
    unk = _roles(file, tokens, kinds).get("unk_token", next(iter(unknown), None))
    ids = {token: index for index, token in enumerate(tokens)}
    cut = {token for token, kind in zip(tokens, kinds, strict=True) if kind in (_Kind.NORMAL, _Kind.USER_DEFINED)}
    first = [math.inf if kind == _Kind.USER_DEFINED else score for kind, score in zip(kinds, scores, strict=True)]
    merges = _merges(ids, cut, first)
    has_bytes = _Kind.BYTE in kinds
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, unk_token=unk, fuse_unk=True, byte_fallback=has_bytes))
    spaces = normalizers.Replace(" ", _SPACE)
    prefix = file.flag(f"{_PREFIX}add_space_prefix", True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), spaces]) if prefix else spaces
    back = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*back, decoders.Strip(" ", 1, 0)] if prefix else back)
    return tokenizer


def _merges(ids: Mapping[str, int], cut: set[str], scores: Sequence[float]) -> list[tuple[str, str]]:
    """Every pair of tokens that makes a token, that of the higher score first (as SentencePiece joins them)."""
    found: list[tuple[float, int, str, str]] = []
    for token in cut:
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in ids and right in ids:
                found.append((scores[ids[token]], -ids[token], left, right))
    found.sort(key=lambda pair: (pair[0], pair[1], len(pair[2])), reverse=True)
    return [(left, right) for _, _, left, right in found]


def _respelled(token: str, kind: int) -> str:
    """llama.cpp writes runs of spaces that are tokens of their own as spaces."""
    return token.replace(" ", _SPACE) if kind == _Kind.USER_DEFINED and not token.strip(" ") else token


def _roles(file: GgufFile, tokens: Sequence[str], kinds: Sequence[int]) -> dict[str, str]:
    """Which token begins, ends, fills and stands for the unknown. A token of ordinary text has no role."""
    keys = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    found: dict[str, str] = {}
    for role, key in keys.items():
        number = file.metadata.get(f"{_PREFIX}{key}_token_id")
        if number is None:
            continue
        if not isinstance(number, int) or not 0 <= number < len(tokens):
            raise HarnessError(
                f"{file.name} names the token {number} as its {role}, which is not there; fetch it again"
            )
        if kinds[number] in (_Kind.UNKNOWN, _Kind.CONTROL, _Kind.USER_DEFINED):
            found[role] = tokens[number]
    return found


def _added(token: str, special: bool) -> AddedToken:
    return AddedToken(token, normalized=False, special=special)


def _add_around(
    file: GgufFile, tokenizer: Tokenizer, before: Sequence[str | None], after: Sequence[str | None]
) -> None:
    """Put special tokens before and behind every text."""
    around = [*before, *after]
    if None in around:
        raise HarnessError(
            f"{file.name} adds a token to every text (add_bos_token, add_eos_token) and names no special one"
        )
    if around:
        names = [str(token) for token in around]
        first, last = [str(token) for token in before], [str(token) for token in after]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[*first, "$A", *last],
            pair=[*first, "$A", *last, *(f"{token}:1" for token in first), "$B:1", *(f"{token}:1" for token in last)],
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in dict.fromkeys(names)],
        )
