"""Texts are cut by a rebuilt SentencePiece tokenizer as by SentencePiece itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from harness.bases import resolve_base
from harness.encoder.tokenizer import TEXTS, load_tokenizer, prove_tokens
from harness.errors import HarnessError
from tests.conftest import library
from tests.gguf.files import ENGLISH, metadata, small_model, weights_of, write_gguf

sentencepiece = library("sentencepiece")
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
MORE = [*TEXTS, *ENGLISH, "a  b   c    d", "  two in front", "one\n\ntwo\n\n\nthree\tfour", "an 🙂 and ½", "   "]


def trained(*, prefix: bool, own: list[str]) -> Any:
    """A BPE of 400 tokens with bytes, as of Llama 2 (with a space in front) or of Gemma."""
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*ENGLISH, *(text for text in TEXTS if text.isascii())]),
        model_writer=made,
        model_type="bpe",
        vocab_size=400,
        byte_fallback=True,
        add_dummy_prefix=prefix,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        user_defined_symbols=own,
        split_digits=True,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())


def stated(pieces: Any, *, prefix: bool) -> dict[str, Any]:
    """What llama.cpp's converter states of it: its own tokens have a score of -1000, and spaces for spaces."""
    ids = range(pieces.get_piece_size())
    known = {each: pieces.id_to_piece(each) for each in ids}
    kinds = {each: _kind(pieces, each) for each in ids}
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [known[each].replace(SPACE, " ") if kinds[each] == 4 else known[each] for each in ids],
        "tokenizer.ggml.scores": [-1000.0 if kinds[each] in (3, 4) else pieces.get_score(each) for each in ids],
        "tokenizer.ggml.token_type": [kinds[each] for each in ids],
        "tokenizer.ggml.unknown_token_id": pieces.unk_id(),
        "tokenizer.ggml.bos_token_id": pieces.bos_id(),
        "tokenizer.ggml.eos_token_id": pieces.eos_id(),
        "tokenizer.ggml.add_space_prefix": prefix,
    }


def _kind(pieces: Any, each: int) -> int:
    if pieces.is_unknown(each):
        return 2
    if pieces.is_control(each):
        return 3
    if pieces.is_byte(each):
        return 6
    return 4 if pieces.get_score(each) == 0 and pieces.id_to_piece(each).strip(SPACE + "\n") == "" else 1


@pytest.mark.parametrize(
    ("prefix", "own"),
    [(True, []), (False, ["\n", "\n\n", SPACE * 2, SPACE * 3, SPACE * 4])],
    ids=["as Llama 2", "as Gemma"],
)
def test_texts_are_cut_as_by_sentencepiece(prefix: bool, own: list[str]) -> None:
    pieces = trained(prefix=prefix, own=own)
    model = small_model("llama", vocab_size=pieces.get_piece_size())
    fields = metadata("llama", model.config) | stated(pieces, prefix=prefix)
    kinds = zip(fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"], strict=True)
    assert [token for token, kind in kinds if kind == 4] == [each.replace(SPACE, " ") for each in own]
    base = resolve_base(str(write_gguf(Path("tiny.gguf"), "llama", fields, weights_of("llama", model))))
    rebuilt = load_tokenizer(base.folder, name="tiny")
    prove_tokens(rebuilt, base.folder, name="tiny")
    assert len(MORE) > 400
    for text in MORE:
        assert rebuilt(text)["input_ids"] == [pieces.bos_id(), *pieces.encode(text)], text
    for text in ENGLISH:
        assert rebuilt.decode(rebuilt(text)["input_ids"], skip_special_tokens=True) == text


def test_what_changes_texts_first_is_refused() -> None:
    pieces = trained(prefix=True, own=[])
    model = small_model("llama", vocab_size=pieces.get_piece_size())
    fields = metadata("llama", model.config) | stated(pieces, prefix=True)
    for key, value in {"remove_extra_whitespaces": True, "precompiled_charsmap": [1, 2], "pre": "deepseek"}.items():
        harmed = fields | {f"tokenizer.ggml.{key}": value}
        path = write_gguf(Path("tiny.gguf"), "llama", harmed, weights_of("llama", model))
        with pytest.raises(HarnessError, match=f"tokenizer.ggml.{key}.* cannot be rebuilt exactly"):
            resolve_base(str(path))
