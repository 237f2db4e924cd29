"""Retrieval and reranking in the layout of BEIR: corpus.jsonl, queries.jsonl and qrels/test.tsv in one folder.

For reranking top_ranked.jsonl names the documents of each query, as mteb's data sets have it; without it they are those
that are judged.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from harness.errors import HarnessError
from harness.rows import column_names, read_cells
from harness.suites.own.card import TaskCard
from harness.suites.own.table import CardRows, check_ids, check_memory, rows_of, written
from harness.suites.own.types import CANDIDATES, JUDGEMENTS

Judgements = dict[str, dict[str, int]]  # query -> document -> relevance


def texts_of(card: TaskCard, part: str) -> CardRows:
    """The documents, or those queries that are judged; a title stands before its text, as mteb has it."""
    path = card.path(part)
    check_memory(path)
    titled = "title" in column_names(path)
    columns = (("_id", "id"), ("text",), *((("title",),) if titled else ()))
    judged = judgements_of(card) if part == "test" else None
    rows = [
        (written(row[0]), f"{written(row[2]) if titled else ''} {written(row[1])}".strip())
        for row in read_cells(path, columns)
    ]
    rows = [row for row in rows if judged is None or row[0] in judged]
    if not rows:
        raise HarnessError(f"{path} has no {'rows' if judged is None else 'query that is judged'}; a task needs some")
    empty = next((name for name, text in rows if not text), None)
    if empty is not None:
        raise HarnessError(f"{path}: the text of {empty!r} is empty; fill it in, or delete the row")
    ids, texts = zip(*rows, strict=True)
    found = CardRows(where=str(path), n=len(rows), texts={"text": texts}, ids=ids)
    check_ids(found)
    return found


def judgements_of(card: TaskCard) -> Judgements:
    """How relevant documents are to queries. Raises HarnessError for what is no judgement, and for one given twice."""
    path = card.path(JUDGEMENTS)
    found: Judgements = {}
    for row, (query, document, relevance) in enumerate(
        read_cells(path, (("query-id",), ("corpus-id",), ("score",))), start=1
    ):
        of_query = found.setdefault(written(query), {})
        if written(document) in of_query:
            raise HarnessError(f"{path}, row {row}: the document {written(document)!r} is judged twice for its query")
        try:
            of_query[written(document)] = int(written(relevance))
        except ValueError:
            raise HarnessError(
                f"{path}, row {row}: the score is {written(relevance)!r}, which is not a whole number; correct it"
            ) from None
    if not any(relevance > 0 for judged in found.values() for relevance in judged.values()):
        raise HarnessError(f"{path} has no judgement above 0, so there is nothing to find")
    return found


def candidates_of(card: TaskCard) -> dict[str, list[str]]:
    """The documents that are put in order for each query. Raises HarnessError for a query that has none."""
    judged = judgements_of(card)
    if CANDIDATES not in card.parts:
        return {query: list(documents) for query, documents in judged.items()}
    path = card.path(CANDIDATES)
    found: dict[str, list[str]] = {}
    for row, (query, documents) in enumerate(read_cells(path, (("query-id",), ("corpus-ids",))), start=1):
        if not isinstance(documents, list) or not documents:
            raise HarnessError(f"{path}, row {row}: 'corpus-ids' is not a list of documents; correct it")
        found[written(query)] = list(dict.fromkeys(map(written, documents)))
    without = next((query for query in judged if query not in found), None)
    if without is not None:
        raise HarnessError(f"{path} has no documents for the query {without!r}, which is judged; add them")
    return {query: found[query] for query in judged}


def check_judgements(card: TaskCard) -> None:
    """Raise HarnessError for a query or a document that is judged, or is to be put in order, and is not there."""
    judged = judgements_of(card)
    queries, documents = set(rows_of(card).ids), set(rows_of(card, "corpus").ids)
    _check_known(card, JUDGEMENTS, "query", judged, queries)
    _check_known(card, JUDGEMENTS, "document", [name for each in judged.values() for name in each], documents)
    if CANDIDATES in card.parts:
        named = [name for each in candidates_of(card).values() for name in each]
        _check_known(card, CANDIDATES, "document", named, documents)


def _check_known(card: TaskCard, part: str, kind: str, names: Iterable[str], known: Container[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        what, line = ("judged", "judgement") if part == JUDGEMENTS else ("named", "name")
        raise HarnessError(
            f"{card.path(part)}: the {kind} {unknown[0]!r} is {what} and is not there"
            f"{f' (nor are {len(unknown) - 1} others)' if len(unknown) > 1 else ''}; add it, or take the {line} out"
        )
