"""The retention suite: what did the encoder training cost the language model?

This module is cheap: it names the tasks and imports neither torch nor transformers until a task runs. The tasks are the
same for every text; the text is chosen per run (harness.suites.retention.text).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.outcomes import TaskResult
from harness.suites.retention.text import MINI, MINI_DOCUMENTS, WIKITEXT, OnText, RetentionText, open_text
from harness.suites.task import Suite, Task

TASK_TYPE = "Retention"


@dataclass(frozen=True, kw_only=True)
class RetentionTask(OnText):
    """One metric on one text; `sampled` tells the two ways of going on with it apart."""

    task_type: str = TASK_TYPE
    sampled: bool = False

    @property
    def cost(self) -> int | None:
        """The documents of the mini language; those of another text are counted when it is read."""
        return None if self.text is not None and self.text.files else MINI_DOCUMENTS

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure and return one result; its subset is the text's name."""
        from harness.suites.retention.tasks import measure

        return measure(self, self.text or open_text(MINI), encoder)


TASKS: tuple[RetentionTask, ...] = (
    RetentionTask(
        name="RetentionBits",
        metric="bits_per_byte",
        about="bits lost on a byte of held-out text under the causal mask, with the base's LM head",
    ),
    RetentionTask(
        name="RetentionPerplexity",
        metric="perplexity",
        about="the same losses over tokens, as an exponential; described, not tested",
    ),
    RetentionTask(
        name="RetentionAdaptersOff",
        metric="largest_change",
        about="the largest change of a text's bits from the base's with the adapters off; anything but 0 stops the run",
    ),
    RetentionTask(
        name="RetentionMasked",
        metric="masked_accuracy",
        about="share of hidden tokens that are predicted from the state before them, with the system's own mask",
    ),
    RetentionTask(
        name="RetentionSameText",
        metric="same_text",
        about="share of greedy continuations that equal the base's to the last token",
    ),
    RetentionTask(
        name="RetentionSameTokens",
        metric="same_tokens",
        about="share of the tokens of greedy continuations that come before the first difference from the base's",
    ),
    RetentionTask(
        name="RetentionDistinctGreedy",
        metric="distinct_2",
        about="share of distinct 2-grams in a greedy continuation",
    ),
    RetentionTask(
        name="RetentionDistinctSampled",
        metric="distinct_2",
        about="share of distinct 2-grams in a sampled continuation",
        sampled=True,
    ),
    RetentionTask(
        name="RetentionRepeatsGreedy",
        metric="repeated_4",
        about="share of repeated 4-grams in a greedy continuation",
    ),
    RetentionTask(
        name="RetentionRepeatsSampled",
        metric="repeated_4",
        about="share of repeated 4-grams in a sampled continuation",
        sampled=True,
    ),
)
SUITE = Suite(
    name="retention",
    about="what the training cost the language model: bits per byte, the base's continuations, repetition",
    tasks=TASKS,
)
SUITES = (SUITE,)


def choose_text(tasks: Sequence[Task], *, base: str, source: str | None) -> RetentionText | None:
    """The text for `tasks` on `base`: `source` as the user named it, else what belongs to the base.

    None where no task needs one. Raises HarnessError where a text is needed and not named, or named and not needed.
    """
    kinds = sorted({task.task_type.lower() for task in tasks if isinstance(task, OnText)})
    if not kinds:
        if source is not None:
            raise HarnessError(
                f"--data retention={source} is for retention tasks, and none was given; add --suite retention"
            )
        return None
    if source is None and base != MINI:
        raise HarnessError(
            f"{' and '.join(kinds)} on base {base} needs a text; give --data retention=FILE (.txt, .jsonl "
            f"or .parquet), or --data retention={WIKITEXT} to use WikiText-2 from the hub"
        )
    return open_text(source or MINI)
