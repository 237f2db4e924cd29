"""Texts ─▶ token ids, all at once, cut at the model's limit and counted; alone, or with what a recipe adds.

An instruction follows LLM2Vec's rule (BehnamGhader et al. 2024; `LLM2Vec.tokenize` of llm2vec 0.2.3): instruction and
text are one string, tokenised once; the text's own tokens are the last n, where n is how many tokens the text has when
it stands alone. Counting the instruction's tokens instead goes wrong where the two meet, for "instruction: " alone ends
in a token of its own for the space, which in the whole string is the beginning of the text's first token.

In a template (harness.templates) words and text are tokenised each by itself, so that each copy of a text has the same
tokens, known ones, and is cut for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.encoder.tokenizer import front_tokens, ids_of
from harness.errors import HarnessError
from harness.templates import Template
from harness.text_to_vector import TextToVector

_AT_ONCE = 10_000  # texts whose lists of Python integers are held at one time


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Token ids of N texts, a vector each; `pooled`, of the same length, is 1 for each token that pooling gets, else 0.

    `cut`: which texts were longer than the limit. `offsets`: (T, 2) characters of each token, if they were asked for;
    `whole`: of all tokens that a cut text had, by text.
    """

    ids: tuple[np.ndarray, ...]
    pooled: tuple[np.ndarray, ...]
    cut: tuple[int, ...]
    offsets: tuple[np.ndarray, ...] = ()
    whole: Mapping[int, np.ndarray] = field(default_factory=dict)

    @property
    def lengths(self) -> np.ndarray:
        """How many tokens each text has, (N,)."""
        return np.array([len(text) for text in self.ids], dtype=np.int64)


def tokenise(
    tokenizer: Any,
    texts: Sequence[str],
    *,
    limit: int,
    how: TextToVector | None = None,
    prefix: str = "",
    template: Template | None = None,
    offsets: bool = False,
) -> Tokens:
    """Tokenise `texts`, each behind `prefix` and before the suffix of `how`; without `how` they stand alone.

    With a `template` they stand in that instead, and offsets are those of the text at its last place. At most `limit`
    tokens are kept; the rest is cut off the text's end, at each of its places. Where nothing stands around a text every
    token is its own (the modules leave BOS out by themselves). A text without any token (a tokenizer that adds no BOS,
    and an empty text) is read as one token that is not pooled. Raises HarnessError if what stands around a text fills
    the limit.
    """
    firsts = range(0, len(texts), _AT_ONCE)
    read = texts if how is None else [how.cleaned(text) for text in texts]
    some = [read[first : first + _AT_ONCE] for first in firsts]
    if template is None:
        parts = [_tokenise(tokenizer, each, limit, how, prefix, offsets) for each in some]
    else:
        parts = [_in_template(tokenizer, each, limit, how, template) for each in some]
    return Tokens(
        ids=tuple(row for part in parts for row in part.ids),
        pooled=tuple(row for part in parts for row in part.pooled),
        cut=tuple(first + row for first, part in zip(firsts, parts, strict=True) for row in part.cut),
        offsets=tuple(row for part in parts for row in part.offsets),
        whole={
            first + row: all_ for first, part in zip(firsts, parts, strict=True) for row, all_ in part.whole.items()
        },
    )


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """How many tokens each text has, all of them, special ones left out."""
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]]


def _tokenise(
    tokenizer: Any, texts: Sequence[str], limit: int, how: TextToVector | None, prefix: str, offsets: bool
) -> Tokens:
    suffix = (how.suffix if how else None) or ""
    before = f"{prefix} " if prefix else ""
    whole = [f"{before}{text}{suffix}" for text in texts]
    ask = {"return_special_tokens_mask": True, "return_offsets_mapping": offsets or bool(suffix), "verbose": False}
    read = tokenizer(whole, **ask)
    ids, special = list(read["input_ids"]), list(read["special_tokens_mask"])
    places = list(read["offset_mapping"]) if offsets or suffix else []
    ends = [len(text) for text in ids]
    if suffix:
        ends = [_suffix_start(place, len(text) - len(suffix)) for place, text in zip(places, whole, strict=True)]
    starts = _starts(tokenizer, texts, special, ends, suffix) if prefix or suffix else [0] * len(ids)
    rooms = [limit - len(text) + end for text, end in zip(ids, ends, strict=True)]
    if prefix or suffix:
        for text, start, room in zip(texts, starts, rooms, strict=True):
            if text and start >= room:
                raise HarnessError(_no_room(limit, instruction=prefix, suffix=suffix))
    long = [row for row, text in enumerate(ids) if len(text) > limit]
    uncut = {row: _pairs(places[row]) for row in long} if offsets else {}
    if long and not suffix:
        # By the tokenizer itself: one that ends a text with a token of its own keeps it.
        again = tokenizer([whole[row] for row in long], truncation=True, max_length=limit, **ask)
        for place, row in enumerate(long):
            ids[row], special[row] = again["input_ids"][place], again["special_tokens_mask"][place]
            ends[row] = len(ids[row])
            if offsets:
                places[row] = again["offset_mapping"][place]
    elif long:
        for row in long:
            room, end = rooms[row], ends[row]
            ids[row], special[row], places[row] = (
                list(each[:room]) + list(each[end:]) for each in (ids[row], special[row], places[row])
            )
            ends[row] = room
    kept = [np.array(text, dtype=np.int64) for text in ids]
    pooled = [np.ones(len(text), dtype=np.int64) for text in kept]
    if (prefix or suffix) and how and how.pools == "text":
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            steps = np.arange(len(kept[row]))
            pooled[row] = ((steps >= start) & (steps < end) & (np.array(special[row]) == 0)).astype(np.int64)
    for row in range(len(kept)):
        if not len(kept[row]):
            kept[row], pooled[row] = np.array([_nothing(tokenizer)]), np.zeros(1, dtype=np.int64)
    return Tokens(
        ids=tuple(kept),
        pooled=tuple(pooled),
        cut=tuple(long),
        offsets=tuple(map(_pairs, places)),
        whole=uncut,
    )


