"""Small real mteb tasks with data of their own, and an encoder that needs no model."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import ModelMeta

WORDS = [
    "north",
    "south",
    "east",
    "west",
    "bread",
    "water",
    "stone",
    "river",
    "winter",
    "summer",
    "king",
    "queen",
    "road",
    "wall",
    "fish",
    "bird",
]


def metadata(name: str, kind: str, metric: str) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description="A small task for tests.",
        dataset={"path": f"tests/{name}", "revision": "1"},
        type=kind,
        category="t2t" if kind == "STS" else "t2c",
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=metric,
    )


def texts(n: int, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, 5)) for _ in range(n)]


class SmallSTS(AbsTaskSTS):
    metadata = metadata("SmallSTS", "STS", "cosine_spearman")

    def load_data(self, **_: Any) -> None:
        draw = np.random.default_rng(3)
        rows = {"sentence1": texts(80, 1), "sentence2": texts(80, 2), "score": draw.integers(0, 6, 80).tolist()}
        self.dataset = DatasetDict(test=Dataset.from_dict(rows))
        self.data_loaded = True


class SmallClassification(AbsTaskClassification):
    metadata = metadata("SmallClassification", "Classification", "accuracy")
    n_experiments = 3

    def load_data(self, **_: Any) -> None:
        def part(n: int, seed: int) -> Dataset:
            lines = texts(n, seed)
            return Dataset.from_dict({"text": lines, "label": [int("river" in line) for line in lines]})

        self.dataset = DatasetDict(train=part(60, 4), test=part(50, 5))
        self.data_loaded = True


class SmallClustering(AbsTaskClustering):
    metadata = metadata("SmallClustering", "Clustering", "v_measure")
    max_fraction_of_documents_to_embed = None
    max_document_to_embed = 70
    max_documents_per_cluster = 40
    n_clusters = 4

    def load_data(self, **_: Any) -> None:
        lines = texts(90, 6)
        rows = {"sentences": lines, "labels": [line.split()[0][0] for line in lines]}
        self.dataset = DatasetDict(test=Dataset.from_dict(rows))
        self.data_loaded = True


class SmallTwoLevels(SmallClustering):
    """Two levels of labels; some documents have only the first."""

    metadata = metadata("SmallTwoLevels", "Clustering", "v_measure")

    def load_data(self, **_: Any) -> None:
        lines = texts(90, 7)
        labels = [line.split()[:1] if i % 5 else line.split()[:2] for i, line in enumerate(lines)]
        self.dataset = DatasetDict(test=Dataset.from_dict({"sentences": lines, "labels": labels}))
        self.data_loaded = True


SMALL = (SmallSTS, SmallClassification, SmallClustering, SmallTwoLevels)


class HashEncoder:
    """A text's vector is drawn from its own hash: deterministic, meaningless, instant."""

    def __init__(self, salt: str = "", broken: bool = False) -> None:
        self.salt, self.broken = salt, broken
        self.mteb_model_meta = ModelMeta.create_empty({"name": f"tests/hash{salt}", "revision": "1"})

    def for_mteb(self) -> HashEncoder:
        return self

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        return np.stack([self._vector(text) for batch in inputs for text in batch["text"]])

    def _vector(self, text: str) -> np.ndarray:
        if self.broken:
            return np.full(8, np.nan, dtype=np.float32)
        words = [int(hashlib.sha256(f"{self.salt}{word}".encode()).hexdigest()[:8], 16) for word in text.split()]
        return np.sum([np.random.default_rng(word).normal(size=8) for word in words], axis=0).astype(np.float32)

    def similarity(self, one: Any, other: Any) -> Any:
        from sentence_transformers.util import cos_sim

        return cos_sim(one, other)

    def similarity_pairwise(self, one: Any, other: Any) -> Any:
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(one, other)
