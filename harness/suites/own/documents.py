"""Retrieval in the layout of BEIR: corpus.jsonl, queries.jsonl and qrels/test.tsv in one folder."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.rows import column_names, read_cells
from harness.suites.own.card import TaskCard
from harness.suites.own.table import CardRows, check_ids, check_memory, rows_of, written
from harness.suites.own.types import JUDGEMENTS

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


def check_judgements(card: TaskCard) -> None:
    """Raise HarnessError for a judgement of a query or a document that is not there."""
    judged = judgements_of(card)
    known = {"query": set(rows_of(card).ids), "document": set(rows_of(card, "corpus").ids)}
    named = {"query": list(judged), "document": [name for each in judged.values() for name in each]}
    for kind, names in named.items():
        unknown = [name for name in names if name not in known[kind]]
        if unknown:
            raise HarnessError(
                f"{card.path(JUDGEMENTS)}: the {kind} {unknown[0]!r} is judged and is not there"
                f"{f' (nor are {len(unknown) - 1} others)' if len(unknown) > 1 else ''}; add it, or take the judgement "
                "out"
            )
