"""How the states of a text become one vector: the kinds of pooling that a card can name.

A new pooling is one entry of POOLINGS. Importing this file imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PooledTokens = Literal["text", "to_end", "all"]


@dataclass(frozen=True, kw_only=True)
class PoolingKind:
    """One way to make a vector of a layer's states, by a module that sentence-transformers has built in.

    `name` is the card's word for it and the mode of `sentence_transformers...modules.Pooling`. `tokens`: which tokens
    it gets where the card does not say it: the text's own ones, or all. `without_front`: it leaves the
    beginning-of-sequence token out. `averages`: every token that it gets has a share. `words` says in a model card
    what an embedding is.
    """

    name: str
    tokens: PooledTokens
    without_front: bool
    averages: bool
    words: str


POOLINGS = (
    PoolingKind(
        name="mean",
        tokens="text",
        without_front=True,
        averages=True,
        words="the mean of the last layer over all tokens but the beginning-of-sequence token",
    ),
    PoolingKind(
        name="weightedmean",
        tokens="all",
        without_front=False,
        averages=True,
        words="the mean of the last layer over all tokens, where the n-th token has the weight n",
    ),
    PoolingKind(
        name="lasttoken",
        tokens="all",
        without_front=False,
        averages=False,
        words="the state of the last token in the last layer",
    ),
)
BY_NAME = {each.name: each for each in POOLINGS}
