"""One decoder reads many texts: ordered by token length, in passes of so many tokens, packed or padded.

Everything that wants states reads here: sentence embeddings (harness.encoder.engine), word vectors
(harness.encoder.words), and with them tasks and export checks.

Shapes: B texts of a pass, S rows of its flat states, T tokens of its longest text, D width.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from harness.encoder.budget import TokenBudget, too_long
from harness.encoder.packing import attending, packed_kernel, packed_output, why_padded


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How far a reader is after `seconds`: so many of all `texts`, and of all `tokens`, which are what takes time."""

    texts: int
    all_texts: int
    tokens: int
    all_tokens: int
    seconds: float


class Watch(Protocol):
    """Hears how reading goes."""

    def note(self, message: str) -> None: ...
    def reading(self, reading: Reading) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one forward pass gave for the texts `rows` (indices into what was read).

    `states`: (S, D) each, of the last layer, or the embedding and every layer. The tokens of the i-th of `rows` are the
    `lengths[i]` rows of them from `starts[i]` on; what lies between is padding.
    """

    rows: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    states: tuple[Tensor, ...]

    def by_text(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """One of `states`, or any (S, …) beside them, as (B, T, …) padded on the right with whatever, and its mask."""
        starts_B, lengths_B = (torch.from_numpy(side).to(values.device) for side in (self.starts, self.lengths))
        steps_T = torch.arange(int(self.lengths.max()), device=values.device)
        mask_BT = steps_T < lengths_B[:, None]
        # Padding repeats a text's last token: a value that is there and finite, for a weight of zero to be zero.
        index_BT = starts_B[:, None] + torch.minimum(steps_T, lengths_B[:, None] - 1)
        return values[index_BT], mask_BT.long()


class Reader:
    """Reads texts of up to `limit` tokens with one decoder in evaluation mode."""

    def __init__(self, backbone: Any, tokenizer: Any, *, limit: int) -> None:
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.limit = limit
        self._budgets: dict[bool, TokenBudget] = {}

    @property
    def padded_because(self) -> str:
        """Why this decoder's texts are padded; "" where they are packed."""
        return why_padded(self.backbone, limit=self.limit)

    @property
    def kernel(self) -> str:
        """The attention kernel that passes run with."""
        return str(self.backbone.config._attn_implementation) if self.padded_because else packed_kernel(self.backbone)

    @torch.inference_mode()
    def read(
        self,
        ids: Sequence[np.ndarray],
        use: Callable[[Pass], None],
        *,
        layers: bool = False,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Let the decoder read the token `ids` of each text and hand every pass to `use`, which may be called twice.

        With a `batch_size` texts are read in the order given, so many at a time, padded, with the decoder's own kernel:
        the plain way, which the other is measured against. Else longest first, by the token budget, packed where that
        is proven. On CUDA a pass that does not fit into memory is done again in halves.
        """
        lengths = np.array([len(text) for text in ids], dtype=np.int64)
        padded = bool(batch_size or self.padded_because)
        order = np.arange(len(ids)) if batch_size else np.argsort(-lengths, kind="stable")
        budget = self._budget(layers)
        began, done, tokens = time.monotonic(), 0, 0
        self.backbone.eval()
        with ExitStack() as stack:
            if not padded:
                stack.enter_context(attending(self.backbone, packed_kernel(self.backbone)))
            while done < len(order):
                size = batch_size or _fitting(lengths[order[done:]], budget.tokens, padded=padded)
                rows = order[done : done + size]
                if not self._fits(rows, [ids[row] for row in rows], use, padded=padded, layers=layers):
                    if len(rows) == 1:
                        raise too_long(int(lengths[rows[0]]))
                    if batch_size:
                        batch_size = len(rows) // 2
                    else:
                        budget.halve(int(lengths[rows].max()) * len(rows) if padded else int(lengths[rows].sum()))
                    torch.cuda.empty_cache()
                    if watch is not None:
                        now = f"{batch_size} texts" if batch_size else f"{budget.tokens} tokens"
                        watch.note(f"out of GPU memory; going on with {now} at a time")
                    continue
                done += len(rows)
                tokens += int(lengths[rows].sum())
                if watch is not None:
                    seconds = time.monotonic() - began
                    watch.reading(
                        Reading(
                            texts=done,
                            all_texts=len(order),
                            tokens=tokens,
                            all_tokens=int(lengths.sum()),
                            seconds=seconds,
                        )
                    )

    def _budget(self, layers: bool) -> TokenBudget:
        if layers not in self._budgets:
            self._budgets[layers] = TokenBudget.of(self.backbone, layers=layers)
        return self._budgets[layers]

    def _fits(
        self, rows: np.ndarray, ids: Sequence[np.ndarray], use: Callable[[Pass], None], *, padded: bool, layers: bool
    ) -> bool:
        """Do one pass; False if the GPU's memory did not hold it."""
        try:
            use((self._padded if padded else self._packed)(rows, ids, layers))
        except torch.OutOfMemoryError:
            return False
        return True

    def _packed(self, rows: np.ndarray, ids: Sequence[np.ndarray], layers: bool) -> Pass:
        lengths = np.array([len(text) for text in ids], dtype=np.int64)
        starts = np.concatenate([[0], lengths[:-1].cumsum()])
        states = packed_output(self.backbone, [torch.from_numpy(text) for text in ids], layers=layers)
        return Pass(rows=rows, starts=starts, lengths=lengths, states=states)

    def _padded(self, rows: np.ndarray, ids: Sequence[np.ndarray], layers: bool) -> Pass:
        lengths = np.array([len(text) for text in ids], dtype=np.int64)
        width, left = int(lengths.max()), self.tokenizer.padding_side == "left"
        ids_BT = torch.full((len(ids), width), int(self.tokenizer.pad_token_id))
        mask_BT = torch.zeros((len(ids), width), dtype=torch.long)
        first = np.where(left, width - lengths, 0)
        for row, text in enumerate(ids):
            place = slice(int(first[row]), int(first[row]) + len(text))
            ids_BT[row, place], mask_BT[row, place] = torch.from_numpy(text), 1
        device = self.backbone.device
        output = self.backbone(
            input_ids=ids_BT.to(device),
            attention_mask=mask_BT.to(device),
            use_cache=False,
            output_hidden_states=layers,
        )
        states = output.hidden_states if layers else (output.last_hidden_state,)
        starts = np.arange(len(ids), dtype=np.int64) * width + first
        return Pass(rows=rows, starts=starts, lengths=lengths, states=tuple(state.flatten(0, 1) for state in states))


def _fitting(lengths: np.ndarray, budget: int, *, padded: bool) -> int:
    """How many of the texts of `lengths`, longest first, one pass of `budget` tokens holds; at least one."""
    if padded:
        return max(1, budget // int(lengths[0]))
    return max(1, int(np.searchsorted(lengths[: budget + 1].cumsum(), budget, side="right")))
