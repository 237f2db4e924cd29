"""The figures that Feng et al. 2025 published, as data: tables 4 to 11 (2025.acl-long.1132, arXiv 2510.01652)."""

from __future__ import annotations

import csv
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


# task, subtask, metric, model, `linear` or `MLP`, position (of context probes: counts a sentence's words from 1)
_Key = tuple[str, str, str, str, str, int | None]


@cache
def figures() -> dict[_Key, float]:
    """All of them, by what they are figures of; in the order of the tables."""
    text = (files("harness.suites.words") / "feng2025.tsv").read_text("utf-8")
    return {
        (
            row["task"],
            row["subtask"],
            row["metric"],
            row["model"],
            "MLP" if row["probe"] == "MLP" else "linear",
            int(row["position"]) if row["position"] else None,
        ): float(row["value"])
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    }


def figure(task: PaperTask, *, probe: str, metric: str, model: str, position: int | None = None) -> float | None:
    """The published value of `task` for `model`, None where there is none.

    `probe` is `linear` or `MLP`, `metric` as the paper writes it, `position` counted from the target.
    """
    if position is not None:
        position = position - task.positions[0] + 1
    return figures().get((task.figures_task, task.subtask, metric, model, probe, position))


def paper_base(base: str, chosen: str | None) -> str:
    """The base of the paper that figures are taken from: the chosen one, or the one that `base` is called after.

    Any other base is set beside the smaller one. Raises HarnessError for a base that the paper does not have.
    """
    if chosen is not None:
        if chosen not in BASES:
            raise HarnessError(f"the paper has no base {chosen!r}; {near_names(chosen, BASES)}")
        return chosen
    return next((name for name in BASES if name.lower() in base.lower()), BASES[0])
