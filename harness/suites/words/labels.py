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
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.encoder.protocol import Take, TextEncoder
from harness.probes.codelength import online_bits
from harness.probes.control import control_labels
from harness.probes.folds import group_folds, mixed_folds
from harness.probes.logistic import fit_logistic
from harness.suites.words import all_positions
from harness.suites.words.crossval import N_FOLDS, Labels, predict_labels
from harness.suites.words.data.examples import WordExample
from harness.suites.words.probe import WordProbe
from harness.suites.words.reading import Readable, WordVectors, read_set
from harness.suites.words.results import SCORE, OutcomeBuilder, SubsetOutcomes

# Sets of fewer examples are split anew five times; with thousands the draw of the folds moves little.
SMALL = 2000
REPEATS = 5
CONTROL_DRAWS = 3

Read = Callable[..., Readable]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The examples that can be read, their labels as numbers, and the folds."""

    examples: Sequence[WordExample]
    names: NDArray[np.str_]
    labels: NDArray[np.intp]
    folds: NDArray[np.intp]

    @classmethod
    def of(cls, examples: Sequence[WordExample]) -> _Asked:
        names, labels = np.unique([example.label for example in examples], return_inverse=True)
        repeats = REPEATS if len(examples) < SMALL else 1
        folds = group_folds(labels, [e.word for e in examples], n_folds=N_FOLDS, repeats=repeats)
        return cls(examples=examples, names=names, labels=labels, folds=folds)

    @property
    def words(self) -> list[str]:
        return [example.word for example in self.examples]

    def predict(self, vectors_LPND: NDArray[np.float32]) -> Labels:
        return predict_labels(vectors_LPND, self.labels, self.folds, classes=len(self.names))

    def answers(
        self, predicted_PRN: NDArray[np.intp], positions: Sequence[int | None], layer: int | None
    ) -> OutcomeBuilder:
        made = OutcomeBuilder(self.examples)
        for position, of_position in zip(positions, predicted_PRN, strict=True):
            for trial, predicted_N in enumerate(of_position):
                self.add(made, predicted_N, position=position, trial=trial, layer=layer)
        return made

    def add(self, made: OutcomeBuilder, predicted_N: NDArray[np.intp], **where: int | None) -> None:
        gold = {"gold_label": self.names[self.labels], "predicted_label": self.names[predicted_N]}
        made.add(**where, **gold)  # type: ignore[arg-type]


def measure_labels(
    task: WordProbe, examples: Sequence[WordExample], encoder: TextEncoder
) -> tuple[list[SubsetOutcomes], str]:
    """The score and its controls, and what could not be read. The vectors of pairs become the features of `task`."""
    reading = read_set(encoder, examples, all_positions(task.data))
    read: Read = partial(_read, task, reading)
    found = read()
    asked = _Asked.of(found.examples)
    positions: tuple[int | None, ...] = (None,) if task.kind == "wic" else task.positions
    return list(_parts(found, asked, positions, read)), found.note


def _parts(found: Readable, asked: _Asked, positions: Sequence[int | None], read: Read) -> Iterator[SubsetOutcomes]:
    vectors_LPND = found.vectors
    last = len(vectors_LPND) - 1
    told = asked.predict(vectors_LPND)
    yield SubsetOutcomes(subset=SCORE, metric="accuracy", answers=asked.answers(told.by_layer[-1], positions, last))
    yield SubsetOutcomes(subset="best layer", metric="accuracy", answers=asked.answers(told.best, positions, None))
    layers = OutcomeBuilder(asked.examples)
    for layer, of_layer in enumerate(told.by_layer):
        for position, predicted_RN in zip(positions, of_layer, strict=True):
            asked.add(layers, predicted_RN[0], layer=layer, position=position)
    yield SubsetOutcomes(subset="layers", metric="accuracy", answers=layers)
    yield from _random_labels(vectors_LPND[-1], asked, positions, last)
    yield _codelength(vectors_LPND[-1], asked, positions, last)
    conditions: tuple[tuple[str, Take, bool], ...] = (
        ("no context", "mean", True),
        ("first token", "first", False),
        ("last token", "last", False),
    )
    for subset, take, alone in conditions:
        predicted = asked.predict(read(take=take, alone=alone).vectors[-1:])
        yield SubsetOutcomes(
            subset=subset, metric="accuracy", answers=asked.answers(predicted.by_layer[0], positions, last)
        )
    majority_RN = np.empty_like(asked.folds)
    for fold_N, told_N in zip(asked.folds, majority_RN, strict=True):
        for fold in range(N_FOLDS):
            told_N[fold_N == fold] = np.bincount(asked.labels[fold_N != fold]).argmax()
    everywhere = np.broadcast_to(majority_RN, (len(positions), *majority_RN.shape))
    yield SubsetOutcomes(subset="majority", metric="accuracy", answers=asked.answers(everywhere, positions, None))


def _random_labels(
    vectors_PND: NDArray[np.float32], asked: _Asked, positions: Sequence[int | None], layer: int
) -> Iterator[SubsetOutcomes]:
    drawn_CN = control_labels(asked.labels, asked.words, draws=CONTROL_DRAWS)
    classes = len(asked.names)
    apart = OutcomeBuilder(asked.examples)
    for draw, control_N in enumerate(drawn_CN):
        # Folds of its own, alike in these labels; with others, what is rare in training is frequent in the test.
        fold_N = group_folds(control_N, asked.words, n_folds=N_FOLDS, repeats=1)[0]
        train_FN = np.stack([fold_N != fold for fold in range(N_FOLDS)])
        found_PFN = fit_logistic(vectors_PND, control_N[None], train_FN, classes=classes).predicted[:, :, 0]
        for position, of_position_FN in zip(positions, found_PFN, strict=True):
            told_N = of_position_FN[fold_N, np.arange(len(fold_N))]
            labels = {"gold_label": asked.names[control_N], "predicted_label": asked.names[told_N]}
            apart.add(layer=layer, position=position, trial=draw, **labels)
    yield SubsetOutcomes(subset="random labels", metric="accuracy", answers=apart)

    mixed_N = mixed_folds(asked.labels, n_folds=N_FOLDS, repeats=1)[0]
    train_FN = np.stack([mixed_N != fold for fold in range(N_FOLDS)])
    both_TN = np.concatenate([asked.labels[None], drawn_CN])
    found = fit_logistic(vectors_PND, both_TN, train_FN, classes=classes).predicted
    selective = OutcomeBuilder(asked.examples)
    for position, of_position in zip(positions, found, strict=True):
        told_TN = of_position[mixed_N, :, np.arange(len(mixed_N))].T
        right_TN = np.equal(told_TN, both_TN)
        difference_N = right_TN[0] - right_TN[1:].mean(axis=0)
        selective.add(layer=layer, position=position, gold_score=1.0, predicted_score=difference_N)
    yield SubsetOutcomes(subset="selectivity", metric="selectivity", answers=selective)


def _codelength(
    vectors_PND: NDArray[np.float32], asked: _Asked, positions: Sequence[int | None], layer: int
) -> SubsetOutcomes:
    made = OutcomeBuilder(asked.examples)
    bits_PN = online_bits(vectors_PND, asked.labels, classes=len(asked.names))
    for position, bits_N in zip(positions, bits_PN, strict=True):
        made.add(layer=layer, position=position, gold_score=1.0, predicted_score=bits_N)
    return SubsetOutcomes(subset="codelength", metric="codelength", answers=made)


def _read(task: WordProbe, reading: WordVectors, *, take: Take = "mean", alone: bool = False) -> Readable:
    found = reading.at(task.positions, take=take, alone=alone)
    if task.kind != "wic":
        return found
    return Readable(examples=found.examples, vectors=pair_features(found.vectors, task.features), lost=found.lost)


def pair_features(vectors_L2ND: NDArray[np.float32], features: str) -> NDArray[np.float32]:
    """(L, 1, N, 1 or D or 2 D): what a probe sees of two uses: `cosine`, absolute `difference`, or `concatenation`."""
    first_LND, second_LND = vectors_L2ND[:, 0], vectors_L2ND[:, 1]
    if features == "difference":
        return np.abs(first_LND - second_LND)[:, None]
    if features == "concatenation":
        return np.concatenate([first_LND, second_LND], axis=-1)[:, None]
    return cosines(first_LND, second_LND)[:, None, :, None]


def cosines(first_LND: NDArray[np.float32], second_LND: NDArray[np.float32]) -> NDArray[np.float32]:
    """(L, N) cosines, 0 for a vector of zeros; rounded, because equal pairs must not differ by the order of a sum."""
    product = np.einsum("lnd,lnd->ln", first_LND, second_LND, dtype=np.float64)
    norms = np.linalg.norm(first_LND.astype(np.float64), axis=-1) * np.linalg.norm(
        second_LND.astype(np.float64), axis=-1
    )
    return np.round(product / np.maximum(norms, 1e-12), 6).astype(np.float32)
