"""The engine: every distinct text once, longest first, by tokens; and what goes wrong ends well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.encoder import budget
from harness.encoder import model as encoder_model
from harness.encoder.budget import CPU_MOST, TokenBudget
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.encoder.reader import EncodingProgress
from harness.errors import HarnessError
from harness.outcomes import TaskResult
from harness.recipes import Recipe
from harness.run.measure import measure

TEXTS = ["the cat sat on the mat", "a dog", "  the old man ", "a dog", "the big red bird was in the tree and ran"]


def build(folder: Path, *, dtype: str = "float32", **recipe: Any) -> Encoder:
    fields = {"attention": "bidirectional"} | recipe
    place = Placement(device="cpu", dtype=dtype)
    return build_encoder(folder, Recipe(**fields), seed=None, place=place, name="tiny", revision="1")


class Ear:
    """An EncodingWatch that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.readings: list[EncodingProgress] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def reading(self, reading: EncodingProgress) -> None:
        self.readings.append(reading)


@pytest.fixture
def encoder(tiny_base: Path) -> Encoder:
    made = build(tiny_base)
    made.watch = Ear()
    return made


def counted(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the token ids of every forward pass from here on."""
    shapes: list[tuple[int, ...]] = []
    real = encoder.backbone.forward

    def forward(*arguments: Any, **options: Any) -> Any:
        shapes.append(tuple(options["input_ids"].shape))
        return real(*arguments, **options)

    monkeypatch.setattr(encoder.backbone, "forward", forward)
    return shapes


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_embeddings_are_those_of_plain_sentence_transformers(tiny_base: Path, attention: str) -> None:
    encoder = build(tiny_base, attention=attention)
    plain = encoder.model.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(encoder.encode(TEXTS), plain, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=2), plain, atol=1e-6)


def test_each_text_is_read_once_and_no_padding_is(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = counted(encoder, monkeypatch)
    encoder.encode(TEXTS)
    lengths = [len(encoder.model.tokenizer(text)["input_ids"]) for text in dict.fromkeys(TEXTS)]
    assert shapes == [(1, sum(lengths))]
    assert encoder.watch.readings[-1].texts == len(lengths)  # type: ignore[union-attr]
    assert encoder.watch.readings[-1].tokens == sum(lengths)  # type: ignore[union-attr]


def test_passes_hold_the_budget_longest_first(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = encoder.encode(TEXTS)
    shapes = counted(encoder, monkeypatch)
    encoder.reader._budgets[False] = TokenBudget(12)
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-6)
    assert shapes == [(1, 11), (1, 7), (1, 7)]  # 11 · 7 · 4 and 3
    encoder.reader._budgets[False] = TokenBudget(1)
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-6)


def test_instructed_texts_are_packed_too(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = encoder.encode(TEXTS, instruction="saw the bird:", batch_size=1)
    shapes = counted(encoder, monkeypatch)
    np.testing.assert_allclose(encoder.encode(TEXTS, instruction="saw the bird:"), plain, atol=1e-6)
    assert [shape[0] for shape in shapes] == [1]


def test_bfloat16_is_pooled_in_float32(tiny_base: Path) -> None:
    half, full = build(tiny_base, dtype="bfloat16").encode(TEXTS), build(tiny_base).encode(TEXTS)
    assert half.dtype == np.float32
    cosine = (half * full).sum(1) / np.linalg.norm(half, axis=1) / np.linalg.norm(full, axis=1)
    assert 0.99 < cosine.min() < 1


def test_out_of_memory_halves_the_budget_and_goes_on(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = encoder.encode(TEXTS)
    real = encoder.backbone.forward

    def small(*arguments: Any, **options: Any) -> Any:
        if options["input_ids"].numel() > 12:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(*arguments, **options)

    monkeypatch.setattr(encoder.backbone, "forward", small)
    watch = encoder.watch = Ear()
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-6)
    assert watch.notes == ["out of GPU memory; going on with 12 tokens at a time"]
    assert encoder.backbone.config._attn_implementation == "sdpa"
    with pytest.raises(HarnessError, match="a text of 13 tokens does not fit into the memory of the GPU"):
        encoder.encode(["the " * 12])


def test_the_budget_follows_the_memory_that_is_free(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TokenBudget.of(encoder.backbone, layers=False, workers=1).tokens >= CPU_MOST
    monkeypatch.setattr(budget, "free_memory", lambda device: 1_000_000)
    last, every = (TokenBudget.of(encoder.backbone, layers=layers, workers=1).tokens for layers in (False, True))
    assert 1 < every < last < CPU_MOST


def test_a_model_that_returns_nan_is_refused_in_a_sentence(encoder: Encoder) -> None:
    with torch.no_grad():
        encoder.backbone.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(HarnessError, match="tiny gives an embedding that is not finite for 'the cat sat on the mat'"):
        encoder.encode(TEXTS)
    with pytest.raises(HarnessError, match="a state of a word is not finite"):
        encoder.word_vectors(["a dog"], [(2, 5)])


def test_a_text_of_100_000_tokens_and_an_empty_one(encoder: Encoder) -> None:
    long, empty = "dog " * 100_000, ""
    found = encoder.encode([long, empty, "a dog"])
    np.testing.assert_allclose(found[0], encoder.encode(["dog " * 63], batch_size=1)[0], atol=1e-6)
    assert np.isfinite(found).all()
    assert encoder.truncation_note() == "1 of 4 texts cut at 64 tokens"
    assert encoder.truncation_note() == ""


def test_no_texts(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == encoder.for_mteb().encode([]).shape == (0, 16)


def test_the_tasks_of_a_suite_share_embeddings(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = counted(encoder, monkeypatch)
    first = encoder.for_mteb().encode([{"text": TEXTS[:3]}, {"text": TEXTS[3:]}])
    assert len(shapes) == 1
    again = encoder.for_mteb().encode([{"text": [*TEXTS, "dog"]}])
    assert shapes[1:] == [(1, 2)]
    np.testing.assert_array_equal(again[:-1], first)
    np.testing.assert_allclose(again, encoder.encode([*TEXTS, "dog"]), atol=1e-6)
    asked = encoder.for_mteb().encode([{"text": TEXTS}], prompt_type=None)
    np.testing.assert_array_equal(asked, first)
    del shapes[:]
    with encoder.computed_otherwise(batch_size=5, kernel="eager") as otherwise:
        otherwise.for_mteb().encode([{"text": TEXTS}])
    with encoder.computed_otherwise(batch_size=1) as otherwise:
        otherwise.for_mteb().encode([{"text": TEXTS}])
    assert [shape[0] for shape in shapes] == [4, 1, 1, 1, 1]


def test_a_shared_text_that_is_cut_counts_for_every_task(encoder: Encoder) -> None:
    for _ in range(2):
        encoder.for_mteb().encode([{"text": ["dog " * 70, "a dog"]}])
        assert encoder.truncation_note() == "1 of 2 texts cut at 64 tokens"


def test_shared_embeddings_are_bounded_and_told_apart_by_instruction(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    real = encoder._read

    def read(texts: list[str], *options: Any) -> np.ndarray:
        asked.append(texts)
        return real(texts, *options)

    monkeypatch.setattr(encoder, "_read", read)
    monkeypatch.setattr(encoder_model, "MOST_SHARED_BYTES", 600)  # two rows of 64 bytes and their keys
    look = [encoder.encode(["cat", "dog", "cat"], instruction=said, share=True) for said in ("", "", "the")]
    assert asked == [["cat", "dog"], [], ["cat", "dog"]]
    np.testing.assert_array_equal(look[1], look[0])
    assert np.abs(look[2] - look[0]).max() > 1e-3
    assert len(encoder._shared) == 2
    encoder.encode(["cat", "mat", "dog"], instruction="", share=True)
    assert asked[3:] == [["cat", "mat", "dog"]]


def test_a_task_reads_its_texts_whatever_was_measured_before(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last digit of an embedding depends on the texts of its pass, so a run that is taken up again would differ."""

    class Reads:
        name = "Reads"

        def run(self, encoder: Encoder) -> list[TaskResult]:
            for _ in range(2):
                encoder.for_mteb().encode([{"text": ["cat", "dog"]}])
            return []

    asked: list[list[str]] = []
    real = encoder._read
    monkeypatch.setattr(encoder, "_read", lambda texts, *options: asked.append(texts) or real(texts, *options))
    for _ in range(2):
        measure(encoder, Reads())  # type: ignore[arg-type]
    assert asked == [["cat", "dog"], [], ["cat", "dog"], []]


@pytest.mark.parametrize("padding", ["left", "right"])
def test_the_padded_way_pads_on_either_side(encoder: Encoder, padding: str) -> None:
    wanted = encoder.encode(TEXTS)
    encoder.model.tokenizer.padding_side = padding
    with encoder.computed_otherwise(batch_size=4, kernel="eager") as otherwise:
        np.testing.assert_allclose(otherwise.encode(TEXTS), wanted, atol=1e-5)
