"""The distractor suite: what an irrelevant passage or a repeated sentence costs, and which cure gets it back.

This module is cheap: it names the tasks and imports neither mteb nor torch until one runs. A condition (what is done to
the texts) and a row (what is done against it) are a subset of a task's result, with outcomes of their own; all subsets
have the same examples. They are diagnostics: described, compared with each other, and never ranked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.encoder.protocol import TextEncoder
from harness.outcomes import TaskResult
from harness.suites.mini import SUITE as MINI
from harness.suites.mteb import registered
from harness.suites.task import ListedTask, Suite

TASK_TYPE = "Distractors"
SUITE_VERSION = 3  # raise when the same system would score otherwise
TEXTS = 200  # examples of a task
CLEAN, DIRTY, TRUNCATED, EXTRACT, RANDOM, DEDUPLICATED, DROPPED, REGENERATED = ROWS = (
    "clean", "dirty", "truncated", "extract", "random extract", "deduplicated", "score and drop", "regenerate",
)  # fmt: skip
BY_LANGUAGE_MODEL = (DROPPED, REGENERATED)
BY_SYSTEM = (EXTRACT, *BY_LANGUAGE_MODEL)  # what they make of a text is not the same for all systems
# Of regeneration at the first condition: how much of the text and of the passage is kept, and the least and the most
# that the gate lets pass; then the tokens that each cure took.
GATE = {"gate: text kept": 0.9, "gate: passage kept": 0.1}
COST = "tokens: "
_BETWEEN = " | "


def subset_of(condition: str, row: str) -> str:
    """What a result is stored as; the clean texts are the same under every condition.

    >>> subset_of("before ×1", "extract"), subset_of("before ×1", "clean")
    ('before ×1 | extract', 'clean')
    """
    return row if row == CLEAN else f"{condition}{_BETWEEN}{row}"


def parts_of(subset: str) -> tuple[str, str] | None:
    """The condition and the row of a subset; None for what is neither (the gate, tokens, the clean texts).

    >>> parts_of("before ×1 | extract"), parts_of("clean")
    (('before ×1', 'extract'), None)
    """
    condition, between, row = subset.partition(_BETWEEN)
    return (condition, row) if between else None


@dataclass(frozen=True, kw_only=True)
class DistractorTask(ListedTask):
    """The examples of a similarity or classification task, distracted. `made_by` makes the task in mini's own words."""

    task_type: str = TASK_TYPE
    of: str
    made_by: str = ""

    @property
    def is_mini(self) -> bool:
        """Whether the examples are of the embedded language."""
        return self.of in MINI.names

    @property
    def pairs(self) -> bool:
        """Whether an example is a pair of texts."""
        return self.metric == "spearman"

    @property
    def revision(self) -> str:
        """The version of this suite and the revision of the examples."""
        own = MINI.task(self.of).revision if self.is_mini else registered(self.of).info.revision
        return f"{SUITE_VERSION}.{own}"

    @property
    def cost(self) -> int | None:
        """Conditions × rows × texts, about."""
        return (20 if self.pairs else 12) * (len(ROWS) - 1) * TEXTS

    @property
    def data_path(self) -> str:
        """That of the task that it is made of."""
        return MINI.task(self.of).data_path if self.is_mini else registered(self.of).data_path

    def make(self) -> Any:
        """A fresh object of mteb's with the undistracted examples."""
        if self.made_by:
            from harness.suites.distractor import generated

            return getattr(generated, self.made_by)()
        return MINI.task(self.of).make() if self.is_mini else registered(self.of).make()

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure; a result for each condition and row."""
        from harness.suites.distractor.reading import measure_distractors

        return measure_distractors(self, encoder)


_similarity = partial(DistractorTask, metric="spearman")
_classification = partial(DistractorTask, metric="accuracy")
TASKS = (
    _similarity(
        name="DistractedMiniSTS",
        of="MiniSTS",
        made_by="sentence_pairs",
        about="pairs of MiniSTS's kind, of one sentence each",
    ),
    _similarity(
        name="DistractedMiniTexts",
        of="MiniSTS",
        made_by="text_pairs",
        about="pairs of texts of three sentences on one topic, each sentence as in MiniSTS",
    ),
    _classification(
        name="DistractedMiniTopics", of="MiniTopicClassification", about="texts of MiniTopicClassification"
    ),
)
OF_MTEB = (
    _similarity(name="DistractedSTSBenchmark", of="STSBenchmark", about="pairs of STSBenchmark"),
    _similarity(name="DistractedSTS16", of="STS16", about="pairs of STS16"),
    _classification(name="DistractedBanking77", of="Banking77Classification", about="texts of Banking77Classification"),
    _classification(
        name="DistractedTweetSentiment",
        of="TweetSentimentExtractionClassification",
        about="texts of TweetSentimentExtractionClassification",
    ),
)
SUITES = (
    Suite(name="distractor", about="what a distracting passage costs, and what gets it back", tasks=TASKS),
    Suite(name="distractor-mteb", about="the same on real texts of mteb's tasks", tasks=OF_MTEB),
)
