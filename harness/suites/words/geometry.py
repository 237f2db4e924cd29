"""How word vectors lie in space: a diagnostic by layer, not a score.

Anisotropy as in Feng et al. 2025: the mean cosine of the target words of 1,000 random pairs of WiC's sentences
(`random words`), and of pairs of words of one sentence (`words of a sentence`), every layer. Each on the vectors as
they are, `centred` (less the mean over the sample) and `standardised` (each dimension with mean 0 and deviation 1), and
what the three dimensions that contribute most to the raw cosine contribute (`three dimensions`; Timkey and van
Schijndel 2021, section 3: a dimension's contribution is the mean of x_i y_i / (|x| |y|)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import TextEncoder
from harness.suites.words.data.examples import Span, WordExample, blank_spans
from harness.suites.words.probe import WordProbe
from harness.suites.words.results import SCORE, OutcomeBuilder, SubsetOutcomes

PAIRS = 1000
TOP = 3


@dataclass(frozen=True)
class _Sample:
    """Words at spans, and the pairs among them whose cosines are taken, (M, 2); `of` (M,) is a pair's example."""

    texts: tuple[str, ...]
    spans: tuple[Span, ...]
    pairs: NDArray[np.intp]
    of: NDArray[np.intp]


def measure_geometry(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """Mean cosines by layer; the first part, of random words as they are, is the task's result."""
    rng = np.random.default_rng(0)
    parts: list[SubsetOutcomes] = []
    lost = 0
    for kind, sample in (
        ("random words", _random_words(examples, rng)),
        ("words of a sentence", _within(examples, rng)),
    ):
        vectors_LND = encoder.word_vectors(sample.texts, sample.spans, keep_cut=True)
        whole_N = np.isfinite(vectors_LND[0]).all(axis=1)
        whole_M = whole_N[sample.pairs].all(axis=1)
        lost += int((~whole_M).sum())
        pairs, of = sample.pairs[whole_M], sample.of[whole_M]
        made = {
            name: OutcomeBuilder([examples[i] for i in of])
            for name in ("", ", centred", ", standardised", ", three dimensions")
        }
        for layer, vectors_ND in enumerate(vectors_LND.astype(np.float64)):
            for name, values in zip(made, _cosines(vectors_ND, np.flatnonzero(whole_N), pairs), strict=True):
                made[name].add(layer=layer, gold_score=1.0, predicted_score=values)
        for name, answers in made.items():
            subset = SCORE if not parts else f"{kind}{name}"
            parts.append(SubsetOutcomes(subset=subset, metric="cosine", answers=answers))
    return parts, f"{lost} pairs left out: a word is cut off" if lost else ""


def _cosines(
    x_ND: NDArray[np.float64], whole: NDArray[np.intp], pairs: NDArray[np.intp]
) -> Iterator[NDArray[np.float64]]:
    """(M,) cosines of the pairs: raw, centred, standardised; and the part of the raw ones that TOP dimensions make."""
    mean_D, deviation_D = x_ND[whole].mean(axis=0), x_ND[whole].std(axis=0)
    moved_ND = x_ND - mean_D
    products_MD = _products(x_ND, pairs)
    yield products_MD.sum(axis=1)
    yield _products(moved_ND, pairs).sum(axis=1)
    yield _products(moved_ND / np.where(deviation_D > 1e-12, deviation_D, np.inf), pairs).sum(axis=1)
    top = np.argsort(products_MD.mean(axis=0))[-TOP:]
    yield products_MD[:, top].sum(axis=1)


def _products(x_ND: NDArray[np.float64], pairs: NDArray[np.intp]) -> NDArray[np.float64]:
    """(M, D) products of unit vectors, dimension by dimension; their sum is the cosine."""
    unit_ND = x_ND / np.maximum(np.linalg.norm(x_ND, axis=1, keepdims=True), 1e-12)
    return unit_ND[pairs[:, 0]] * unit_ND[pairs[:, 1]]


def _random_words(examples: Sequence[WordExample], rng: np.random.Generator) -> _Sample:
    uses = [(text, span, i) for i, e in enumerate(examples) for text, span in zip(e.texts, e.spans, strict=True)]
    chosen = rng.choice(len(uses), size=(min(PAIRS, len(uses) // 2), 2), replace=False)
    pairs = np.arange(chosen.size).reshape(-1, 2)
    picked = [uses[i] for i in chosen.ravel()]
    return _Sample(
        tuple(text for text, _, _ in picked),
        tuple(span for _, span, _ in picked),
        pairs,
        np.array([i for _, _, i in picked[::2]]),
    )


def _within(examples: Sequence[WordExample], rng: np.random.Generator) -> _Sample:
    """Two different words of each of PAIRS sentences."""
    texts: list[str] = []
    spans: list[Span] = []
    of: list[int] = []
    for i in rng.permutation(len(examples)):
        text = examples[i].texts[0]
        words = [span for span in blank_spans(text) if any(map(str.isalpha, text[slice(*span)]))]
        if len(words) < 2:
            continue
        for place in rng.choice(len(words), size=2, replace=False):
            texts.append(text)
            spans.append(words[place])
        of.append(int(i))
        if len(of) == PAIRS:
            break
    return _Sample(tuple(texts), tuple(spans), np.arange(len(texts)).reshape(-1, 2), np.array(of))
