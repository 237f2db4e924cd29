"""Small real mteb tasks with data of their own, and an encoder that needs no model."""

from __future__ import annotations

import hashlib
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from mteb._evaluators.retrieval_metrics import max_over_subqueries
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.clustering_legacy import AbsTaskClusteringLegacy
from mteb.abstasks.pair_classification import AbsTaskPairClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import ModelMeta

from harness.suites import catalog
from harness.suites.mteb import Choice, MtebTask
from harness.suites.task import Suite, Task

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


def metadata(name: str, kind: str, metric: str, **changed: Any) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description="A small task for tests.",
        dataset={"path": f"tests/{name}", "revision": "1"},
        type=kind,
        category="t2c" if kind in ("Classification", "MultilabelClassification", "Clustering") else "t2t",
        main_score=metric,
        **{"eval_splits": ["test"], "eval_langs": ["eng-Latn"], **changed},
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


class SmallTwoSubsets(SmallClustering):
    """Two subsets and two splits: mteb draws on from one to the next."""

    metadata = metadata(
        "SmallTwoSubsets",
        "Clustering",
        "v_measure",
        eval_splits=["validation", "test"],
        eval_langs={"en": ["eng-Latn"], "de": ["deu-Latn"], "en-de": ["eng-Latn", "deu-Latn"]},
    )

    def load_data(self, **_: Any) -> None:
        def part(seed: int) -> Dataset:
            lines = texts(90, seed)
            return Dataset.from_dict({"sentences": lines, "labels": [line.split()[0][0] for line in lines]})

        self.dataset = {
            subset: DatasetDict(test=part(seed), validation=part(seed + 3))
            for seed, subset in enumerate(("en", "de", "en-de"), 8)
        }
        self.data_loaded = True


class SmallF1(SmallClassification):
    metadata = metadata("SmallF1", "Classification", "f1")


class SmallSets(AbsTaskClusteringLegacy):
    """The classic clustering: sets of documents, the second with one label only."""

    metadata = metadata("SmallSets", "Clustering", "v_measure")

    def load_data(self, **_: Any) -> None:
        lines = [texts(30, 20), texts(9, 21), texts(40, 22)]
        labels = [[line.split()[0][0] for line in lines[0]], ["one"] * 9, [line.split()[1][0] for line in lines[2]]]
        self.dataset = DatasetDict(test=Dataset.from_dict({"sentences": lines, "labels": labels}))
        self.data_loaded = True


