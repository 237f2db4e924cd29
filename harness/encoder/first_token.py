"""How long the state of a text's first token is: an attention sink is many times as long as the states after it.

Under the causal mask the first token sees only itself, and many decoders give it a state of no content that the other
tokens attend to (Xiao et al. 2024, arXiv 2309.17453; Sun et al. 2024, arXiv 2402.17762). A mean over the tokens of a
text has it; of a word that is read alone it is all there is.

Shapes: L layers, S states of a pass, T tokens of a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from harness.encoder.reader import Pass, Reader
from harness.encoder.tokenizer import front_token, start_token
from harness.errors import HarnessError
from harness.records import FirstToken
from harness.text_to_vector import TextToVector

_BEGINNINGS = ("The old man", "Rain", "In Paris they", "Two of her friends", "Yesterday I", "1987")
_ENDS = (
    "saw a small bird by the river.",
    "came late, and nobody knew why.",
    "was the beginning of a long story.",
    "could not have been better for us.",
)
TEXTS = tuple(f"{beginning} {end}" for beginning in _BEGINNINGS for end in _ENDS)


def measure_first_token(reader: Reader, how: TextToVector) -> FirstToken | None:
    """The first token of texts that `reader` reads for `how`; None where no text has two tokens, or a norm is infinite.

    Texts are read without and with one token in front, whatever `how` puts there.
    """
    ids = reader.tokenizer(list(TEXTS), add_special_tokens=False)["input_ids"]
    texts = [np.array(row[: reader.limit - 1], dtype=np.int64) for row in ids if len(row[: reader.limit - 1]) > 1]
    if not texts:
        return None
    try:
        start = start_token(reader.tokenizer)
    except HarnessError:  # nothing can stand in front
        start = None
    alone = _norms(reader, texts)
    measured = {"alone": _ratios(alone, 0, 1)}
    if start is not None:
        led = _norms(reader, [np.concatenate([[start], text]) for text in texts])
        measured |= {"behind": _ratios(led, 1, 2), "of_front": _ratios(led, 0, 2)}
    if not all(np.isfinite(each).all() for each in measured.values()):
        return None
    in_front = front_token(reader.tokenizer) is not None
    behind_words = how.leads and how.pools != "all"
    return FirstToken(
        front=None if start is None else str(reader.tokenizer.convert_ids_to_tokens(start)),
        led=in_front,
        in_mean=how.pooled.averages
        and how.slots is None
        and not (in_front and how.pooled.without_front)
        and not behind_words,
        **{name: tuple(float(f"{ratio:.4g}") for ratio in each) for name, each in measured.items()},  # type: ignore[arg-type]
    )


def _norms(reader: Reader, ids: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Norms (L, T) of the states of each text."""
    found: dict[int, np.ndarray] = {}

    def keep(done: Pass) -> None:
        norms_LS = torch.stack([layer.float().norm(dim=-1) for layer in done.states[1:]]).cpu().numpy()
        for row, start, length in zip(done.rows, done.starts, done.lengths, strict=True):
            found[int(row)] = norms_LS[:, start : start + length]

    reader.read(ids, keep, layers=True)
    return [found[row] for row in range(len(ids))]


def _ratios(norms: Sequence[np.ndarray], first: int, rest: int) -> np.ndarray:
    """(L,): the norm at token `first` over the median of those from token `rest` on, the median over texts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.median([text[:, first] / np.median(text[:, rest:], axis=1) for text in norms], axis=0)
