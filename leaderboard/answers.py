"""The examples behind a task's numbers: what each entry answered, and where two of them differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from harness.compare.one_task import Name
from harness.metrics import AnswerKind
from harness.metrics.metric import Better


@dataclass(frozen=True, kw_only=True)
class ExampleAnswers:
    """n examples × k entries of one task, in the order of the first result that holds each example.

    `value_nk` is the share of right answers over an entry's seeds, draws, layers and positions, or its mean
    predicted score; NaN where an entry was not asked, and everywhere for clusters, which are neither right nor wrong.
    `said_nk` numbers the label in `labels` that it gave most often, -1 for none. `off_nk` says how far an answer is off
    the gold one, 0 is best: the share of wrong answers; for scores the distance between the example's place among all
    predictions and its place among all gold scores, as a share of the list; without gold scores the value itself, as
    its metric counts.
    """

    entries: tuple[Name, ...]
    ids: tuple[str, ...]
    shown: tuple[str, ...]  # what each example asked; its id where that is not stored
    gold: tuple[str, ...]
    labels: tuple[str, ...]
    value_nk: NDArray[np.float64]
    said_nk: NDArray[np.intp]
    off_nk: NDArray[np.float64]
    kind: AnswerKind

    def column(self, entry: Name) -> NDArray[np.float64]:
        """Return the values of one entry (n,)."""
        return self.value_nk[:, self.entries.index(entry)]

    def said(self, row: int, entry: Name) -> str:
        """Return what an entry answered, as text."""
        at = self.entries.index(entry)
        if self.kind == "score":
            return _short(self.value_nk[row, at])
        code = int(self.said_nk[row, at])
        return self.labels[code] if code >= 0 else "–"

    def apart(self, most: int) -> ExampleAnswers:
        """Return the `most` examples on which the entries are furthest apart, furthest first."""
        rows = list(range(min(most, len(self.ids))))
        if self.kind != "cluster" and self.ids:
            filled = np.where(np.isnan(self.value_nk), np.nanmean(self.value_nk), self.value_nk)
            spread = filled.max(axis=1) - filled.min(axis=1)
            rows = [int(i) for i in np.argsort(-spread, kind="stable")[:most]]
        ids, shown, gold = (tuple(column[i] for i in rows) for column in (self.ids, self.shown, self.gold))
        return replace(
            self,
            ids=ids,
            shown=shown,
            gold=gold,
            value_nk=self.value_nk[rows],
            said_nk=self.said_nk[rows],
            off_nk=self.off_nk[rows],
        )


@dataclass(frozen=True, kw_only=True)
class ChangedExample:
    """One example that two entries answer differently; `change` is above 0 where the first is nearer to gold."""

    example_id: str
    shown: str
    gold: str
    said: str
    said_against: str
    change: float


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The changed examples of a pair on a task: how many are nearer to gold and further, of how many; the largest."""

    nearer: int
    further: int
    n: int
    shown: tuple[ChangedExample, ...]


