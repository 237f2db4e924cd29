"""A card's examples as a task of mteb's own kinds: mteb samples, fits and scores as it always does.

Classification of one file has no kind in mteb that keeps groups together: the folds are ours (each repeat is a trial in
which every example is predicted once), the classifier and its training examples are mteb's. So with sets of labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mteb._create_dataloaders import create_dataloader
from mteb.abstasks.abstask import AbsTask
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.multilabel_classification import AbsTaskMultilabelClassification, _evaluate_classifier
from mteb.abstasks.pair_classification import AbsTaskPairClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining
from mteb.abstasks.text.summarization import AbsTaskSummarization
from mteb.languages import ISO_TO_LANGUAGE, ISO_TO_SCRIPT
from sklearn.preprocessing import MultiLabelBinarizer

from harness.errors import HarnessError, near_names
from harness.suites.mteb.columns import ReadOnce
from harness.suites.own.card import TaskCard
from harness.suites.own.documents import candidates_of, judgements_of
from harness.suites.own.folds import FOLDS, folds_of, known_labels
from harness.suites.own.table import CardRows, by_source, labels_of, rows_of, truths

Table = dict[str, list[Any]]  # column -> values


class OfCard(AbsTask):
    """What the kinds share. `columns` makes the columns that mteb wants of a part's examples."""

    def __init__(self, card: TaskCard) -> None:
        self.card = card
        super().__init__()

    def __getattr__(self, name: str) -> Any:
        """Make the metadata, again whenever mteb has dropped what the object holds of it together with its data."""
        if name != "metadata":
            raise AttributeError(name)
        self.metadata = _metadata(self.card)
        return self.metadata

    def columns(self, rows: CardRows) -> Table:
        """The columns of mteb's kind of task."""
        raise NotImplementedError

    def load_data(self, **_: Any) -> None:
        """Read the files of the card."""
        from datasets import Dataset, DatasetDict

        made = {part: Dataset.from_dict(self.columns(rows_of(self.card, part))) for part in self.card.parts}
        self.dataset = {"default": DatasetDict(made)}
        self.data_loaded = True


class SimilarityOfCard(OfCard, AbsTaskSTS):
    """Graded pairs."""

    def columns(self, rows: CardRows) -> Table:
        """The two texts and their similarity."""
        first, second = rows.texts.values()
        return {"sentence1": list(first), "sentence2": list(second), "score": list(rows.scores)}


class PairsOfCard(OfCard, AbsTaskPairClassification):
    """Pairs that belong together or do not."""

    def columns(self, rows: CardRows) -> Table:
        """The two texts and 1 or 0."""
        first, second = rows.texts.values()
        return {"sentence1": list(first), "sentence2": list(second), "labels": truths(rows)}


class RetrievalOfCard(OfCard, AbsTaskRetrieval):
    """Queries whose relevant documents are to be found."""

    def candidates(self) -> dict[str, list[str]] | None:
        """The documents to choose from for each query; None: all."""
        return None

    def load_data(self, **_: Any) -> None:
        """Read the folder of the card."""
        from datasets import Dataset

        queries, corpus = rows_of(self.card), rows_of(self.card, "corpus")
        made = {
            name: Dataset.from_dict({"id": list(rows.ids), "text": list(rows.texts["text"])})
            for name, rows in (("corpus", corpus), ("queries", queries))
        }
        judged = {"relevant_docs": judgements_of(self.card), "top_ranked": self.candidates()}
        self.dataset = {"default": {"test": {**made, **judged}}}
        self.data_loaded = True


class RerankingOfCard(RetrievalOfCard):
    """Queries with a few documents each, to be put in order."""

    def candidates(self) -> dict[str, list[str]]:
        """Those that the folder names for each query."""
        return candidates_of(self.card)


