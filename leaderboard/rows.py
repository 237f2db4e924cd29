"""The rows of a base's table: each variant with its scores, its rank and what was noted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.compare.analysis import Analysis
from harness.compare.contrasts import Contrasts
from harness.compare.entries import Entry
from harness.compare.ranking import Ranks
from harness.compare.results import TaskScore
from harness.contamination.wording import TaskOverlap, by_task
from harness.outcomes import TaskPart
from harness.records import Overlap, Run, System
from leaderboard import text
from leaderboard.model import TableCell, TableRow, TaskColumn
from leaderboard.signatures import Signature, signature


@dataclass(frozen=True, kw_only=True)
class StoredMaterial:
    """What the store holds, without the outcomes."""

    scores: pd.DataFrame
    besides: pd.DataFrame  # in other dtypes or on other devices
    runs: Mapping[str, Run]
    systems: Mapping[str, System]
    overlaps: Sequence[Overlap]
    contrasts: Contrasts
    tasks: Mapping[TaskPart, TaskColumn]
    hrefs: Mapping[str, str]  # an entry's or a pair's file name, by its plain name
    section: str = ""  # the base whose rows are made, if there are several


class Rows:
    """Rows of one base's table."""

    def __init__(
        self,
        *,
        analysis: Analysis,
        ranks: Ranks,
        kept: StoredMaterial,
        columns: Sequence[TaskColumn],
        entries: Sequence[Entry],
    ) -> None:
        self._places = ranks.overall.places if ranks.overall else ()
        ordered = sorted(self._places, key=lambda place: (place.ranks.low, place.ranks.high, -place.score))
        self._by_rank = {place.variant: i for i, place in enumerate(ordered, 1)}
        self._analysis, self._ranks, self._kept, self._columns = analysis, ranks, kept, columns
        self._compared = {(c.variant.variant, c.against.variant): c for c in analysis.comparisons}
        self._revisions = set(zip(kept.scores["task"], kept.scores["revision"], strict=True))
        mine = {system.system_id for entry in entries for system in entry.systems}
        self._results: dict[str, list[dict[str, object]]] = {system: [] for system in mine}
        for row in kept.scores[kept.scores["system_id"].isin(mine)].to_dict("records"):
            self._results[str(row["system_id"])].append({str(k): v for k, v in row.items()})

    def row(self, entry: Entry) -> TableRow:
        against = self._compared.get((entry.variant, self._kept.contrasts.root))
        found = {} if against is None else {t.key.part: t for t in against.tasks}
        stages = {digest for system in entry.systems for digest in system.stage_digests}
        seen = {
            each.task: each for each in by_task(o for o in self._kept.overlaps if o.stage in stages)
            if self._measured(each)
        }  # fmt: skip
        signed = self._signatures(entry)
        cells = [
            TableCell(
                task=t,
                score=self._analysis.scores.get((entry.name, t.name)),
                against=found.get(t.name),
                overlap=seen.get(t.name.task),
                signatures=tuple(signed.get(t.name, ())),
            )
            for t in self._columns
        ]
        results = [row for system in entry.systems for row in self._results[system.system_id]]
        key = self._kept.hrefs[file_name(entry, self._kept.section)]
        ranked = entry.kind != "baseline"
        return TableRow(
            entry=entry,
            href=f"systems/{key}.html",
            key=key,
            cells=tuple(cells),
            notes=tuple(self._notes(entry, cells)),
            place=next((p for p in self._places if ranked and p.variant == entry.variant), None),
            by_rank=self._by_rank.get(entry.variant) if ranked else None,
            seconds=sum(float(str(r["seconds"])) for r in results) / len(entry.systems) if results else None,
            device=", ".join(sorted({f"{row['device']} in {row['dtype']}" for row in results})),
            besides=self._besides(entry),
            generation=_generation(cells),
        )

    def _besides(self, entry: Entry) -> dict[str, str]:
        rows = self._kept.besides
        rows = rows[rows["system_id"].isin([system.system_id for system in entry.systems])]
        found: dict[str, list[str]] = {}
        for key, of_seeds in rows.groupby(["dtype", "device", "task", "split", "subset", "metric"]):
            dtype, device, task, split, subset, metric = map(str, key)
            label = self._kept.tasks[TaskPart(task, split, subset)].label
            score = text.score(float(of_seeds["score"].mean()), metric)
            found.setdefault(f"{dtype} on {device}", []).append(f"{label} {score}")
        return {condition: ", ".join(scores) for condition, scores in found.items()}

    def _measured(self, overlap: TaskOverlap) -> bool:
        return (overlap.task, overlap.revision) in self._revisions

    def _notes(self, entry: Entry, cells: Sequence[TableCell]) -> list[str]:
        # Retention is a suite of its own: a row without it is not incomplete.
        counted = [cell for cell in cells if not cell.task.is_retention] or cells
        measured = sum(cell.score is not None for cell in counted)
        if entry.kind != "variant":
            notes = ["reference model"] if entry.is_reference else []
            if measured == len(counted) and entry.variant in self._ranks.unranked and entry.is_reference:
                notes.append(f"not ranked: {self._ranks.unranked[entry.variant]}")
            return notes if measured == len(counted) else [*notes, f"{measured} of {len(counted)} tasks"]
        used = {str(row["run_id"]) for system in entry.systems for row in self._results[system.system_id]}
        notes = [] if all(self._kept.runs[run_id].proven for run_id in used) else ["not ranked: no mask proof"]
        notes += [] if measured == len(counted) else [f"not ranked: {measured} of {len(counted)} tasks"]
        if not notes and entry.variant in self._ranks.unranked:
            notes = [f"not ranked: {self._ranks.unranked[entry.variant]}"]
        return notes

    def _signatures(self, entry: Entry) -> dict[TaskPart, list[Signature]]:
        found: dict[TaskPart, list[Signature]] = {}
        for system in entry.systems:
            for row in self._results[system.system_id]:
                found.setdefault(TaskPart.of(row), []).append(
                    signature(row, system, self._kept.runs.get(str(row["run_id"])))
                )
        return found


def file_name(entry: Entry, base: str) -> str:
    """Return the file name of `entry` in the section of `base` (empty: the only one), before `text.slugs`."""
    return "--".join(filter(None, (*entry.name, f"on--{base}" if base and not entry.base else "")))


def _generation(cells: Sequence[TableCell]) -> str:
    """Return what is left of the base's generation, a sentence for each text; "" if it was not measured."""
    found = {(cell.score.key.metric, cell.score.key.subset): cell.score for cell in cells if cell.score}
    said = []
    for subset in sorted({subset for metric, subset in found if metric == "same_text"}):
        whole, tokens = found["same_text", subset], found.get(("same_tokens", subset))
        before = f"; {_share(tokens)} of all tokens come before the first difference" if tokens else ""
        said.append(
            f"Under the causal mask its greedy continuation equals the base’s in {_share(whole)} of {whole.n_examples} "
            f"texts ({subset}){before}."
        )
    return " ".join(said)


def _share(score: TaskScore) -> str:
    metric, ends = score.key.metric, text.span(score.interval or score.spread, score.key.metric)
    return f"{text.score(score.score, metric)}\u00a0%" + (f" (95\u00a0% interval {ends})" if ends else "")
