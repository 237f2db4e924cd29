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
FIRST = "likeness to the base"  # what readers call the task's own result
TEXTS = 200
TOKENS = 32  # of each text, all equally long: entropy and rank depend on the number


@dataclass(frozen=True)
class Measure:
    """One measure of a layer: the subset of the result that it is stored as, its metric, and what it says."""

    name: str
    metric: str
    about: str


# In the order in which they are stored and drawn. The first is the task's own result.
MEASURES: tuple[Measure, ...] = (
    Measure("default", "cosine", "cosine of a token's state with the causal base's at the same layer"),
    Measure("CKA", "cka", "linear CKA of a text's token states with the causal base's"),
    Measure("left influence", "relative_change", "how far a state moves when the token before it is another"),
    Measure("right influence", "relative_change", "how far a state moves when the token behind it is another"),
    Measure("effective rank", "effective_rank", "dimensions that a text's token states fill"),
    Measure("entropy", "entropy", "entropy of a text's token states, from 0 (all alike) to 1"),
    Measure("curvature", "degrees", "angle between the steps from token to token"),
    Measure("update", "relative_change", "what a layer adds to a state, over the length of the state"),
    Measure("word identity", "share", "tokens whose own embedding is the nearest one of their text"),
    Measure("lens: the token itself", "log2_rank", "rank of the token itself, by the base's head"),
    Measure("lens: the next token", "log2_rank", "rank of the next token, by the base's head"),
    Measure("lens: the hidden token", "log2_rank", "rank of a hidden token, read one place before it, as in MNTP"),
)


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
        about="states of a text at each layer: likeness to the causal base, influence of neighbours, rank, entropy, "
        "curvature, logit lens",
    ),
)
SUITE = Suite(name="layers", about="diagnostics of every layer: what the mask and the training change", tasks=TASKS)
SUITES = (SUITE,)
