"""`harness repetition`: what a repeated sentence weighs, and the attention that it gets, at each layer."""

from __future__ import annotations

from harness.cli.layered import command_of

repetition = command_of(
    "repetition",
    """Show what a repeated sentence weighs in a text's vector: `harness run --suite repetition` measures it.

    The weight is compared with the sentence's share of the tokens. Further measures are how far an unrelated sentence
    moves the vector, by its place, and how much attention copies of a sentence get, by layer. Each 95 % interval covers
    the texts, for these checkpoints. The measures are described. They are not tested and have no rank.
    """,
)
