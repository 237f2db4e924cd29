"""One decoder reads many texts: ordered by token length, in passes of so many tokens, packed or padded.

Everything that wants states reads here: sentence embeddings (harness.encoder.model), word vectors
(harness.encoder.words), and with them tasks and export checks.

Shapes: B texts of a pass, S rows of its flat states, T tokens of its longest text, D width.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from harness.encoder.budget import TokenBudget
from harness.encoder.packing import attending, packed_kernel, packed_output, why_padded
from harness.encoder.passes import SIDE_BY_SIDE, packed_sizes, padded_sizes
from harness.encoder.workers import side_by_side
from harness.errors import HarnessError


@dataclass(frozen=True, kw_only=True)
class EncodingProgress:
    """How far a reader is after `seconds`: so many of all `texts`, and of all `tokens`, which are what takes time."""

    texts: int
    all_texts: int
    tokens: int
    all_tokens: int
    seconds: float


class EncodingWatch(Protocol):
    """Hears how reading goes."""

    def note(self, message: str) -> None: ...
    def reading(self, reading: EncodingProgress) -> None: ...


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
    """Reads texts of up to `limit` tokens with one decoder in evaluation mode.

    On a CPU so many passes run side by side as there are `workers` (None: as torch has threads).
    """

    def __init__(self, backbone: Any, tokenizer: Any, *, limit: int, workers: int | None = None) -> None:
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.limit = limit
        self.workers = workers or torch.get_num_threads()
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
        watch: EncodingWatch | None = None,
    ) -> None:
        """Let the decoder read the token `ids` of each text and hand every pass to `use`, which may be called twice.

        With a `batch_size` texts are read in the order given, so many at a time, padded, with the decoder's own kernel:
        the plain way, which the other is measured against. Else longest first, by the token budget, packed where that
        is proven, and on a CPU several passes side by side. `use` is called by this thread, in the
        order of the passes. On CUDA a pass that does not fit into memory is done again in halves.
        """
        lengths = np.array([len(text) for text in ids], dtype=np.int64)
        padded = bool(batch_size or self.padded_because)
        order = np.arange(len(ids)) if batch_size else np.argsort(-lengths, kind="stable")
        # One pass at a time on a GPU, and in the plain way.
        workers = 1 if batch_size or self.backbone.device.type == "cuda" else self.workers
        progress = Progress(lengths, watch)
        self.backbone.eval()

        @torch.inference_mode()  # a property of each thread
        def one_pass(rows: np.ndarray) -> Pass:
            return (self._padded if padded else self._packed)(rows, [ids[row] for row in rows], layers)

        def hand_over(one: Pass) -> None:
            use(one)
            progress.add(one.rows)

        with ExitStack() as stack:
            if not padded:
                stack.enter_context(attending(self.backbone, packed_kernel(self.backbone)))
            while len(order):
                budget = self._budget(layers)
                plan = np.split(order, self._ends(lengths[order], budget.tokens, padded=padded, batch_size=batch_size))
                done = 0
                try:
                    with closing(side_by_side(one_pass, plan, workers=workers)) as passes:
                        # No name here keeps a pass: its states would lie beside the next one.
                        for _ in map(hand_over, passes):
                            done += 1
                except torch.OutOfMemoryError as error:
                    here = lengths[plan[done]]
                    if len(here) == 1:
                        raise HarnessError(
                            f"a text of {here[0]} tokens does not fit into the memory of the GPU; lower max_length in "
                            "the card, or use --dtype bfloat16 or --device cpu"
                        ) from error
                    if batch_size:
                        batch_size = len(here) // 2
                    else:
                        budget.halve(int(here.max()) * len(here) if padded else int(here.sum()))
                    torch.cuda.empty_cache()
                    now = f"{batch_size} texts" if batch_size else f"{budget.tokens} tokens"
                    progress.note(f"out of GPU memory; going on with {now} at a time")
                order = np.concatenate([order[:0], *plan[done:]])

    def _ends(self, lengths: np.ndarray, tokens: int, *, padded: bool, batch_size: int | None) -> np.ndarray:
        """Where the passes over texts of `lengths`, in this order, end; that of the last is left out."""
        if batch_size:
            return np.arange(batch_size, len(lengths), batch_size)
        if padded:
            sizes = padded_sizes(lengths, tokens)
        else:
            on_gpu = self.backbone.device.type == "cuda"
            sizes = packed_sizes(lengths, tokens, side_by_side=1 if on_gpu else SIDE_BY_SIDE)
        return np.cumsum(sizes)[:-1]

    def _budget(self, layers: bool) -> TokenBudget:
        if layers not in self._budgets:
            self._budgets[layers] = TokenBudget.of(self.backbone, layers=layers, workers=self.workers)
        return self._budgets[layers]

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


class Progress:
    """Tells a watch, if there is one, how far the texts of `lengths` are read."""

    def __init__(self, lengths: np.ndarray, watch: EncodingWatch | None) -> None:
        self.lengths = lengths
        self._watch = watch
        self._texts = self._tokens = 0
        self._began = time.monotonic()

    def note(self, message: str) -> None:
        if self._watch is not None:
            self._watch.note(message)

    def add(self, rows: np.ndarray) -> None:
        self._texts += len(rows)
        self._tokens += int(self.lengths[rows].sum())
        if self._watch is not None:
            self._watch.reading(
                EncodingProgress(
                    texts=self._texts,
                    all_texts=len(self.lengths),
                    tokens=self._tokens,
                    all_tokens=int(self.lengths.sum()),
                    seconds=time.monotonic() - self._began,
                )
            )
