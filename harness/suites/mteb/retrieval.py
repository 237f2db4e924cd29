"""Retrieval and reranking: what each query's ranking scores, by the task's own metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from harness.outcomes import content_id, make_outcomes
from harness.suites.mteb.kept import Kept, asked_of

SUBQUERIES = "max_over_subqueries_"
# mteb's names of metrics -> trec_eval's; reciprocal rank has no cut-off there and is taken here.
TREC = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P", "hit_rate": "success"}

DocumentScores = Mapping[str, float]  # document -> score
Relevance = Mapping[str, int]  # document -> relevance


def metric_of(main_score: str) -> str:
    """The metric of each query behind mteb's `main_score`."""
    name = main_score.removeprefix(SUBQUERIES)
    return "recall_at_1" if name == "accuracy" else name  # mteb's word for it where one document is right


def retrieval(task: Any, data: Any, saved: dict[str, dict[str, float]], draws: Any) -> Kept:
    """The metric of each query, beside 1.0, what a perfect ranking scores.

    The id of a query covers its judged documents, so that systems judged otherwise are not compared.
    """
    rankings, judged = _rankings(task, saved), dict(data["relevant_docs"])
    texts = dict(zip(data["queries"]["id"], map(str, data["queries"]["text"]), strict=True))
    if task.metadata.main_score.startswith(SUBQUERIES):
        rankings, judged, texts = _merged(rankings, judged, texts)
    scores = _by_query(metric_of(task.metadata.main_score), rankings, judged)
    ids = [f"{query}:{content_id((texts[query], sorted(judged[query].items())))}" for query in scores]
    columns: dict[str, object] = {
        "example_id": ids,
        "gold_score": [1.0] * len(ids),
        "predicted_score": list(scores.values()),
    }
    documents = [f"{row.get('title') or ''} {row['text']}".strip() for row in data["corpus"]]
    return Kept(
        outcomes=make_outcomes(columns, len(ids)),
        texts=[*texts.values(), *documents],
        asked=asked_of(ids, (texts[query] for query in scores)),
    )


def _rankings(task: Any, saved: Mapping[str, DocumentScores]) -> dict[str, DocumentScores]:
    """What mteb evaluates of what it saved."""
    found: dict[str, DocumentScores] = dict(saved)
    if task.ignore_identical_ids:
        found = {query: {doc: s for doc, s in ranking.items() if doc != query} for query, ranking in found.items()}
    if task.skip_first_result:
        found = {
            query: dict(sorted(ranking.items(), key=lambda item: item[1], reverse=True)[1:])
            for query, ranking in found.items()
        }
    return found


def _merged(
    rankings: Mapping[str, DocumentScores], judged: Mapping[str, Relevance], texts: Mapping[str, str]
) -> tuple[dict[str, DocumentScores], dict[str, Relevance], dict[str, str]]:
    """Queries `name_1`, `name_2` … as one: a document has the best score that any of them gives it."""
    parts: dict[str, list[str]] = defaultdict(list)
    for query in judged:
        parts[query.rpartition("_")[0]].append(query)
    merged: dict[str, DocumentScores] = {}
    for name, queries in parts.items():
        best: dict[str, float] = {}
        for query in queries:
            for doc, score in rankings[query].items():
                best[doc] = max(score, best.get(doc, score))
        merged[name] = best
    return (
        merged,
        {name: judged[queries[-1]] for name, queries in parts.items()},
        {name: "\0".join(texts[query] for query in queries) for name, queries in parts.items()},
    )


def _by_query(metric: str, rankings: Mapping[str, DocumentScores], judged: Mapping[str, Relevance]) -> dict[str, float]:
    """The metric, such as `ndcg_at_10`, of each query."""
    name, _, cut = metric.rpartition("_at_")
    if name == "mrr":
        return {query: _reciprocal_rank(ranking, judged[query], int(cut)) for query, ranking in rankings.items()}
    import pytrec_eval

    evaluator = pytrec_eval.RelevanceEvaluator(judged, {f"{TREC[name]}.{cut}"})
    return {query: float(found[f"{TREC[name]}_{cut}"]) for query, found in evaluator.evaluate(rankings).items()}


def _reciprocal_rank(ranking: DocumentScores, judged: Relevance, cut: int) -> float:
    """1 / rank of the first relevant document among the first `cut`; ties as in trec_eval, by name, last first."""
    ordered = sorted(ranking.items(), key=lambda item: (item[1], item[0]), reverse=True)[:cut]
    return next((1.0 / rank for rank, (doc, _) in enumerate(ordered, 1) if judged.get(doc, 0) > 0), 0.0)
