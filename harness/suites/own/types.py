"""The types of task that a card can describe: their columns, their metric, what runs them. A new one is a line here."""

from __future__ import annotations

from dataclasses import dataclass

JUDGEMENTS, CANDIDATES = "judgements", "candidates"  # the parts of a task that hold no texts
_SPAN = ("start", "end")


@dataclass(frozen=True, kw_only=True)
class CardType:
    """`roles` are the columns that the type needs, `options` the fields of a card that only some types take.

    `texts` are the roles that hold texts, `spans` the columns of the word's first character and of the one behind its
    last, a pair for each text. `task_type` and `metric` are what results are stored with, `main_score` is mteb's name
    of the metric (empty: the word-level probes run it). `answer` is the column of the right answer, or empty. `trains`
    says that a second file may hold training examples, `sequences` that a line of the file is a word of a sentence. A
    `layout` names the files of a folder by what they are for; those of `may_lack` may be missing.
    """

    task_type: str
    metric: str
    about: str
    roles: tuple[str, ...]
    texts: tuple[str, ...]
    answer: str
    main_score: str = ""
    spans: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    trains: bool = False
    sequences: bool = False
    layout: tuple[tuple[str, str], ...] = ()
    may_lack: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """What is resampled where a card has no `group`."""
        if self.sequences:
            return "sentence"
        return "text" if "reference" in self.roles else "word" if self.spans else "example"

    @property
    def of_words(self) -> bool:
        """Whether it reads words, and not whole texts."""
        return not self.main_score


_PAIR = ("text1", "text2")
_SPAN_PAIR = (("start1", "end1"), ("start2", "end2"))
_BEIR = (("test", "queries.jsonl"), ("corpus", "corpus.jsonl"), (JUDGEMENTS, "qrels/test.tsv"))
TYPES: dict[str, CardType] = {
    "similarity": CardType(
        task_type="STS",
        metric="spearman",
        main_score="cosine_spearman",
        about="pairs of texts with a similarity that people gave",
        roles=(*_PAIR, "score"),
        texts=_PAIR,
        answer="score",
    ),
    "pair-classification": CardType(
        task_type="PairClassification",
        metric="average_precision",
        main_score="max_ap",
        about="pairs of texts that belong together (label 1) or do not (label 0)",
        roles=(*_PAIR, "label"),
        texts=_PAIR,
        answer="label",
    ),
    "classification": CardType(
        task_type="Classification",
        metric="accuracy",
        main_score="accuracy",
        about="texts with a label each",
        roles=("text", "label"),
        texts=("text",),
        answer="label",
        options=("samples_per_label", "draws"),
        trains=True,
    ),
    "multilabel-classification": CardType(
        task_type="MultilabelClassification",
        metric="accuracy",
        main_score="accuracy",
        about="texts with any number of labels each",
        roles=("text", "labels"),
        texts=("text",),
        answer="labels",
        options=("samples_per_label", "draws", "separator"),
        trains=True,
    ),
    "clustering": CardType(
        task_type="Clustering",
        metric="v_measure",
        main_score="v_measure",
        about="texts with a label each, found again without labels",
        roles=("text", "label"),
        texts=("text",),
        answer="label",
        options=("draws", "share"),
    ),
    "retrieval": CardType(
        task_type="Retrieval",
        metric="ndcg_at_10",
        main_score="ndcg_at_10",
        about="queries whose relevant documents are to be found",
        roles=(),
        texts=("text",),
        answer="judgements",
        layout=_BEIR,
    ),
    "reranking": CardType(
        task_type="Reranking",
        metric="map_at_1000",
        main_score="map_at_1000",
        about="queries with a few documents each, to be put in order",
        roles=(),
        texts=("text",),
        answer="judgements",
        layout=(*_BEIR, (CANDIDATES, "top_ranked.jsonl")),
        may_lack=(CANDIDATES,),
    ),
    "bitext": CardType(
        task_type="BitextMining",
        metric="weighted_f1",
        main_score="f1",
        about="texts and their translations, each to be found among all",
        roles=_PAIR,
        texts=_PAIR,
        answer="",
        options=("language2",),
    ),
    "summarization": CardType(
        task_type="Summarization",
        metric="spearman",
        main_score="cosine_spearman",
        about="summaries with a grade, compared with references for the same text",
        roles=("text", "summary", "reference", "score"),
        texts=("summary",),
        answer="score",
    ),
    "word-label": CardType(
        task_type="ContextProbe",
        metric="accuracy",
        about="words in their sentences with a label each",
        roles=("text", *_SPAN, "label"),
        texts=("text",),
        spans=(_SPAN,),
        answer="label",
        options=("positions", "segmenter"),
    ),
    "word-score": CardType(
        task_type="WordNorms",
        metric="pearson",
        about="words in their sentences with a score each",
        roles=("text", *_SPAN, "score"),
        texts=("text",),
        spans=(_SPAN,),
        answer="score",
        options=("segmenter",),
    ),
    "word-in-context": CardType(
        task_type="WiC",
        metric="accuracy",
        about="two uses of a word: the same sense or not",
        roles=(*_PAIR, "start1", "end1", "start2", "end2", "label"),
        texts=_PAIR,
        spans=_SPAN_PAIR,
        answer="label",
        options=("features", "segmenter"),
    ),
    "word-similarity": CardType(
        task_type="WordSimilarity",
        metric="spearman",
        about="pairs of words, each alone, with a similarity that people gave",
        roles=("word1", "word2", "score"),
        texts=("word1", "word2"),
        answer="score",
    ),
    "sequence-labels": CardType(
        task_type="SequenceLabels",
        metric="accuracy",
        about="the words of sentences with a tag each",
        roles=("token", "tag"),
        texts=("text",),
        spans=(_SPAN,),
        answer="label",
        sequences=True,
    ),
}
# The columns of every type beside those that it needs; and of types on words, in place of those of spans.
ALSO = ("id",)
WORD = "word"
