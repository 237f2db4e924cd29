"""Tasks with labels: context probes, lexical aspect, word in context. Probes are logistic regressions.

The score is that of the last layer. Beside it stand, as subsets:

- `best layer`: the layer that the training folds choose, fold by fold (its layer is therefore not given);
- `layers`: every layer, the embedding first, on the first repeat of the folds;
- `random labels`: every target word keeps a label drawn at random; no word is in training and test, so it is at chance;
- `selectivity`: accuracy on the real labels less that on random ones (Hewitt and Liang 2019), folds that share words;
- `codelength`: bits that a label costs, sent online (Voita and Titov 2020);
- `no context`: each word read as a text of its own;
- `first token`, `last token`: a word is the state of that token, not the mean of all;
- `majority`: the more frequent label of the training folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import Take, TextEncoder
from harness.probes.codelength import online_bits
from harness.probes.control import control_labels
from harness.probes.folds import group_folds, mixed_folds
from harness.probes.logistic import fit_logistic
from harness.suites.words import all_positions
from harness.suites.words.crossval import N_FOLDS, predict_labels
from harness.suites.words.data.examples import WordExample
from harness.suites.words.probe import WordProbe
from harness.suites.words.reading import Readable, WordLayers, WordVectors, read_set
from harness.suites.words.results import SCORE, SubsetOutcomes

# Sets of fewer examples are split anew five times; with thousands the draw of the folds moves little.
SMALL = 2000
REPEATS = 5
CONTROL_DRAWS = 3
# Subsets that read the words in other ways: what is taken of a word's tokens, and whether it is read alone.
CONDITIONS: tuple[tuple[str, Take, bool], ...] = (
    ("no context", "mean", True),
    ("first token", "first", False),
    ("last token", "last", False),
)

Read = Callable[..., Readable]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The examples that can be read, their labels as numbers, the folds, and the positions that are read."""

    examples: Sequence[WordExample]
    names: NDArray[np.str_]
    labels: NDArray[np.intp]
    folds: NDArray[np.intp]
    positions: Sequence[int | None]

    @classmethod
    def of(cls, examples: Sequence[WordExample], positions: Sequence[int | None]) -> _Asked:
        names, labels = np.unique([example.label for example in examples], return_inverse=True)
        repeats = REPEATS if len(examples) < SMALL else 1
        folds = group_folds(labels, [e.unit for e in examples], n_folds=N_FOLDS, repeats=repeats)
        return cls(examples=examples, names=names, labels=labels, folds=folds, positions=positions)

    def predict(self, vectors_LPND: WordLayers) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return predict_labels(vectors_LPND, self.labels, self.folds, classes=len(self.names))

    def part(self, subset: str, predicted_PRN: NDArray[np.intp], layer: int | None) -> SubsetOutcomes:
        made = SubsetOutcomes(subset, "accuracy", self.examples)
        for position, of_position in zip(self.positions, predicted_PRN, strict=True):
            for trial, predicted_N in enumerate(of_position):
                self.add(made, self.labels, predicted_N, layer=layer, position=position, trial=trial)
        return made

    def add(
        self,
        made: SubsetOutcomes,
        gold_N: NDArray[np.intp],
        predicted_N: NDArray[np.intp],
        *,
        layer: int | None,
        position: int | None,
        trial: int = 0,
    ) -> None:
        gold, told = self.names[gold_N], self.names[predicted_N]
        made.add(layer=layer, position=position, trial=trial, gold_label=gold, predicted_label=told)