def answers_of(
    outcomes: pd.DataFrame,
    members: Mapping[Name, Sequence[int]],
    *,
    kind: AnswerKind,
    better: Better = "higher",
    texts: Mapping[str, str] | None = None,
) -> ExampleAnswers:
    """Gather the outcomes (of one task) of `members`, entry -> numbers of its results; `texts` by example."""
    entries = tuple(members)
    place = {number: k for k, name in enumerate(entries) for number in members[name]}
    rows = outcomes[outcomes["result"].isin(place)]
    of_entry = rows["result"].map(place).to_numpy(dtype=np.intp)
    code, ids = pd.factorize(rows["example_id"])
    n, k = len(ids), len(entries)
    cell = code * k + of_entry
    first = np.full(n, -1, dtype=np.intp)
    first[code[::-1]] = np.arange(len(code))[::-1]
    labelled = kind != "score"
    gold_column = rows["gold_label" if labelled else "gold_score"].to_numpy(dtype=object)
    shown = tuple((texts or {}).get(str(example), str(example)) for example in ids)
    gold = tuple(str(value) if labelled else _short(value) for value in gold_column[first])
    said_nk = np.full((n, k), -1, dtype=np.intp)
    labels: tuple[str, ...] = ()
    value = np.full(len(rows), np.nan)
    if kind == "label":
        value = (rows["gold_label"] == rows["predicted_label"]).to_numpy(dtype=np.float64)
        answer, names = pd.factorize(rows["predicted_label"])
        labels = tuple(map(str, names))
        pairs, counts = np.unique(cell * len(labels) + answer, return_counts=True)
        best = np.lexsort((pairs, -counts, pairs // len(labels)))
        cells, at = np.unique(pairs[best] // len(labels), return_index=True)
        said_nk.reshape(-1)[cells] = pairs[best][at] % len(labels)
    elif kind == "score":
        value = rows["predicted_score"].to_numpy(dtype=np.float64)
    total = np.bincount(cell, weights=value, minlength=n * k)
    asked = np.bincount(cell, minlength=n * k)
    with np.errstate(invalid="ignore", divide="ignore"):
        value_nk = (total / asked).reshape(n, k)
    return ExampleAnswers(
        entries=entries,
        ids=tuple(map(str, ids)),
        shown=shown,
        gold=gold,
        labels=labels,
        value_nk=value_nk,
        said_nk=said_nk,
        off_nk=_off(value_nk, gold_column[first], kind=kind, better=better),
        kind=kind,
    )


def _off(
    value_nk: NDArray[np.float64], gold: NDArray[np.object_], *, kind: AnswerKind, better: Better
) -> NDArray[np.float64]:
    if kind != "score":
        return 1 - value_nk
    gold_n = np.array([np.nan if g is None else float(g) for g in gold])
    if not np.isfinite(gold_n).all():
        return value_nk if better == "lower" else -value_nk
    off = np.full(value_nk.shape, np.nan)
    for k, values in enumerate(value_nk.T):
        known = np.isfinite(values)
        if known.any():
            places = [rankdata(each[known]) for each in (values, gold_n)]
            off[known, k] = np.abs(places[0] - places[1]) / known.sum()
    return off


def changed(answers: ExampleAnswers, first: Name, second: Name, *, most: int) -> Changed | None:
    """Return where `first` and `second` differ; None where one was not asked, or there are only clusters."""
    if answers.kind == "cluster" or first not in answers.entries or second not in answers.entries:
        return None
    of = answers.entries.index
    change = answers.off_nk[:, of(second)] - answers.off_nk[:, of(first)]
    known = np.isfinite(change)
    if not known.any():
        return None
    change = np.where(known, change, 0.0)
    order = [int(i) for i in np.argsort(-np.abs(change), kind="stable")[:most] if change[i] != 0]
    return Changed(
        nearer=int((change > 0).sum()),
        further=int((change < 0).sum()),
        n=int(known.sum()),
        shown=tuple(
            ChangedExample(
                example_id=answers.ids[i],
                shown=answers.shown[i],
                gold=answers.gold[i],
                said=answers.said(i, first),
                said_against=answers.said(i, second),
                change=float(change[i]),
            )
            for i in order
        ),
    )


def script_of(answers: ExampleAnswers, *, key: str) -> str:
    """Return a script that hands all examples to the page: a file:// page may load scripts, and nothing else."""
    data = {
        "kind": answers.kind,
        "entries": [variant for _, variant in answers.entries],
        "ids": answers.ids,
        "shown": answers.shown if answers.shown != answers.ids else [],
        "gold": answers.gold,
        "labels": answers.labels,
        "values": [[_number(v) for v in column] for column in answers.value_nk.T],
        "off": [[_number(v) for v in column] for column in answers.off_nk.T] if answers.kind == "score" else [],
        "said": [column.tolist() for column in answers.said_nk.T] if answers.labels else [],
    }
    text = json.dumps([key, data], ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"harnessExamples.apply(null,{text});\n"


def _number(value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded


def _short(value: object) -> str:
    known = isinstance(value, int | float | np.floating) and np.isfinite(value)
    return f"{float(value):.4g}".replace("-", "−") if known else "–"  # type: ignore[arg-type]