class SmallPairs(AbsTaskPairClassification):
    """Every text stands in two pairs; unscaled vectors make the five measures differ."""

    metadata = metadata("SmallPairs", "PairClassification", "max_ap")

    def rows(self) -> dict[str, list[Any]]:
        first = texts(60, 30) * 2
        second = [line[: 3 * len(line) // 4] for line in first[:60]] + texts(60, 31)
        return {"sentence1": first, "sentence2": second, "labels": [int(i % 3 > 0) for i in range(60)] + [0] * 60}

    def load_data(self, **_: Any) -> None:
        self.dataset = DatasetDict(test=Dataset.from_dict(self.rows()))
        self.data_loaded = True


class SmallPairsInOneRow(SmallPairs):
    """As these data sets were kept before mteb 2."""

    metadata = metadata("SmallPairsInOneRow", "PairClassification", "max_ap")

    def load_data(self, **_: Any) -> None:
        self.dataset = DatasetDict(test=Dataset.from_list([self.rows()]))
        self.data_loaded = True


class SmallRetrieval(AbsTaskRetrieval):
    """Some queries have two relevant documents, one has none at all."""

    metadata = metadata("SmallRetrieval", "Retrieval", "ndcg_at_10")

    def load_data(self, **_: Any) -> None:
        corpus = [{"id": f"d{i}", "text": line, "title": ""} for i, line in enumerate(texts(50, 40))]
        queries = [{"id": f"d{i}_{i % 2}", "text": line} for i, line in enumerate(texts(20, 41))]
        judged = {
            row["id"]: {f"d{2 * (i // 2)}": 2, f"d{2 * (i // 2) + 1}": i // 2 % 2} if i < 19 else {}
            for i, row in enumerate(queries)
        }
        pools = {row["id"]: [f"d{j}" for j in range(0, 50, 2 if i % 2 else 1)] for i, row in enumerate(queries)}
        self.dataset = {
            "default": {
                "test": {
                    "corpus": Dataset.from_list(corpus),
                    "queries": Dataset.from_list(queries),
                    "relevant_docs": judged,
                    "top_ranked": pools if self.metadata.type == "Reranking" else None,
                }
            }
        }
        self.data_loaded = True


class SmallReciprocal(SmallRetrieval):
    """Queries have the ids of documents, which are not counted when found; nor is the first that is."""

    metadata = metadata("SmallReciprocal", "Retrieval", "mrr_at_5")
    ignore_identical_ids = True
    skip_first_result = True

    def load_data(self, **_: Any) -> None:
        super().load_data()
        data = self.dataset["default"]["test"]
        corpus = data["corpus"].to_list()
        names = {row["id"]: f"d{i}" for i, row in enumerate(data["queries"].to_list())}
        data["queries"] = Dataset.from_list(
            [{"id": name, "text": corpus[i]["text"]} for i, name in enumerate(names.values())]
        )
        data["relevant_docs"] = {names[old]: judged for old, judged in data["relevant_docs"].items()}


class SmallRecall(SmallRetrieval):
    metadata = metadata("SmallRecall", "Retrieval", "recall_at_3")


class SmallReranking(SmallRetrieval):
    metadata = metadata("SmallReranking", "Reranking", "map_at_1000")


class SmallSubqueries(SmallRetrieval):
    """As MindSmallReranking: queries that differ in what follows the last _ are one."""

    metadata = metadata("SmallSubqueries", "Reranking", "max_over_subqueries_map_at_1000")

    def load_data(self, **_: Any) -> None:
        super().load_data()
        data = self.dataset["default"]["test"]
        names = {f"d{i}_{i % 2}": f"news{i // 2}_{i % 2}" for i in range(18)}
        queries = data["queries"].to_list()[:18]
        data["queries"] = Dataset.from_list([{**row, "id": names[row["id"]]} for row in queries])
        data["relevant_docs"] = {new: data["relevant_docs"][old] for old, new in names.items()}
        data["top_ranked"] = {new: data["top_ranked"][old] for old, new in names.items()}

    def task_specific_scores(self, scores: Any, qrels: Any, results: Any, hf_split: str, hf_subset: str) -> Any:
        return max_over_subqueries(qrels, results, self.k_values)


SMALL = (
    *(SmallSTS, SmallClassification, SmallF1, SmallClustering, SmallTwoLevels, SmallSets),
    *(SmallPairs, SmallPairsInOneRow, SmallRetrieval, SmallReciprocal, SmallRecall, SmallReranking, SmallSubqueries),
)


class HashEncoder:
    """A text's vector is drawn from its own hash: deterministic, meaningless, instant."""

    def __init__(self, salt: str = "") -> None:
        self.salt = salt
        self.mteb_model_meta = ModelMeta.create_empty({"name": f"tests/hash{salt}", "revision": "1"})

    def as_read(self, texts: Any) -> None:
        """No cure."""

    def for_mteb(self) -> HashEncoder:
        return self

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        return np.stack([self._vector(text) for batch in inputs for text in batch["text"]])

    def _vector(self, text: str) -> np.ndarray:
        return np.sum([_of_word(self.salt, word) for word in text.split()], axis=0).astype(np.float32)

    def similarity(self, one: Any, other: Any) -> Any:
        from sentence_transformers.util import cos_sim

        return cos_sim(one, other)

    def similarity_pairwise(self, one: Any, other: Any) -> Any:
        from sentence_transformers.util import pairwise_cos_sim

        return pairwise_cos_sim(one, other)


@cache
def _of_word(salt: str, word: str) -> np.ndarray:
    return np.random.default_rng(int(hashlib.sha256(f"{salt}{word}".encode()).hexdigest()[:8], 16)).normal(size=8)


def own_task(task: type) -> MtebTask:
    """One of the classes above as a task of the harness, with all its subsets."""
    return MtebTask(name=task.metadata.name, make=task, choice=Choice(languages=("all",)))


def add_suite(monkeypatch: pytest.MonkeyPatch, *tasks: Task) -> None:
    """The catalogue knows a suite of `tasks` beside its own."""
    module = SimpleNamespace(SUITES=(Suite(name="small", about="small tasks", tasks=tasks),))
    monkeypatch.setattr(catalog, "MODULES", (*catalog.MODULES, module))
