"""Comparisons of what the store holds: entries, declared contrasts, tests a task, and words for them."""

from harness.compare.analysis import Analysis, AnalysisProgress, analyse, compare, compare_each
from harness.compare.cells import Cell, cells
from harness.compare.contrasts import Contrasts, VariantContrast, declared_contrasts
from harness.compare.deciding import Needs, needs
from harness.compare.entries import Entry, current_entries, find_entry
from harness.compare.flips import Flip, Flips, flips
from harness.compare.places import Places, read_places
from harness.compare.ranking import Place, Ranking, Ranks, chosen_tasks, make_ranks, rank, unproven
from harness.compare.results import (
    Comparison,
    Family,
    TaskComparison,
    TaskScore,
    Verdict,
)
from harness.compare.word_views import VIEWS, WordView, shares_of_target, word_cells
from harness.compare.wording import overall, scope, scope_of, sentence, task_label, untested_tasks

__all__ = [
    "VIEWS",
    "Analysis",
    "AnalysisProgress",
    "Cell",
    "Comparison",
    "Contrasts",
    "Entry",
    "Family",
    "Flip",
    "Flips",
    "Needs",
    "Place",
    "Places",
    "Ranking",
    "Ranks",
    "TaskComparison",
    "TaskScore",
    "VariantContrast",
    "Verdict",
    "WordView",
    "analyse",
    "cells",
    "chosen_tasks",
    "compare",
    "compare_each",
    "current_entries",
    "declared_contrasts",
    "find_entry",
    "flips",
    "make_ranks",
    "needs",
    "overall",
    "rank",
    "read_places",
    "scope",
    "scope_of",
    "sentence",
    "shares_of_target",
    "task_label",
    "unproven",
    "untested_tasks",
    "word_cells",
]
