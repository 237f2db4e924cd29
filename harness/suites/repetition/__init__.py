"""The repetition suite: how much does a repeated sentence weigh, and how much attention does it get?

This module is cheap: it names the task and imports no torch until it runs. All measures are diagnostics: described by
layer, never tested and never ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.encoder.protocol import TextEncoder
from harness.outcomes import TaskResult
from harness.suites.by_layer import OWN, LayeredTask, Measure
from harness.suites.retention.text import MINI, open_text
from harness.suites.task import Suite

TEXTS = 100
SENTENCES = 4  # of a text, before one of them is repeated
TIMES = (1, 2, 3, 4, 6, 8)  # how often that one stands there
PLACES = ("start", "middle", "end")  # of an unrelated sentence
ATTENDED = 4  # how often it stands in the text whose attention is read
RAW, WEIGHTED = "attention", "attention, by norm"
# What the attention of is read, by its measure; "less others" is against texts with other sentences for later copies.
GROUPS = {
    "once": "by a token of a sentence that stands once",
    "first copy": f"by a token of the first of {ATTENDED} copies of a sentence",
    "later copies": f"by a token of the later of {ATTENDED} copies of a sentence",
    "first copy, less others": "by the first copy, less what it gets where different sentences replace the others",
    "later copies, less others": "by the later copies, less what different sentences get in their place",
    "first token": "by the first token that is read, where each sentence stands once",
}


def share_of(times: int) -> str:
    """The measure of a sentence that stands so often.

    >>> share_of(1), share_of(8)
    ('share, 1 copy', 'share, 8 copies')
    """
    return f"share, {times} cop{'y' if times == 1 else 'ies'}"


MEASURES: tuple[Measure, ...] = (
    Measure(
        OWN,
        "excess_share",
        f"weight of a repeated sentence in the text's vector, less its share of the tokens: mean over {TIMES[1]} to "
        f"{TIMES[-1]} copies",
    ),
    *(
        Measure(
            share_of(times),
            "excess_share",
            f"weight of a sentence of which there {'is one copy' if times == 1 else f'are {times} copies'}, less its "
            "share of the tokens",
        )
        for times in TIMES
    ),
    Measure("share, per doubling", "excess_share", "what each doubling of the copies adds to this weight"),
    Measure("fit", "cosine", "cosine of the text's vector with the weighted sum of its sentences' vectors"),
    *(
        Measure(
            f"unrelated at the {place}", "pull", f"1 less the cosine with the text without the sentence at the {place}"
        )
        for place in PLACES
    ),
    *(
        Measure(
            f"{kind}: {group}",
            "received",
            f"attention received {about}, over what it would be if all were uniform"
            f"{'; weighted by the length of what is carried' if kind == WEIGHTED else ''}",
        )
        for kind in (RAW, WEIGHTED)
        for group, about in GROUPS.items()
    ),
)


@dataclass(frozen=True, kw_only=True)
class RepetitionTask(LayeredTask):
    """All measures on texts of a few sentences, taken from the first documents that have them."""

    @property
    def cost(self) -> int | None:
        """The texts in all their versions, and their sentences."""
        return TEXTS * (len(TIMES) + len(PLACES) + SENTENCES + 3)

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure and return a result for each of MEASURES."""
        from harness.suites.repetition.reading import measure_repetition

        return measure_repetition(self, self.text or open_text(MINI), encoder)


TASKS = (
    RepetitionTask(
        name="Repetition",
        task_type="Repetition",
        metric="excess_share",
        about="how much a repeated sentence weighs in a text's vector beyond its share of the tokens, what an "
        "unrelated sentence moves by its place, and the attention that copies receive, by layer",
        measures=MEASURES,
        first="share, repeated",
    ),
)
SUITE = Suite(
    name="repetition", about="diagnostics of repeated and of misplaced sentences: weight, pull, attention", tasks=TASKS
)
SUITES = (SUITE,)