def _in_template(
    tokenizer: Any, texts: Sequence[str], limit: int, how: TextToVector | None, template: Template
) -> Tokens:
    """The words of `template` and the text at each place, tokenised one by one and put in a row.

    What the tokenizer puts before a text by itself stands before all; what it puts behind one is left out, for the
    template says how the row ends.
    """
    words = [np.array(ids_of(tokenizer, each), dtype=np.int64) for each in template.words]
    words[0] = np.concatenate([np.array(front_tokens(tokenizer), dtype=np.int64), words[0]])
    room = (limit - sum(map(len, words))) // template.copies
    if room < 1 and any(texts):
        raise HarnessError(_no_room(limit, template=template.said))
    ask = {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False}
    spaces = template.spaces
    read = {space: tokenizer([f"{space}{text}" for text in texts], **ask) for space in set(spaces)}
    ids, pooled, offsets, cut = [], [], [], []
    whole: dict[int, np.ndarray] = {}
    for row, text in enumerate(texts):
        own = [np.array(read[space]["input_ids"][row] if text else [], dtype=np.int64) for space in spaces]
        if any(len(each) > room for each in own):
            cut.append(row)
        last_T2 = _pairs(read[spaces[-1]]["offset_mapping"][row] if text else []) - len(spaces[-1])
        whole |= {row: last_T2} if len(last_T2) > room else {}
        own = [each[: max(room, 0)] for each in own]
        between = [part for each, behind in zip(own, words[1:], strict=True) for part in (each, behind)]
        ids.append(np.concatenate([words[0], *between]))
        start = len(ids[-1]) - len(words[-1]) - len(own[-1])
        places = np.zeros((len(ids[-1]), 2), dtype=np.int64)
        places[start : start + len(own[-1])] = last_T2[: len(own[-1])]
        offsets.append(places)
        pooled.append(np.ones(len(ids[-1]), dtype=np.int64))
        pooled[-1][:start] = how is not None and how.pools == "all"
        pooled[-1][start + len(own[-1]) :] = how is not None and how.pools != "text"
    return Tokens(ids=tuple(ids), pooled=tuple(pooled), cut=tuple(cut), offsets=tuple(offsets), whole=whole)


def _pairs(place: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(place, dtype=np.int64).reshape(-1, 2)


def _suffix_start(place: Sequence[tuple[int, int]], first: int) -> int:
    """Index of the first token with a character of the suffix, which begins at character `first`."""
    return next((index for index, (_, end) in enumerate(place) if end > first), len(place))


def _starts(
    tokenizer: Any, texts: Sequence[str], special: Sequence[Sequence[int]], ends: Sequence[int], suffix: str
) -> list[int]:
    """Index of each text's first own token, counted in the string that is not cut yet."""
    ask = {"add_special_tokens": False, "return_offsets_mapping": bool(suffix), "verbose": False}
    alone = tokenizer([f"{text}{suffix}" for text in texts], **ask)
    own = [len(ids) for ids in alone["input_ids"]]
    if suffix:
        own = [_suffix_start(at, len(text)) for at, text in zip(alone["offset_mapping"], texts, strict=True)]
    return [_own_start(added[:end], count) for added, end, count in zip(special, ends, own, strict=True)]


def _no_room(limit: int, **around: str) -> str:
    told = [f"the {what} {said[:60]!r}" for what, said in around.items() if said]
    return (
        f"{' and '.join(told)} {'leave' if len(told) > 1 else 'leaves'} no room for a text: the system reads {limit} "
        f"tokens; shorten {'them' if len(told) > 1 else 'it'} or raise max_length in the card"
    )


def _own_start(special: Sequence[int], own: int) -> int:
    """Index of the first of the last `own` tokens that the tokenizer did not add by itself (BOS, EOS)."""
    ordinary = [index for index, added in enumerate(special) if not added]
    return ordinary[-own] if 0 < own <= len(ordinary) else len(special)


def _nothing(tokenizer: Any) -> int:
    """The token that stands for a text without any."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)


def mask_token(tokenizer: Any, wanted: str) -> str:
    """The vocabulary's own form of `wanted`, or its unknown token where the vocabulary has no such token."""
    for form in (wanted, f"▁{wanted}", f"Ġ{wanted}"):
        if tokenizer.convert_tokens_to_ids(form) not in {None, tokenizer.unk_token_id}:
            return form
    if tokenizer.unk_token is None:
        raise HarnessError(f"the base's vocabulary has no token {wanted!r}; set mask_token in the card")
    return str(tokenizer.unk_token)