def measure_labels(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """The score and its controls, and what could not be read. The vectors of pairs become the features of `task`."""
    read: Read = partial(_read, task, read_set(encoder, examples, all_positions(task.data) or task.positions))
    found = read()
    asked = _Asked.of(found.examples, (None,) if task.task_type == "WiC" else task.positions)
    return list(_parts(found.vectors, asked, read)), found.note


def _parts(vectors_LPND: WordLayers, asked: _Asked, read: Read) -> Iterator[SubsetOutcomes]:
    last = len(vectors_LPND) - 1
    by_layer, best = asked.predict(vectors_LPND)
    yield asked.part(SCORE, by_layer[-1], last)
    yield asked.part("best layer", best, None)
    layers = SubsetOutcomes("layers", "accuracy", asked.examples)
    for layer, of_layer in enumerate(by_layer):
        for position, predicted_RN in zip(asked.positions, of_layer, strict=True):
            asked.add(layers, asked.labels, predicted_RN[0], layer=layer, position=position)
    yield layers
    yield from _random_labels(vectors_LPND[-1], asked, last)
    yield from _codelength(vectors_LPND[-1], asked, last)
    for subset, take, alone in CONDITIONS:
        yield asked.part(subset, asked.predict(read(take=take, alone=alone).vectors)[0][0], last)
    majority_RN = np.empty_like(asked.folds)
    for fold_N, told_N in zip(asked.folds, majority_RN, strict=True):
        for fold in range(N_FOLDS):
            told_N[fold_N == fold] = np.bincount(asked.labels[fold_N != fold]).argmax()
    everywhere = np.broadcast_to(majority_RN, (len(asked.positions), *majority_RN.shape))
    yield asked.part("majority", everywhere, None)


def _codelength(vectors_PND: NDArray[np.float32], asked: _Asked, last: int) -> Iterator[SubsetOutcomes]:
    if np.bincount(asked.labels).min() < N_FOLDS:
        return  # a rare tag of sentences would leave nearly every block without a probe
    codelength = SubsetOutcomes("codelength", "codelength", asked.examples)
    bits_PN = online_bits(vectors_PND, asked.labels, classes=len(asked.names))
    for position, bits_N in zip(asked.positions, bits_PN, strict=True):
        codelength.add(layer=last, position=position, gold_score=1.0, predicted_score=bits_N)
    yield codelength


def _random_labels(vectors_PND: NDArray[np.float32], asked: _Asked, layer: int) -> Iterator[SubsetOutcomes]:
    words = [example.word for example in asked.examples]
    drawn_CN = control_labels(asked.labels, words, draws=CONTROL_DRAWS)
    classes = len(asked.names)
    apart = SubsetOutcomes("random labels", "accuracy", asked.examples)
    for draw, control_N in enumerate(drawn_CN):
        # Folds of its own, alike in these labels; with others, what is rare in training is frequent in the test.
        fold_N = group_folds(control_N, words, n_folds=N_FOLDS, repeats=1)[0]
        train_FN = np.stack([fold_N != fold for fold in range(N_FOLDS)])
        found_PFN = fit_logistic(vectors_PND, control_N[None], train_FN, classes=classes).predicted[:, :, 0]
        for position, of_position_FN in zip(asked.positions, found_PFN, strict=True):
            told_N = of_position_FN[fold_N, np.arange(len(fold_N))]
            asked.add(apart, control_N, told_N, layer=layer, position=position, trial=draw)
    yield apart

    mixed_N = mixed_folds(asked.labels, n_folds=N_FOLDS, repeats=1)[0]
    train_FN = np.stack([mixed_N != fold for fold in range(N_FOLDS)])
    both_TN = np.concatenate([asked.labels[None], drawn_CN])
    found = fit_logistic(vectors_PND, both_TN, train_FN, classes=classes).predicted
    selective = SubsetOutcomes("selectivity", "selectivity", asked.examples)
    for position, of_position in zip(asked.positions, found, strict=True):
        told_TN = of_position[mixed_N, :, np.arange(len(mixed_N))].T
        right_TN = np.equal(told_TN, both_TN)
        difference_N = right_TN[0] - right_TN[1:].mean(axis=0)
        selective.add(layer=layer, position=position, gold_score=1.0, predicted_score=difference_N)
    yield selective


def _read(task: WordProbe, reading: WordVectors, *, take: Take = "mean", alone: bool = False) -> Readable:
    found = reading.at(task.positions, take=take, alone=alone)
    if task.task_type != "WiC":
        return found
    return replace(found, vectors=found.vectors.each(partial(pair_features, features=task.features)))


def pair_features(vectors_2ND: NDArray[np.float32], features: str) -> NDArray[np.float32]:
    """(1, N, 1 or D or 2 D): what a probe sees of two uses: `cosine`, absolute `difference`, or `concatenation`."""
    first_ND, second_ND = vectors_2ND
    if features == "difference":
        return np.abs(first_ND - second_ND)[None]
    if features == "concatenation":
        return np.concatenate([first_ND, second_ND], axis=-1)[None]
    return cosines(first_ND, second_ND)[None, :, None]


def cosines(first_ND: NDArray[np.float32], second_ND: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) cosines, 0 for a vector of zeros; rounded, because equal pairs must not differ by the order of a sum."""
    product = np.einsum("nd,nd->n", first_ND, second_ND, dtype=np.float64)
    norms = np.linalg.norm(first_ND.astype(np.float64), axis=-1) * np.linalg.norm(second_ND.astype(np.float64), axis=-1)
    return np.round(product / np.maximum(norms, 1e-12), 6).astype(np.float32)
