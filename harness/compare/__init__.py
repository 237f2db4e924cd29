"""Comparisons of what the store holds: entries, declared contrasts, tests a task, and words for them."""

from harness.compare.analysis import Analysis, Progress, analyse, compare
from harness.compare.contrasts import Contrast, Contrasts, declared_contrasts
from harness.compare.entries import Entry, current_entries, find_entry
from harness.compare.results import (
    Comparison,
    TaskComparison,
    TaskName,
    TaskScore,
    Verdict,
    task_name,
)
from harness.compare.wording import scope, scope_of, sentence, task_label

__all__ = [
    "Analysis",
    "Comparison",
    "Contrast",
    "Contrasts",
    "Entry",
    "Progress",
    "TaskComparison",
    "TaskName",
    "TaskScore",
    "Verdict",
    "analyse",
    "compare",
    "current_entries",
    "declared_contrasts",
    "find_entry",
    "scope",
    "scope_of",
    "sentence",
    "task_label",
    "task_name",
]
