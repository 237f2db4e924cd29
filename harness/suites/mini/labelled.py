"""What the suite's two classification tasks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from mteb.abstasks.classification import AbsTaskClassification

from harness.mini.lexicon import load_lexicon
from harness.suites.mini import Draw
from harness.suites.mini.metadata import draw_rng, sentence_metadata


class LabelledTask(AbsTaskClassification):
    """A classification task whose sentences are generated when it is loaded; mteb samples and fits as always."""

    subtypes: ClassVar[tuple[str, ...]]
    n_train: ClassVar[int]
    n_test: ClassVar[int]
    # (lexicon, generator, n, half) -> sentences and labels; half 0 is for training, 1 for testing, with other words
    write: ClassVar[Callable[..., tuple[list[str], Any]]]
    n_experiments = 10

    def __init__(self, draw: Draw = "test", seed: int = 42, **kwargs: Any) -> None:
        self.draw = draw
        self.metadata = sentence_metadata(type(self).__name__, self.subtypes, draw)
        super().__init__(seed=seed, **kwargs)

    def load_data(self, **_: Any) -> None:
        """Generate the splits `train` and `test`: columns text and label."""
        from datasets import Dataset, DatasetDict

        rng = draw_rng(self.metadata.name, self.draw)
        splits = {}
        for half, (split, n) in enumerate((("train", self.n_train), ("test", self.n_test))):
            texts, labels = self.write(load_lexicon(), rng, n, half)
            splits[split] = Dataset.from_dict({"text": texts, "label": labels})
        self.dataset = {"default": DatasetDict(splits)}
        self.data_loaded = True

    def _calculate_scores(self, y_test: Any, y_pred: Any) -> Any:
        # As an array: scikit-learn reads a datasets column row by row, many times, for five seconds a task.
        return super()._calculate_scores(np.array(list(y_test)), y_pred)
