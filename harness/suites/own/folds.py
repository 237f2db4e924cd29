"""What a classifier can learn of a card's examples, and the folds of a card with one file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.probes.folds import group_folds
from harness.suites.own.card import TaskCard
from harness.suites.own.table import CardRows, label_codes, rows_of

FOLDS = 5


def known_labels(card: TaskCard) -> dict[str, int]:
    """The labels that a classifier can learn, each with the number that it has for mteb."""
    return label_codes(rows_of(card, "train" if card.train else "test").labels)


def check_learnable(card: TaskCard) -> None:
    """Raise HarnessError if a label of the test could not be learnt: none trains it, or a fold lacks it."""
    rows, known = rows_of(card), known_labels(card)
    if card.train is None:
        folds_of(rows, repeats=card.draws)
    unseen = sorted(set(rows.labels) - set(known))
    if unseen:
        raise HarnessError(
            f"{rows.where}: the label {unseen[0]!r} is not in the training file, so it cannot be predicted"
            f"{f' (nor are {len(unseen) - 1} others)' if len(unseen) > 1 else ''}; add training examples, or take "
            "these out"
        )


def folds_of(rows: CardRows, *, repeats: int) -> NDArray[np.intp]:
    """(R, N): the fold of each example in each repeat. Raises HarnessError where a fold has nothing to learn from."""
    groups = rows.together or tuple(map(str, range(rows.n)))
    what = "groups" if rows.groups else "words" if rows.together else "examples"
    if len(set(groups)) < FOLDS:
        raise HarnessError(
            f"{rows.where}: {len(set(groups))} {what} cannot be spread over {FOLDS} folds; give more of them"
        )
    of_label = {
        label: {g for g, each in zip(groups, rows.labels, strict=True) if each == label} for label in rows.labels
    }
    alone = sorted(label for label, found in of_label.items() if len(found) < 2)
    if alone:
        only = f"in one of the {what}, {next(iter(of_label[alone[0]]))!r}" if rows.together else "once"
        raise HarnessError(
            f"{rows.where}: the label {alone[0]!r} stands only {only}, so that a fold would be tested on it without "
            "training on it; add examples, or take these out"
        )
    folds_RN = group_folds(np.array(rows.labels), groups, n_folds=FOLDS, repeats=repeats)
    labels_N = np.array(rows.labels)
    for fold_N in folds_RN:
        for fold in range(FOLDS):
            missing = set(rows.labels) - set(labels_N[fold_N != fold])
            if missing or not (fold_N == fold).any():
                raise HarnessError(
                    f"{rows.where}: with these groups a fold has "
                    f"{f'no training example of {sorted(missing)[0]!r}' if missing else 'no example'}; make the groups "
                    "smaller, or give a training and a test file"
                )
    return folds_RN