class BitextOfCard(OfCard, AbsTaskBitextMining):
    """Texts and their translations."""

    def columns(self, rows: CardRows) -> Table:
        """The text and its translation."""
        first, second = rows.texts.values()
        return {"sentence1": list(first), "sentence2": list(second)}


class SummariesOfCard(OfCard, AbsTaskSummarization):
    """Graded summaries: a row of mteb's is a text with all its summaries and references."""

    def __init__(self, card: TaskCard) -> None:
        super().__init__(card)
        scores = rows_of(card).scores
        self.min_score, self.max_score = min(scores), max(scores)  # type: ignore[assignment]

    def columns(self, rows: CardRows) -> Table:
        """Texts, summaries, references and grades."""
        (made,) = rows.texts.values()
        of_text = by_source(rows)
        return {
            "text": list(of_text),
            "machine_summaries": [[made[row] for row in places] for places in of_text.values()],
            "human_summaries": [
                list(dict.fromkeys(text for row in places for text in rows.references[row]))
                for places in of_text.values()
            ],
            "relevance": [[rows.scores[row] for row in places] for places in of_text.values()],
        }


class ClusteringOfCard(OfCard, AbsTaskClustering):
    """Texts whose labels are to be found again; all of them are read, or a `share` that mteb draws."""

    max_document_to_embed = None

    def __init__(self, card: TaskCard) -> None:
        super().__init__(card)
        self.max_fraction_of_documents_to_embed = None if card.share == 1 else card.share
        self.n_clusters = card.draws

    def columns(self, rows: CardRows) -> Table:
        """Texts and labels."""
        (texts,) = rows.texts.values()
        return {"sentences": list(texts), "labels": list(rows.labels)}


class ClassificationOfCard(OfCard, AbsTaskClassification):
    """Training and test texts with labels."""

    def __init__(self, card: TaskCard) -> None:
        super().__init__(card)
        self.samples_per_label, self.n_experiments = card.samples_per_label, card.draws

    def columns(self, rows: CardRows) -> Table:
        """Texts and labels, which are numbers."""
        (texts,) = rows.texts.values()
        known = known_labels(self.card)
        return {"text": list(texts), "label": [known[label] for label in rows.labels]}


class FoldsOfCard(ClassificationOfCard):
    """The same on one file: folds that keep groups together, drawn anew for each trial."""

    def _evaluate_subset(
        self,
        model: Any,
        data_split: Any,
        *,
        encode_kwargs: Any,
        hf_split: str,
        hf_subset: str,
        prediction_folder: Any = None,
        timer: Any,
        **_: Any,
    ) -> Any:
        data = data_split[hf_split]
        folds_RN = folds_of(self.card, rows_of(self.card))
        vectors_ND = _encode(self, model, data, encode_kwargs=encode_kwargs, hf_split=hf_split, hf_subset=hf_subset)
        labels_N = np.asarray(data[self.label_column_name])
        scores, predictions = [], []
        for number, fold_N in enumerate(folds_RN):
            told_N = np.empty_like(labels_N)
            for fold in range(FOLDS):
                train, test = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)
                chosen, _, places = self._undersample_data(ReadOnce.of(data.select(train)), number)
                told_N[test] = self._run_experiment(
                    *(ReadOnce.of(chosen), ReadOnce.of(data.select(test))),
                    *(vectors_ND[train][places], vectors_ND[test]),
                    timer=timer,
                )[1]
            scores.append(self._calculate_scores(labels_N, told_N))
            predictions.append(told_N.tolist())
        if prediction_folder:
            self._save_task_predictions(predictions, model, prediction_folder, hf_subset=hf_subset, hf_split=hf_split)
        return self._calculate_avg_scores(scores)


class SetsOfCard(OfCard, AbsTaskMultilabelClassification):
    """Training and test texts with any number of labels; all test texts are predicted."""

    max_eval_samples = None

    def __init__(self, card: TaskCard) -> None:
        super().__init__(card)
        self.samples_per_label, self.n_experiments = card.samples_per_label, card.draws

    def columns(self, rows: CardRows) -> Table:
        """Texts and lists of labels."""
        (texts,) = rows.texts.values()
        return {"text": list(texts), "label": labels_of(rows)}


