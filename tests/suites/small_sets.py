"""Small real mteb tasks whose examples are sets of labels, two languages, or summaries (harness.suites.mteb.sets)."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from mteb.abstasks.multilabel_classification import AbsTaskMultilabelClassification
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining
from mteb.abstasks.text.summarization import AbsTaskSummarization

from tests.suites.small import metadata, texts


class SmallMultilabel(AbsTaskMultilabelClassification):
    """Texts have no label, one or two; more of them than mteb evaluates."""

    metadata = metadata("SmallMultilabel", "MultilabelClassification", "accuracy")
    n_experiments = 3
    max_eval_samples: int | None = 50

    def load_data(self, **_: Any) -> None:
        def part(n: int, seed: int) -> Dataset:
            lines = texts(n, seed)
            labels = [[word for word in ("river", "king", "bread") if word in line] for line in lines]
            return Dataset.from_dict({"text": lines, "label": labels})

        self.dataset = DatasetDict(train=part(80, 50), test=part(90, 51))
        self.data_loaded = True


class SmallMultilabelF1(SmallMultilabel):
    metadata = metadata("SmallMultilabelF1", "MultilabelClassification", "f1")
    max_eval_samples = None


def _translations(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts, and the same without their last word and the last letters of the one before it."""
    lines = texts(n, seed)
    return lines, [" ".join(line.split()[:-1])[:-2] for line in lines]


class SmallBitext(AbsTaskBitextMining):
    metadata = metadata("SmallBitext", "BitextMining", "f1")

    def load_data(self, **_: Any) -> None:
        first, second = _translations(70, 52)
        self.dataset = DatasetDict(test=Dataset.from_dict({"sentence1": first, "sentence2": second}))
        self.data_loaded = True


class SmallParallel(AbsTaskBitextMining):
    """Three languages in one table; two of its pairs are subsets."""

    metadata = metadata(
        "SmallParallel",
        "BitextMining",
        "f1",
        eval_langs={"eng-deu": ["eng-Latn", "deu-Latn"], "eng-fra": ["eng-Latn", "fra-Latn"]},
    )
    parallel_subsets = True

    def load_data(self, **_: Any) -> None:
        first, second = _translations(40, 53)
        rows = {"eng": first, "deu": second, "fra": [line[2:] for line in second]}
        self.dataset = DatasetDict(test=Dataset.from_dict(rows))
        self.data_loaded = True


class SmallSummaries(AbsTaskSummarization):
    """Ten texts with five summaries each; those of the third have one grade."""

    metadata = metadata("SmallSummaries", "Summarization", "cosine_spearman")
    min_score, max_score = 0, 5

    def load_data(self, **_: Any) -> None:
        draw = np.random.default_rng(54)
        made = texts(50, 55)
        grades = [[2] * 5 if n == 2 else draw.integers(0, 6, 5).tolist() for n in range(10)]
        rows = {
            "text": texts(10, 56),
            "machine_summaries": [made[5 * n : 5 * n + 5] for n in range(10)],
            "human_summaries": [texts(3, 57 + n) for n in range(10)],
            "relevance": grades,
        }
        self.dataset = DatasetDict(test=Dataset.from_dict(rows))
        self.data_loaded = True


SMALL_SETS = (SmallMultilabel, SmallMultilabelF1, SmallBitext, SmallSummaries)
