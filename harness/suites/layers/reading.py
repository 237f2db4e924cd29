"""Four passes over each text ─▶ the measures of every layer.

All texts are equally long, and stand alone: without a template, an instruction or slots. The first token that is read
is left out, for its state is an attention sink that would outweigh all others (docs/first-token.md).

Shapes: L+1 layers, B texts of a pass, T tokens, D width, S places that the logit lens reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from harness.encoder.language_model import LanguageModel, load_causal
from harness.encoder.layers import residual_states
from harness.encoder.proof_texts import another
from harness.encoder.protocol import TextEncoder
from harness.encoder.tokenizer import front_tokens
from harness.encoder.tokens import mask_token
from harness.errors import HarnessError
from harness.outcomes import TaskResult, row_ids
from harness.suites.by_layer import OWN
from harness.suites.layers import MEASURES, TEXTS, TOKENS, LayersTask
from harness.suites.layers import measures as m
from harness.suites.retention.text import RetentionText

_LENS_EVERY = 4  # tokens: those that the logit lens reads, and those that are hidden
_NUMBERS = 1 << 25  # of the states of a pass, 128 MB in float32


def measure_layers(task: LayersTask, text: RetentionText, encoder: TextEncoder) -> list[TaskResult]:
    """The result of each of MEASURES on the first texts that are long enough; its subset is the measure's name.

    Raises HarnessError for a system without a language model, for too few texts, and for a state that is not finite.
    """
    started = time.monotonic()
    model = encoder.language_model()
    documents = text.documents()
    chosen, ids_NT, front = _cut_alike(model, documents, text)
    found = np.concatenate(list(_read(model, encoder, ids_NT, front)), axis=-1)  # (measures, L+1, N)
    if not np.isfinite(found).all():
        raise HarnessError(f"a state of a layer is not finite, so {task.name} cannot be measured; take --dtype float32")
    return task.results(
        dict(zip((measure.name for measure in MEASURES), found, strict=True)),
        ids=[row_ids(documents)[row] for row in chosen],
        texts=[documents[row] for row in chosen],
        seconds=time.monotonic() - started,
    )


def _cut_alike(model: LanguageModel, documents: Sequence[str], text: RetentionText) -> tuple[list[int], Tensor, int]:
    """Which documents are read, their token ids, and how many of these stand in front and are left out."""
    before = front_tokens(model.tokenizer)
    own = TOKENS + (0 if before else 1)  # without a token in front the text's first one is left out
    if model.limit < own + len(before):
        raise HarnessError(f"this base reads {model.limit} tokens, too few for texts of {own}; leave the suite out")
    ids = model.tokenizer(list(documents), add_special_tokens=False, verbose=False)["input_ids"]
    chosen = [row for row, each in enumerate(ids) if len(each) >= own][:TEXTS]
    if len(chosen) < 2:
        raise HarnessError(
            f"{len(chosen)} documents of the text {text.name} have {own} tokens, and at least 2 are needed; give "
            "longer ones"
        )
    return chosen, torch.tensor([before + ids[row][:own] for row in chosen]), max(1, len(before))


@torch.inference_mode()
def _read(model: LanguageModel, encoder: TextEncoder, ids_NT: Tensor, front: int) -> Iterator[np.ndarray]:
    """(measures, L+1, B) of each pass, in the order of MEASURES."""
    base = load_causal(model.base, dtype=model.model.dtype, device=model.model.device)
    pad = int(model.tokenizer.pad_token_id)
    mask = int(model.tokenizer.convert_tokens_to_ids(mask_token(model.tokenizer, "_")))
    config = base.config
    numbers = (config.num_hidden_layers + 1) * ids_NT.shape[1] * config.hidden_size
    places_S = torch.arange(front + _LENS_EVERY, ids_NT.shape[1] - 1, _LENS_EVERY)
    middle = (front + ids_NT.shape[1]) // 2
    middle -= middle in places_S.tolist()
    lens = partial(m.lens_ranks, read=lambda states: base.lm_head(base.base_model.norm(states.to(base.dtype))))
    for ids_BT in ids_NT.split(max(1, _NUMBERS // numbers)):
        states, plain = encoder.token_states(ids_BT), residual_states(base.base_model, ids_BT)
        hidden_BT, changed_BT = ids_BT.clone(), ids_BT.clone()
        hidden_BT[:, places_S] = mask
        for row in changed_BT:
            row[middle] = another(int(row[middle]), config.vocab_size, pad)
        hidden, changed = encoder.token_states(hidden_BT), encoder.token_states(changed_BT)
        x, y = states[:, :, front:], plain[:, :, front:]
        own_BS, next_BS = (ids_BT[:, places_S + step].to(x.device) for step in (0, 1))
        found = {
            OWN: m.cosine(x, y),
            "CKA": m.linear_cka(x, y),
            "left influence": m.moved(states[:, :, middle + 1], changed[:, :, middle + 1]),
            "right influence": m.moved(states[:, :, middle - 1], changed[:, :, middle - 1]),
            "effective rank": m.effective_rank(x),
            "entropy": m.prompt_entropy(x),
            "curvature": m.curvature(x),
            "update": m.update_size(x),
            "word identity": m.word_identity(x),
            "lens: the token itself": torch.stack([lens(layer[:, places_S], own_BS) for layer in states]),
            "lens: the next token": torch.stack([lens(layer[:, places_S], next_BS) for layer in states]),
            "lens: the hidden token": torch.stack([lens(layer[:, places_S - 1], own_BS) for layer in hidden]),
        }
        yield np.stack([found[measure.name].double().cpu().numpy() for measure in MEASURES])
