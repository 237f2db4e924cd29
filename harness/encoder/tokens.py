"""Texts ─▶ token ids, all at once, cut at the model's limit and counted; behind an instruction or alone.

An instruction follows LLM2Vec's rule (BehnamGhader et al. 2024; `LLM2Vec.tokenize` of llm2vec 0.2.3): instruction and
text are one string, tokenised once; the text's own tokens are the last n, where n is how many tokens the text has when
it stands alone. Counting the instruction's tokens instead goes wrong where the two meet, for "instruction: " alone ends
in a token of its own for the space, which in the whole string is the beginning of the text's first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import HarnessError

_AT_ONCE = 10_000  # texts whose lists of Python integers are held at one time


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token ids of N texts, a vector each; `own`, beside it, says which of them are the text's and are pooled.

    `cut`: which texts were longer than the limit. `offsets`: (T, 2) characters of each token, if they were asked for.
    """

    ids: tuple[np.ndarray, ...]
    own: tuple[np.ndarray, ...]
    cut: tuple[int, ...]
    offsets: tuple[np.ndarray, ...] = ()

    @property
    def lengths(self) -> np.ndarray:
        """How many tokens each text has, (N,)."""
        return np.array([len(text) for text in self.ids], dtype=np.int64)


def tokenise(
    tokenizer: Any, texts: Sequence[str], *, limit: int | None, instruction: str = "", offsets: bool = False
) -> Tokens:
    """Tokenise `texts`, each behind `instruction`; at most `limit` tokens are kept, the rest is cut off the text's end.

    Without an instruction every token is the text's own (pooling leaves BOS out by itself). A text without any token
    (a tokenizer that adds no BOS, and an empty text) stands as one token that is not pooled. Raises HarnessError if the
    instruction alone fills the limit.
    """
    firsts = range(0, len(texts), _AT_ONCE)
    parts = [
        _tokenise(tokenizer, texts[first : first + _AT_ONCE], limit, instruction.strip(), offsets) for first in firsts
    ]
    return Tokens(
        ids=tuple(row for part in parts for row in part.ids),
        own=tuple(row for part in parts for row in part.own),
        cut=tuple(first + row for first, part in zip(firsts, parts, strict=True) for row in part.cut),
        offsets=tuple(row for part in parts for row in part.offsets),
    )


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """How many tokens each text has, all of them, special ones left out."""
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def _tokenise(tokenizer: Any, texts: Sequence[str], limit: int | None, instruction: str, offsets: bool) -> Tokens:
    whole = [f"{instruction} {text}" for text in texts] if instruction else list(texts)
    ask = {"return_special_tokens_mask": True, "return_offsets_mapping": offsets, "verbose": False}
    read = tokenizer(whole, **ask)
    ids, special = list(read["input_ids"]), list(read["special_tokens_mask"])
    places = list(read["offset_mapping"]) if offsets else []
    starts = _starts(tokenizer, texts, special, instruction, limit) if instruction else None
    long = [row for row, text in enumerate(ids) if limit is not None and len(text) > limit]
    if long:
        # By the tokenizer itself: one that ends a text with a token of its own keeps it.
        again = tokenizer([whole[row] for row in long], truncation=True, max_length=limit, **ask)
        for place, row in enumerate(long):
            ids[row], special[row] = again["input_ids"][place], again["special_tokens_mask"][place]
            if offsets:
                places[row] = again["offset_mapping"][place]
    kept = [np.array(text, dtype=np.int64) for text in ids]
    own = [np.ones(len(text), dtype=np.int64) for text in kept]
    if starts is not None:
        own = [
            ((np.arange(len(text)) >= start) & (np.array(added) == 0)).astype(np.int64)
            for text, start, added in zip(kept, starts, special, strict=True)
        ]
    for row, text in enumerate(kept):
        if not len(text):
            kept[row], own[row] = np.array([_nothing(tokenizer)]), np.zeros(1, dtype=np.int64)
    return Tokens(
        ids=tuple(kept),
        own=tuple(own),
        cut=tuple(long),
        offsets=tuple(np.array(place, dtype=np.int64).reshape(-1, 2) for place in places),
    )


def _starts(
    tokenizer: Any, texts: Sequence[str], special: Sequence[Sequence[int]], instruction: str, limit: int | None
) -> list[int]:
    """Index of each text's first own token, counted in the string that is not cut yet."""
    alone = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    starts = [_own_start(added, len(own)) for added, own in zip(special, alone, strict=True)]
    if limit is not None and any(start >= limit for start, own in zip(starts, alone, strict=True) if own):
        raise HarnessError(
            f"the instruction {instruction[:60]!r} leaves no room for a text: the system reads {limit} tokens; "
            "shorten the instruction or raise max_length in the card"
        )
    return starts


def _own_start(special: Sequence[int], own: int) -> int:
    """Index of the first of the last `own` tokens that the tokenizer did not add by itself (BOS, EOS)."""
    ordinary = [index for index, added in enumerate(special) if not added]
    return ordinary[-own] if 0 < own <= len(ordinary) else len(special)


def _nothing(tokenizer: Any) -> int:
    """The token that stands for a text without any."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
