"""Which evaluation tasks the training data overlaps: what is known of a data set, and what is counted in its texts."""

from harness.contamination.declared import hub_id, source_name
from harness.contamination.overlaps import overlaps_of
from harness.contamination.wording import TaskOverlap, by_task, summary

__all__ = [
    "TaskOverlap",
    "by_task",
    "hub_id",
    "overlaps_of",
    "source_name",
    "summary",
]
