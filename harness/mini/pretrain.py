"""Rebuild the mini base from nothing: `python -m harness.mini.pretrain --out DIR`.

A Llama of four layers, pretrained causally on generated documents with a plain loop. The shipped checkpoint is
what the default arguments give; on another processor or torch the weights differ in the last digits.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.mini.corpus import data_version, pretraining_documents
from harness.mini.tokenizer import train_tokenizer


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """The shape of the base and how it is trained. `batch_tokens` counts padding."""

    layers: int = 4
    hidden: int = 128
    heads: int = 4
    intermediate: int = 336
    max_positions: int = 256
    steps: int = 2800
    batch_tokens: int = 2560
    documents: int = 120_000
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 0.05
    seed: int = 0


def pretrain(out: Path, config: PretrainConfig) -> float:
    """Train the tokenizer and the base, write the Hugging Face folder to `out`, return the loss (nats a token)
    on documents of another seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(config.seed)
    texts = pretraining_documents(config.seed, config.documents)
    tokenizer = train_tokenizer(texts[:20_000], max_length=config.max_positions)
    model: Any = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden,
            intermediate_size=config.intermediate,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_then_cosine(step, config))
    batches = _batches(tokenizer(texts)["input_ids"], config.batch_tokens, random.Random(config.seed))
    model.train()
    began = time.monotonic()
    for step in range(config.steps):
        loss = _loss(model, next(batches), tokenizer.pad_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        if step % 100 == 0:
            print(
                f"step {step}/{config.steps} loss {loss.item():.3f} {time.monotonic() - began:.0f}s",
                file=sys.stderr,
                flush=True,
            )
    held_out = tokenizer(pretraining_documents(config.seed + 1, 500))["input_ids"]
    model.eval()
    with torch.no_grad():
        losses = [
            _loss(model, held_out[i : i + 50], tokenizer.pad_token_id).item() for i in range(0, len(held_out), 50)
        ]
    _save(model, tokenizer, out)
    return sum(losses) / len(losses)


def _warm_then_cosine(step: int, config: PretrainConfig) -> float:
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def _batches(ids: list[list[int]], batch_tokens: int, rng: random.Random) -> Iterator[list[list[int]]]:
    """Batches of documents of like length, in random order, over and over."""
    order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
    batches: list[list[list[int]]] = []
    batch: list[list[int]] = []
    for i in order:
        if batch and (len(batch) + 1) * len(ids[i]) > batch_tokens:
            batches.append(batch)
            batch = []
        batch.append(ids[i])
    batches.append(batch)
    while True:
        rng.shuffle(batches)
        yield from batches


def _loss(model: Any, batch: list[list[int]], pad: int) -> Any:
    """Mean next-token loss over the real tokens of `batch`."""
    import torch

    width = max(map(len, batch))
    ids_BL = torch.tensor([row + [pad] * (width - len(row)) for row in batch])
    # Padding is on the right: under causal attention it cannot reach a real token, so no mask is needed.
    labels_BL = ids_BL.masked_fill(ids_BL == pad, -100)
    return model(input_ids=ids_BL, labels=labels_BL, use_cache=False).loss


def _save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write weights in fp16, with a config that has them loaded in fp32: half precision is slow on a CPU."""
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    settings = json.loads((out / "config.json").read_text(encoding="utf-8"))
    settings |= {"dtype": "float32", "mini_data_version": data_version()}
    (out / "config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Command line: --out DIR [--steps N] [--documents N] [--seed N] [--threads N]."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m harness.mini.pretrain", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=PretrainConfig.steps)
    parser.add_argument("--documents", type=int, default=PretrainConfig.documents)
    parser.add_argument("--seed", type=int, default=PretrainConfig.seed)
    parser.add_argument("--threads", type=int, default=1, help="on a busy machine one thread beats two")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = PretrainConfig(steps=options.steps, documents=options.documents, seed=options.seed)
    loss = pretrain(options.out, config)
    print(f"{options.out}: held-out loss {loss:.3f} nats a token")


if __name__ == "__main__":
    main()
