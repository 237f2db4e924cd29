"""The layers suite: what the states of a text are at each layer, and what the mask and the training change there.

This module is cheap: it names the task and imports no torch until it runs. All measures are diagnostics: described by
layer, never tested and never ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.encoder.protocol import TextEncoder
from harness.outcomes import TaskResult
from harness.suites.retention.text import MINI, OnText, open_text
from harness.suites.task import Suite

TASK_TYPE = "Layers"
TEXTS = 200
TOKENS = 32  # of each text, all equally long: entropy and rank depend on the number


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of a layer: the subset of the result that it is stored as, its metric, and what it says."""

    name: str
    metric: str
    about: str


# In the order in which they are stored and drawn. The first is the task's own result.
MEASURES: tuple[Measure, ...] = (
    Measure(name="default", metric="cosine", about="cosine of a token's state with the causal base's at the same layer"),
    Measure(name="CKA", metric="cka", about="linear CKA of a text's token states with the causal base's"),
    Measure(name="left influence", metric="relative_change", about="how far a state moves when the token before it is another"),
    Measure(name="right influence", metric="relative_change", about="how far a state moves when the token behind it is another"),
    Measure(name="effective rank", metric="effective_rank", about="dimensions that a text's token states fill"),
    Measure(name="entropy", metric="entropy", about="entropy of a text's token states, from 0 (all alike) to 1"),
    Measure(name="curvature", metric="degrees", about="angle between the steps from token to token"),
    Measure(name="update", metric="relative_change", about="what a layer adds to a state, over the length of the state"),
    Measure(name="word identity", metric="share", about="tokens whose own embedding is the nearest one of their text"),
    Measure(name="lens: the token itself", metric="log2_rank", about="rank of the token itself, by the base's head"),
    Measure(name="lens: the next token", metric="log2_rank", about="rank of the next token, by the base's head"),
    Measure(name="lens: the hidden token", metric="log2_rank", about="rank of a hidden token, read where MNTP reads it"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LayersTask(OnText):
    """All measures on one text, from four passes over each of its first documents."""

    @property
    def cost(self) -> int | None:
        """Texts, and three passes more over each."""
        return 4 * TEXTS

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure and return a result for each of MEASURES."""
        from harness.suites.layers.reading import measure_layers

        return measure_layers(self, self.text or open_text(MINI), encoder)


TASKS = (
    LayersTask(
        name="Layers",
        task_type=TASK_TYPE,
        metric="cosine",
        about="what the states of a text are at each layer: likeness to the causal base, influence of neighbours, rank, "
        "entropy, curvature, logit lens",
    ),
)
SUITE = Suite(name="layers", about="diagnostics of every layer: what the mask and the training change", tasks=TASKS)
SUITES = (SUITE,)
