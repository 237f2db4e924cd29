"""Comparisons of what the store holds: entries, declared contrasts, tests a task, and words for them."""

from harness.compare.analysis import Analysis, AnalysisProgress, analyse, compare, compare_each
from harness.compare.cells import Cell, Places, cells, read_places
from harness.compare.contrasts import Contrasts, VariantContrast, declared_contrasts
from harness.compare.deciding import needs
from harness.compare.entries import Entry, current_entries
from harness.compare.flips import Flips, flips
from harness.compare.ranking import Place, Ranking, Ranks, make_ranks, rank, unproven
from harness.compare.results import (
    Comparison,
    TaskComparison,
    TaskScore,
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
    "Flips",
    "Place",
    "Places",
    "Ranking",
    "Ranks",
    "TaskComparison",
    "TaskScore",
    "VariantContrast",
    "WordView",
    "analyse",
    "cells",
    "compare",
    "compare_each",
    "current_entries",
    "declared_contrasts",
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
