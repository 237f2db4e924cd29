"""Geometry on vectors whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.metrics import score_outcomes
from harness.suites.words import SUITE
from harness.suites.words.data.examples import WordExample
from harness.suites.words.geometry import measure_geometry
from tests.cli.test_cli import call


def examples(n: int = 160) -> list[WordExample]:
    return [
        WordExample(
            example_id=str(i),
            texts=(f"w{i} x{i} y{i}", f"w{i} z{i}"),
            spans=((0, len(f"w{i}")), (0, len(f"w{i}"))),
            word=f"w{i}",
            label="same",
        )
        for i in range(n)
    ]


class Cone:
    """Layer 0: directions at random. Layer 1: the same with three dimensions that are large for every word."""

    def word_vectors(self, texts, spans, *, take="mean", keep_cut=False) -> np.ndarray:
        made = []
        for text, (start, end) in zip(texts, spans, strict=True):
            seed = sum((place + 1) * ord(letter) for place, letter in enumerate(text[start:end]))
            made.append(np.random.default_rng(seed).normal(size=40))
        vectors = np.stack([made, made]).astype(np.float32)
        vectors[1, :, :3] += 20.0
        return vectors


def by_layer(parts) -> dict[str, list[float]]:
    found = {}
    for part in parts:
        frame = part.frame()
        found[part.subset] = [score_outcomes(part.metric, rows) for _, rows in frame.groupby("layer")]
    return found


def test_anisotropy_is_seen_where_it_is_and_gone_when_centred() -> None:
    parts, note = measure_geometry(SUITE.task("WordGeometry"), examples(), Cone())
    found = by_layer(parts)
    kinds = ("random words", "words of a sentence")
    ways = ("", ", centred", ", standardised", ", three dimensions")
    assert set(found) == {"default", *(f"{kind}{way}" for kind in kinds for way in ways)} - {"random words"}
    assert note == ""
    isotropic, cone = found["default"]
    assert abs(isotropic) < 0.05
    assert cone > 0.9
    assert abs(found["random words, centred"][1]) < 0.05
    assert abs(found["random words, standardised"][1]) < 0.05
    assert found["random words, three dimensions"][1] / cone > 0.95
    assert found["words of a sentence"][1] > 0.9


@pytest.mark.slow
def test_diagnostics_are_measured_shown_and_compared_with_nothing(
    tiny_base: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ("--base", str(tiny_base))
    run = ("run", "--variant", "bidir", "--suite", "words", "--tasks", "WordGeometry", *base)
    assert call(*run, "--data-dir", str(shared_data / "probes"), monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    assert "WordGeometry: cosine" in said.err
    assert "All results are stored. `harness words --base tiny` shows these diagnostics." in said.out
    assert call("words", "--base", "tiny", "--show", "geometry", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr()
    assert "words of a sentence, centred" in said.out
    assert call("words", "--base", "tiny", "--show", "context", monkeypatch=monkeypatch) == 2
    assert "no such word-level results on base tiny" in capsys.readouterr().err
