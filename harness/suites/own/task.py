"""A card ─▶ a task, measured as any other; what the card keeps from readers never reaches a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import pandas as pd

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.metrics import get_metric
from harness.metrics.f1 import read_set, write_set
from harness.outcomes import TaskResult
from harness.suites.mteb import Choice, MtebTask
from harness.suites.own.card import TaskCard, find_card
from harness.suites.own.documents import check_judgements
from harness.suites.own.folds import check_learnable, known_labels
from harness.suites.own.probes import make_probe
from harness.suites.own.table import CardRows, by_source, rows_of
from harness.suites.task import Task, TaskInfo


@dataclass(frozen=True, kw_only=True)
class OwnTask(Task):
    """The task of a card."""

    card: TaskCard

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the card."""
        return self.card.task

    @cached_property
    def info(self) -> TaskInfo:
        """What the card says. Raises HarnessError for files that are missing or cannot be measured."""
        kind = self.card.kind
        for part in self.card.tables:
            rows_of(self.card, part)
        if kind.layout:
            check_judgements(self.card)
        if kind.answer in ("label", "labels") and kind.metric == "accuracy" and not kind.sequences:
            check_learnable(self.card)
        scale, card = get_metric(kind.metric).scale, self.card
        return TaskInfo(
            name=self.name,
            task_type=kind.task_type,
            metric=kind.metric,
            revision=_made(card).info.revision,  # that of the probes too, where they measure it
            about=card.about,
            margin=None if card.margin is None else card.margin / scale,
            chance=None if card.chance is None else card.chance / scale,
        )

    @property
    def cost(self) -> int:
        """The different texts of its files."""
        return sum(len(rows_of(self.card, part).every_text) for part in self.card.tables)

    @property
    def data_path(self) -> str:
        """The name of the test file."""
        return self.card.parts["test"]

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure; examples are called as the card wants them to be."""
        revision = self.info.revision
        results = _made(self.card).run(encoder)
        if _made(self.card).info.revision != revision:
            raise HarnessError(f"the files of {self.name} were changed while it was measured; give the command again")
        rows = rows_of(self.card)
        return [_named(result, self.card, rows) for result in results]


def card_task(name: str) -> OwnTask:
    """The task of the card called `name`, or at that path. Raises HarnessError for a card or files that will not do."""
    return OwnTask(card=find_card(name))


def _made(card: TaskCard) -> Task:
    if card.kind.of_words:
        return make_probe(card)
    from harness.suites.own.sentences import make_task

    return MtebTask(name=card.task, make=partial(make_task, card), choice=Choice(languages=("all",)))


def _named(result: TaskResult, card: TaskCard, rows: CardRows) -> TaskResult:
    """The result with the names of examples, units and labels that the card allows, and its texts only if it does.

    With `texts` an example is called by its row and the hash of its text, unless it has an id; with `ids` by its id or
    its row; with `nothing` by its row, and groups and labels are numbered.
    """
    outcomes = result.outcomes.copy()
    place = _places(card, rows)
    row = outcomes["example_id"].str.rsplit(":", n=1).str[0].map(place).to_numpy(dtype=int)
    nothing = card.publish == "nothing"
    if card.type == "classification":
        label_of = {str(number): label for label, number in known_labels(card).items()}
        for name in ("gold_label", "predicted_label"):
            outcomes[name] = outcomes[name].map(label_of).astype("string")
    if card.publish != "texts" or rows.ids:
        names = pd.Series(rows.ids if rows.ids and not nothing else [str(n + 1) for n in range(rows.n)], dtype="string")
        outcomes["example_id"] = names.iloc[row].array
        if card.type == "bitext":  # a text is taken for the translation of another: both are called as their rows are
            for column in ("gold_label", "predicted_label"):
                outcomes[column] = names.iloc[outcomes[column].astype(int)].array
    if rows.together:
        # Numbered by the file, not by what a system could read of it.
        called_so = not nothing if rows.groups else card.publish == "texts" and not rows.sources
        units = pd.Series(rows.together, dtype="string") if called_so else _numbered(pd.Series(rows.together))
        outcomes["unit"] = units.iloc[row].array
    elif (result.outcomes["unit"] == result.outcomes["example_id"]).all():
        outcomes["unit"] = outcomes["example_id"]
    elif card.publish != "texts":
        outcomes["unit"] = _numbered(outcomes["unit"])
    shown: Mapping[str, str] | None = None if card.publish == "texts" else {}
    made: Mapping[str, str] | None = None
    if card.publish == "texts":
        called = dict(zip(result.outcomes["example_id"], outcomes["example_id"], strict=True))
        shown, made = (
            told and {called[name]: text for name, text in told.items() if name in called}
            for told in (result.shown, result.made)
        )
    if nothing and rows.labels and result.key.metric != "span_f1":  # kinds of spans are numbered before
        sets = card.kind.answer == "labels"
        outcomes = _without_labels(outcomes, rows.labels, clusters=card.type == "clustering", sets=sets)
    return replace(result, outcomes=outcomes, shown=shown, made=made)


def _places(card: TaskCard, rows: CardRows) -> dict[str, int]:
    """The row of each example by its name, which is ROW:HASH; of queries QUERY:HASH, of summaries TEXT/SUMMARY:HASH."""
    if card.kind.layout:
        return {name: n for n, name in enumerate(rows.ids)}
    if rows.sources:
        of_text = by_source(rows).values()
        return {f"{text}/{n}": row for text, places in enumerate(of_text) for n, row in enumerate(places)}
    return {str(n): n for n in range(rows.n)}


def _numbered(column: pd.Series) -> pd.Series:
    return pd.Series(pd.factorize(column)[0] + 1, index=column.index).astype("string")


def _without_labels(outcomes: pd.DataFrame, known: Iterable[str], *, clusters: bool, sets: bool) -> pd.DataFrame:
    """The outcomes with labels numbered, in sets too; the names of clusters mean nothing."""
    columns = ("gold_label",) if clusters else ("gold_label", "predicted_label")
    answers = sorted({*known, *(answer for name in columns for answer in outcomes[name].dropna())})
    parts = {answer: read_set(answer) if sets else [answer] for answer in answers}
    number = {label: str(place) for place, label in enumerate(sorted({each for own in parts.values() for each in own}))}
    told = {
        answer: write_set(number[label] for label in own) if sets else number[own[0]] for answer, own in parts.items()
    }
    for name in columns:
        outcomes[name] = outcomes[name].map(told).astype("string")
    return outcomes
