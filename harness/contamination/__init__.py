"""Which evaluation tasks the training data overlaps: what is known of a data set, and what is counted in its texts."""

from harness.contamination.declared import Declared, declared_for, hub_id, source_name
from harness.contamination.overlaps import overlaps_of
from harness.contamination.texts import count_shared, text_hashes
from harness.contamination.wording import TaskOverlap, by_task, how_measured, percent, summary

__all__ = [
    "Declared",
    "TaskOverlap",
    "by_task",
    "count_shared",
    "declared_for",
    "how_measured",
    "hub_id",
    "overlaps_of",
    "percent",
    "source_name",
    "summary",
    "text_hashes",
]
