"""The figures that Feng et al. 2025 published, as data: tables 4 to 11 (2025.acl-long.1132, arXiv 2510.01652)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from harness.errors import HarnessError, near_names
from harness.suites.words.feng2025 import PaperTask

# The paper's names of our variants on a base; it has no row for the mask alone, nor any causal control.
STEPS = {
    "causal": "",
    "bidir-mntp": " Bi+MNTP",
    "bidir-simcse": " Bi+MNTP+SimCSE",
    "bidir-supcon": " Bi+MNTP+Supervised",
}
BASES = ("Sheared-LLaMA-1.3B", "Llama-2-7B")


@dataclass(frozen=True, kw_only=True)
class PublishedFigure:
    """One published number. `position` counts words of a context probe's sentence from 1; None elsewhere."""

    table: int
    task: str
    probe: str
    model: str
    subtask: str
    metric: str
    position: int | None
    value: float


@cache
def figures() -> tuple[PublishedFigure, ...]:
    """All of them, in the order of the tables."""
    text = (files("harness.suites.words") / "feng2025.tsv").read_text("utf-8")
    return tuple(
        PublishedFigure(
            table=int(row["table"]),
            task=row["task"],
            probe=row["probe"],
            model=row["model"],
            subtask=row["subtask"],
            metric=row["metric"],
            position=int(row["position"]) if row["position"] else None,
            value=float(row["value"]),
        )
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    )


def figure(task: PaperTask, *, probe: str, metric: str, model: str, position: int | None = None) -> float | None:
    """The published value of `task` for `model`, None where there is none.

    `probe` is `linear` or `MLP`, `metric` as the paper writes it, `position` counted from the target.
    """
    if position is not None:
        position = position - task.positions[0] + 1
    for each in figures():
        asked = (each.task, each.subtask, each.metric, each.model, each.position)
        kind = "MLP" if each.probe == "MLP" else "linear"
        if kind == probe and asked == (task.figures_task, task.subtask, metric, model, position):
            return each.value
    return None


def paper_base(base: str, chosen: str | None) -> str:
    """The base of the paper that figures are taken from: the chosen one, or the one that `base` is called after.

    Any other base is set beside the smaller one. Raises HarnessError for a base that the paper does not have.
    """
    if chosen is not None:
        if chosen not in BASES:
            raise HarnessError(f"the paper has no base {chosen!r}; {near_names(chosen, BASES)}")
        return chosen
    return next((name for name in BASES if name.lower() in base.lower()), BASES[0])
