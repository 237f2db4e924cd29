"""How word vectors lie in space: a diagnostic by layer, not a score.

Anisotropy as in Feng et al. 2025: the mean cosine of the target words of 1,000 random pairs of WiC's sentences
(`random words`), and of pairs of words of one sentence (`words of a sentence`), every layer. Each on the vectors as
they are, `centred` (less the mean over the sample) and `standardised` (each dimension with mean 0 and deviation 1), and
what the three dimensions that contribute most to the raw cosine contribute (`three dimensions`; Timkey and van
Schijndel 2021, section 3: a dimension's contribution is the mean of x_i y_i / (|x| |y|)).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import TextEncoder
from harness.suites.words.data.examples import Span, WordExample, blank_spans
from harness.suites.words.probe import WordProbe
from harness.suites.words.results import SCORE, SubsetOutcomes

PAIRS = 1000
TOP = 3


def measure_geometry(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """Mean cosines by layer; the first part, of random words as they are, is the task's result."""
    rng = np.random.default_rng(0)
    parts: list[SubsetOutcomes] = []
    lost = 0
    # The first of all subsets is the score.
    for kind, first, words in (
        ("random words", SCORE, _random_words(examples, rng)),
        ("words of a sentence", "words of a sentence", _within(examples, rng)),
    ):
        vectors_LND = encoder.word_vectors(
            [text for text, _, _ in words], [span for _, span, _ in words], keep_cut=True
        )
        whole_N = np.isfinite(vectors_LND[0]).all(axis=1)
        pairs = np.arange(len(words)).reshape(-1, 2)
        whole_M = whole_N[pairs].all(axis=1)
        lost += int((~whole_M).sum())
        pairs = pairs[whole_M]
        asked = [examples[words[i][2]] for i in pairs[:, 0]]
        names = (first, *(f"{kind}, {name}" for name in ("centred", "standardised", "three dimensions")))
        made = [SubsetOutcomes(name, "cosine", asked) for name in names]
        for layer, vectors_ND in enumerate(vectors_LND.astype(np.float64)):
            for part, values in zip(made, _cosines(vectors_ND, np.flatnonzero(whole_N), pairs), strict=True):
                part.add(layer=layer, gold_score=1.0, predicted_score=values)
        parts += made
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


def _random_words(examples: Sequence[WordExample], rng: np.random.Generator) -> list[tuple[str, Span, int]]:
    """Text, span and number of the example of words drawn at random; each two that follow each other are a pair."""
    uses = [(text, span, i) for i, e in enumerate(examples) for text, span in zip(e.texts, e.spans, strict=True)]
    chosen = rng.choice(len(uses), size=(min(PAIRS, len(uses) // 2), 2), replace=False)
    return [uses[i] for i in chosen.ravel()]


def _within(examples: Sequence[WordExample], rng: np.random.Generator) -> list[tuple[str, Span, int]]:
    """The same of two different words of each of PAIRS sentences."""
    found: list[tuple[str, Span, int]] = []
    for i in rng.permutation(len(examples)):
        text = examples[i].texts[0]
        words = [span for span in blank_spans(text) if any(map(str.isalpha, text[slice(*span)]))]
        if len(words) >= 2:
            found += [(text, words[place], int(i)) for place in rng.choice(len(words), size=2, replace=False)]
        if len(found) == 2 * PAIRS:
            break
    return found
