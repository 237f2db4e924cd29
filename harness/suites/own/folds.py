"""What a classifier can learn of a card's examples, and the folds of a card with one file."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.probes.folds import group_folds
from harness.suites.own.card import TaskCard
from harness.suites.own.table import CardRows, label_codes, labels_of, rows_of

FOLDS = 5
NEIGHBOURS = 5  # of mteb's classifier for sets of labels


def known_labels(card: TaskCard) -> dict[str, int]:
    """The labels that a classifier can learn, each with the number that it has for mteb."""
    rows = rows_of(card, "train" if card.train else "test")
    return label_codes(label for labels in _labels(card, rows) for label in labels)


def check_learnable(card: TaskCard) -> None:
    """Raise HarnessError if a label of the test could not be learnt: none trains it, or a fold lacks it."""
    rows, known = rows_of(card), known_labels(card)
    if card.train is None:
        folds_of(card, rows)
    if card.kind.answer == "labels":
        _check_neighbours(card, rows_of(card, "train") if card.train else rows)
    unseen = sorted({label for labels in _labels(card, rows) for label in labels} - set(known))
    if unseen:
        raise HarnessError(
            f"{rows.where}: the label {unseen[0]!r} is not in the training file, so it cannot be predicted"
            f"{f' (nor are {len(unseen) - 1} others)' if len(unseen) > 1 else ''}; add training examples, or take "
            "these out"
        )


def _labels(card: TaskCard, rows: CardRows) -> list[list[str]]:
    return labels_of(rows, sets=card.kind.answer == "labels")


def _check_neighbours(card: TaskCard, rows: CardRows) -> None:
    """mteb's classifier looks at the nearest training examples, and a draw has to have so many."""
    needed = NEIGHBOURS if card.train else 2 * NEIGHBOURS  # a fold may lack some
    most = max(Counter(label for labels in labels_of(rows) for label in labels).values())
    if card.samples_per_label < NEIGHBOURS or most < needed:
        raise HarnessError(
            f"{rows.where}: mteb's classifier looks at the {NEIGHBOURS} nearest training examples; give "
            f"samples_per_label of {NEIGHBOURS} or more, and a label with {needed} examples or more"
        )


def folds_of(card: TaskCard, rows: CardRows) -> NDArray[np.intp]:
    """(draws, N): the fold of each example in each draw. Raises HarnessError where a fold cannot learn something."""
    labels_N = _labels(card, rows)
    groups = rows.together or tuple(map(str, range(rows.n)))
    what = "groups" if rows.groups else "words" if rows.together else "examples"
    if len(set(groups)) < FOLDS:
        raise HarnessError(
            f"{rows.where}: {len(set(groups))} {what} cannot be spread over {FOLDS} folds; give more of them"
        )
    of_label: dict[str, set[str]] = {}
    for group, labels in zip(groups, labels_N, strict=True):
        for label in labels:
            of_label.setdefault(label, set()).add(group)
    alone = sorted(label for label, found in of_label.items() if len(found) < 2)
    if alone:
        only = f"in one of the {what}, {next(iter(of_label[alone[0]]))!r}" if rows.together else "once"
        raise HarnessError(
            f"{rows.where}: the label {alone[0]!r} stands only {only}, so that a fold would be tested on it without "
            "training on it; add examples, or take these out"
        )
    # Folds are alike in the rarest label of each example.
    rarest = [min(labels, key=lambda label: (len(of_label[label]), label), default="") for labels in labels_N]
    folds_RN = group_folds(np.array(rarest), groups, n_folds=FOLDS, repeats=card.draws)
    for fold_N in folds_RN:
        for fold in range(FOLDS):
            trained = {label for labels, own in zip(labels_N, fold_N, strict=True) if own != fold for label in labels}
            missing = set(of_label) - trained
            if missing or not (fold_N == fold).any():
                raise HarnessError(
                    f"{rows.where}: with these groups a fold has "
                    f"{f'no training example of {sorted(missing)[0]!r}' if missing else 'no example'}; make the groups "
                    "smaller, or give a training and a test file"
                )
    return folds_RN