class FoldsOfSets(SetsOfCard):
    """The same on one file, in folds as those of `FoldsOfCard`."""

    def _evaluate_subset(  # type: ignore[override]
        self,
        model: Any,
        data_split: Any,
        *,
        encode_kwargs: Any,
        hf_split: str,
        hf_subset: str,
        prediction_folder: Any = None,
        **_: Any,
    ) -> Any:
        data, folds_RN = data_split[hf_split], folds_of(self.card, rows_of(self.card))
        vectors_ND = _encode(self, model, data, encode_kwargs=encode_kwargs, hf_split=hf_split, hf_subset=hf_subset)
        labels = data[self.label_column_name]
        gold_NL = MultiLabelBinarizer().fit_transform(labels)
        predictions, right = [], []
        for fold_N in folds_RN:
            told_NL = np.empty_like(gold_NL)
            for fold in range(FOLDS):
                train, test = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)
                places, _all = self._undersample_data_indices([labels[row] for row in train], self.samples_per_label)
                chosen = train[places]
                told_NL[test] = _evaluate_classifier(
                    vectors_ND[chosen], gold_NL[chosen], vectors_ND[test], self.evaluator_model
                )[0]
            predictions.append(told_NL.tolist())
            right.append(float((told_NL == gold_NL).all(axis=1).mean()))
        if prediction_folder:
            self._save_task_predictions(predictions, model, prediction_folder, hf_subset=hf_subset, hf_split=hf_split)
        return {"accuracy": float(np.mean(right)), "scores_per_experiment": [{"accuracy": each} for each in right]}


def _encode(
    task: AbsTaskClassification, model: Any, data: Any, *, encode_kwargs: Any, hf_split: str, hf_subset: str
) -> Any:
    loader = create_dataloader(data, task_metadata=task.metadata, input_column=task.input_column_name, **encode_kwargs)
    return model.encode(loader, task_metadata=task.metadata, hf_split=hf_split, hf_subset=hf_subset, **encode_kwargs)


def make_task(card: TaskCard) -> Any:
    """A fresh task of mteb's on the examples of `card`."""
    kinds: dict[str, type[OfCard]] = {
        "similarity": SimilarityOfCard,
        "pair-classification": PairsOfCard,
        "classification": ClassificationOfCard if card.train else FoldsOfCard,
        "multilabel-classification": SetsOfCard if card.train else FoldsOfSets,
        "clustering": ClusteringOfCard,
        "retrieval": RetrievalOfCard,
        "reranking": RerankingOfCard,
        "bitext": BitextOfCard,
        "summarization": SummariesOfCard,
    }
    return kinds[card.type](card)


def _metadata(card: TaskCard) -> TaskMetadata:
    """Full metadata. The path is no hub data set: `load_data` reads the files."""
    languages = [card.language, *((card.language2,) if card.type == "bitext" else ())]
    for name in languages:
        for code, known in zip(name.split("-"), (ISO_TO_LANGUAGE, ISO_TO_SCRIPT), strict=True):
            if code not in known:
                raise HarnessError(
                    f"{card.task}: {code!r} of the language {name!r} is no code of ISO 639-3 or ISO 15924; "
                    f"{near_names(code, known)}"
                )
    of_labels = len(card.kind.texts) == 1 and card.kind.answer in ("label", "labels")
    return TaskMetadata(
        name=card.task,
        description=card.about,
        dataset={"path": f"task_cards/{card.task}", "revision": card.revision},
        type=card.kind.task_type,  # type: ignore[arg-type]
        category="t2c" if of_labels else "t2t",
        reference=None,
        eval_splits=["test"],
        eval_langs=languages,
        main_score=card.kind.main_score,
        contributed_by="harness",
    )
