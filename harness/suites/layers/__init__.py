"""The layers suite: what the states of a text are at each layer, and what the mask and the training change there.

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

TEXTS = 200
TOKENS = 32  # of each text, all equally long: entropy and rank depend on the number


MEASURES: tuple[Measure, ...] = (
    Measure(OWN, "cosine", "cosine of a token's state with the causal base's at the same layer"),
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
class LayersTask(LayeredTask):
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
        task_type="Layers",
        metric="cosine",
        about="states of a text at each layer: likeness to the causal base, influence of neighbours, rank, entropy, "
        "curvature, logit lens",
        measures=MEASURES,
        first="likeness to the base",
    ),
)
SUITE = Suite(name="layers", about="diagnostics of every layer: what the mask and the training change", tasks=TASKS)
SUITES = (SUITE,)
