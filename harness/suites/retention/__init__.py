"""The retention suite: what did the encoder training cost the language model?

This module is cheap: it names the tasks and imports neither torch nor transformers until a task is made. The tasks
are the same for every text; the text is chosen per run (harness.suites.retention.text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.suites.lookup import entry_named

Measure = Literal["bits", "perplexity", "adapters_off", "distinct", "repeated"]
TASK_TYPE = "Retention"
# Raise when the same system on the same text would score otherwise.
SUITE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RetentionEntry:
    """A task of the suite before it is made; `sampled` tells the two ways of going on with a text apart."""

    name: str
    measure: Measure
    metric: str
    about: str
    sampled: bool = False


TASKS: tuple[RetentionEntry, ...] = (
    RetentionEntry(
        name="RetentionBits",
        measure="bits",
        metric="bits_per_byte",
        about="bits lost on a byte of held-out text under the causal mask, with the base's LM head",
    ),
    RetentionEntry(
        name="RetentionPerplexity",
        measure="perplexity",
        metric="perplexity",
        about="the same losses over tokens, as an exponential; described, not tested",
    ),
    RetentionEntry(
        name="RetentionAdaptersOff",
        measure="adapters_off",
        metric="largest_change",
        about="the largest change of a text's bits from the base's with the adapters off; anything but 0 stops the run",
    ),
    RetentionEntry(
        name="RetentionDistinctGreedy",
        measure="distinct",
        metric="distinct_2",
        about="share of distinct 2-grams in a greedy continuation",
    ),
    RetentionEntry(
        name="RetentionDistinctSampled",
        measure="distinct",
        metric="distinct_2",
        about="share of distinct 2-grams in a sampled continuation",
        sampled=True,
    ),
    RetentionEntry(
        name="RetentionRepeatsGreedy",
        measure="repeated",
        metric="repeated_4",
        about="share of repeated 4-grams in a greedy continuation",
    ),
    RetentionEntry(
        name="RetentionRepeatsSampled",
        measure="repeated",
        metric="repeated_4",
        about="share of repeated 4-grams in a sampled continuation",
        sampled=True,
    ),
)


def task_names() -> tuple[str, ...]:
    """The names of the suite's tasks."""
    return tuple(entry.name for entry in TASKS)


def task_entry(name: str) -> RetentionEntry:
    """The entry of the task called `name`. Raises HarnessError if there is none."""
    return entry_named(name, TASKS, of="the retention suite")
