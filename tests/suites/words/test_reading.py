"""Each text of a data set is read once for all tasks and conditions, whatever fits into memory."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.recipes import Recipe
from harness.suites.words import reading
from harness.suites.words.data.examples import WordExample, blank_spans
from harness.suites.words.reading import WordVectors
from tests.suites.words.kit import AtOnce

POSITIONS = (-1, 0, 1)
WAYS = [((-1,), "mean", False), ((0, 1), "mean", False), ((0,), "mean", True), ((1,), "first", False)]
WAYS += [(POSITIONS, "last", False)]


def sentences(n: int = 12) -> list[WordExample]:
    texts = [f"the {'old ' * (i % 3)}n{i} saw it" for i in range(n)]
    spans = [blank_spans(text)[1 + i % 3] for i, text in enumerate(texts)]
    return [
        WordExample(example_id=str(i), texts=(text,), spans=(span,), word=f"n{i}", label="ab"[i % 2])
        for i, (text, span) in enumerate(zip(texts, spans, strict=True))
    ]


class Counting(AtOnce):
    """Three layers that tell text, word and way. Counts what is read; words that end behind `limit` are cut off."""

    def __init__(self, limit: int = 1000) -> None:
        self.calls, self.read, self.limit = 0, Counter[str](), limit

    def word_vectors(self, texts, spans, *, take="mean", keep_cut=False) -> np.ndarray:
        self.calls += 1
        self.read.update(set(texts))
        takes = [take] * len(texts) if isinstance(take, str) else take
        rows = [[len(text), *span, len(way)] for text, span, way in zip(texts, spans, takes, strict=True)]
        vectors = np.array([np.array(rows) * (layer + 1) for layer in range(3)], dtype=np.float32)
        vectors[:, [end > self.limit for _, end in spans]] = np.nan
        return vectors


def looked(encoder, examples) -> list[np.ndarray]:
    vectors = WordVectors(encoder, examples, POSITIONS)
    return [np.stack(list(vectors.at(where, take=take, alone=alone).vectors)) for where, take, alone in WAYS]


@pytest.mark.parametrize("budget", [0, 700, 1 << 30], ids=["all on disk", "some on disk", "in memory"])
def test_each_text_is_read_once_and_the_answers_are_the_same(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    examples, encoder, on_disk = sentences(), Counting(limit=13), []
    real = reading._on_disk
    monkeypatch.setattr(reading, "_on_disk", lambda *shape: on_disk.append(shape) or real(*shape))
    monkeypatch.setattr(reading, "MOST_SHARED_BYTES", budget)
    found = looked(encoder, examples)
    assert encoder.calls == 2  # in the texts, and alone
    assert max(encoder.read.values()) == 1
    assert len(on_disk) == {0: 4, 700: 3, 1 << 30: 0}[budget]
    for (where, take, alone), vectors in zip(WAYS, found, strict=True):
        every = take == "mean" and not alone
        assert len(vectors) == (3 if every else 1)
        texts, spans, whole = [], [], []
        for example in examples:
            words = blank_spans(example.texts[0])
            here = [words[words.index(example.spans[0]) + position] for position in where]
            whole.append(max(end for _, end in here) <= 13)
            texts += [example.texts[0][slice(*span)] if alone else example.texts[0] for span in here]
            spans += [(0, span[1] - span[0]) if alone else span for span in here]
        plain = Counting().word_vectors(texts, spans, take=take).reshape(3, len(examples), len(where), 4)
        np.testing.assert_array_equal(vectors, plain.swapaxes(1, 2)[0 if every else 2 :, :, whole])
        assert all(whole) == (where == (-1,))


def test_a_model_reads_the_same_from_disk(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Placement(device="cpu", dtype="float32")
    encoder = build_encoder(tiny_base, Recipe(attention="causal"), seed=None, place=place, name="t", revision="1")
    in_memory = looked(encoder, sentences())
    monkeypatch.setattr(reading, "MOST_SHARED_BYTES", 0)
    for kept, on_disk in zip(in_memory, looked(encoder, sentences()), strict=True):
        np.testing.assert_array_equal(kept, on_disk)


def test_nothing_stays_on_disk_after_a_failure_and_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Counting):
        def read_words(self, texts, spans, sink, **options) -> None:
            super().read_words(texts, spans, sink, **options)
            raise HarnessError("a state of a word is not finite")

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "MOST_SHARED_BYTES", 0)
    with pytest.raises(HarnessError, match="not finite"):
        looked(Failing(), sentences())
    assert list((tmp_path / "cache").iterdir()) == []

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(HarnessError, match=r"the disk of .*cache is full; make room there"):
        looked(Counting(), sentences())
    assert list((tmp_path / "cache").iterdir()) == []
