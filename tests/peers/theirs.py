"""llm2vec's side. Runs in its environment (transformers 4.44.2) and imports nothing of harness.

python -m tests.peers.theirs FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed.tensor  # peft uses it unimported; later transformers import it for peft
from llm2vec import LLM2Vec
from llm2vec.loss.HardNegativeNLLLoss import HardNegativeNLLLoss
from llm2vec.models import LlamaBiForMNTP

from tests.peers import cases
from tests.peers.cases import TEXTS, embedding_key, gradient_key, loss_key

SEPARATOR = "!@#$%^&*()"  # what llm2vec writes between instruction and text
results: dict[str, np.ndarray] = {}


def main(folder: Path) -> None:
    for mask in cases.MASKS:
        for weights in cases.WEIGHTS:
            embeddings(folder, mask, weights)
    mntp(folder)
    contrastive(folder)
    np.savez(folder / "theirs.npz", **results)


def load(folder: Path, mask: str = "bidirectional", weights: str = "base", **options: Any) -> LLM2Vec:
    """In float32, and with its cut of texts at 400 tokens out of the way."""
    return LLM2Vec.from_pretrained(
        str(folder / cases.THEIR_BASE),
        peft_model_name_or_path=None if weights == "base" else str(folder / cases.ADAPTER),
        merge_peft=True,
        enable_bidirectional=mask == "bidirectional",
        torch_dtype=torch.float32,
        max_length=cases.LIMIT,
        doc_max_length=cases.LIMIT,
        **options,
    )


def embeddings(folder: Path, mask: str, weights: str) -> None:
    model = load(folder, mask, weights)
    everything = load(folder, mask, weights, skip_instruction=False)  # pools whatever is attended to, BOS too
    instructed = [[cases.INSTRUCTION, text] for text in TEXTS]
    padded, behind = encode(model, TEXTS, len(TEXTS)), encode(model, instructed, len(TEXTS))
    made = {
        "batch of 1": encode(model, TEXTS, 1),
        "batch padded left": padded,
        "batch padded right": padded,  # llm2vec pads on the left only
        "BOS pooled too": encode(everything, TEXTS, len(TEXTS)),
        "instruction, batch of 1": encode(model, instructed, 1),
        "instruction, batch padded left": behind,
        "instruction, batch padded right": behind,
    }
    results.update({embedding_key(mask, weights, way): array for way, array in made.items()})


def encode(model: LLM2Vec, texts: list[Any], batch_size: int) -> np.ndarray:
    return model.encode(list(texts), batch_size=batch_size, show_progress_bar=False, device="cpu").numpy()


def mntp(folder: Path) -> None:
    model = LlamaBiForMNTP.from_pretrained(folder / cases.THEIR_BASE, torch_dtype=torch.float32)
    with np.load(folder / cases.MASKED_BATCH) as batch:
        loss = model(**{name: torch.from_numpy(batch[name]) for name in batch.files}, use_cache=False).loss
    step("MNTP", loss, model.model)


def contrastive(folder: Path) -> None:
    anchors, positives, negatives = (list(column) for column in zip(*cases.TRIPLETS))  # noqa: B905
    model = load(folder)
    step("SimCSE", loss_of(model, cases.SIMCSE_SCALE, anchors, anchors), model.model)
    model = load(folder)
    step("supervised", loss_of(model, cases.SUPCON_SCALE, anchors, positives, negatives), model.model)
    # run_simcse.py leaves the separator out, and so its mean takes in BOS and the padding.
    bare = loss_of(model, cases.SIMCSE_SCALE, anchors, anchors, separator="")
    results["loss as run_simcse.py collates"] = np.array(bare.item())


def loss_of(model: LLM2Vec, scale: float, *columns: list[str], separator: str = SEPARATOR) -> torch.Tensor:
    states = [model(model.tokenize([separator + text for text in column])) for column in columns]
    return HardNegativeNLLLoss(scale=scale)(*states)


def step(stage: str, loss: torch.Tensor, backbone: torch.nn.Module) -> None:
    loss.backward()
    norms = [float(weight.grad.norm()) for _, weight in sorted(backbone.named_parameters()) if weight.grad is not None]
    results[loss_key(stage)] = np.array(loss.item())
    results[gradient_key(stage)] = np.array(norms)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
