"""Comparisons of what the store holds: entries, declared contrasts, tests a task, and words for them."""

from harness.compare.analysis import analyse, compare
from harness.compare.deciding import needs
from harness.compare.entries import current_entries
from harness.compare.ranking import rank
from harness.compare.wording import scope

__all__ = ["analyse", "compare", "current_entries", "needs", "rank", "scope"]
