"""`harness layers`: what the states of a text are at each layer."""

from __future__ import annotations

from harness.cli.layered import command_of

layers = command_of(
    "layers",
    """Show what the states of a text are at each layer: `harness run --suite layers` measures it.

    Among the measures are how much the causal base's states differ from these, how far a neighbour to the left or to
    the right moves a state, effective rank, entropy, curvature, and the ranks that the logit lens gives. Each 95 %
    interval covers the texts, for these checkpoints. The measures are described. They are not tested and have no rank.
    """,
)
