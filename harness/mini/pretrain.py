"""Pretrain the mini base, or bases of other shapes with as many parameters, from nothing.

    python -m harness.mini.pretrain --out DIR                        the shipped base: 4 layers, 2,800 steps
    python -m harness.mini.pretrain --shape 16 --seed 1 --out DIR    a base of 16 layers, from another seed
    python -m harness.mini.pretrain --sweep DIR                      every shape with every seed, a folder each

Each is a Llama, pretrained causally on generated documents with a plain loop. All read the same documents with the same
tokenizer; the seed decides the first weights and the order of the batches. A base that is there already is not made
again. On another processor or torch the weights differ in the last digits.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.mini.corpus import data_version, pretraining_documents
from harness.mini.facts import FACTS, Facts, read_facts
from harness.mini.shapes import SHIPPED, SWEEP, Shape, wanted
from harness.mini.tokenizer import train_tokenizer
from harness.paths import whole_folder

SEEDS = (0, 1, 2)
_TEXTS_SEED = 0  # of the documents; those that the loss is measured on have the next one
_HELD_OUT = 500
_LOOKS = 5  # how often the loss on held-out documents is measured


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """The shape of the base and how it is trained. `batch_tokens` counts padding.

    `learning_rate` is the peak at the width of the shipped base; it is scaled by one over the width.
    """

    shape: Shape = SHIPPED
    max_positions: int = 256
    steps: int = 2800
    batch_tokens: int = 2560
    documents: int = 120_000
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 0.05
    seed: int = 0

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        return self.learning_rate * SHIPPED.width / self.shape.width

    @property
    def name(self) -> str:
        """What the base is called in a sweep."""
        return f"mini-{self.shape.name}-seed{self.seed}"

    def settings(self) -> dict[str, Any]:
        """Return everything that decides the weights, as JSON has it."""
        found = {**asdict(self), "data_version": data_version()}
        return dict(json.loads(json.dumps(found)))


def make_base(out: Path, config: PretrainConfig, *, device: str = "cpu") -> Facts:
    """Pretrain the base in folder `out`, or return the facts of the one that is there.

    Raises HarnessError if `out` holds another base or anything else.
    """
    there = read_facts(out)
    if there is None:
        if out.is_file() or (out.is_dir() and any(out.iterdir())):
            raise HarnessError(f"{out} is not empty; name a new folder with --out")
        with whole_folder(out) as folder:
            return pretrain(folder, config, device=device)
    differing = [name for name, value in config.settings().items() if there.settings.get(name) != value]
    if differing:
        raise HarnessError(
            f"{out} holds a base that was made with another {', '.join(differing)}; name a new folder with --out"
        )
    return there


def pretrain(out: Path, config: PretrainConfig, *, device: str = "cpu") -> Facts:
    """Pretrain a base and write its Hugging Face folder, with a file of facts, to `out`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = config.shape
    tokenizer, ids = _material(config.documents, config.max_positions)
    torch.manual_seed(config.seed)
    model: Any = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.intermediate,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.peak, betas=(0.9, 0.95), weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _warm_then_cosine(step, config))
    batches = _batches(ids, config.batch_tokens, random.Random(config.seed))
    held_out = pretraining_documents(_TEXTS_SEED + 1, _HELD_OUT)
    model.train()
    seconds, tokens, losses = 0.0, 0, []
    for step in range(1, config.steps + 1):
        began = time.monotonic()
        batch = next(batches)
        loss = _loss(model, batch, tokenizer.pad_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        tokens += sum(map(len, batch))
        seconds += time.monotonic() - began
        if step % max(1, config.steps // _LOOKS) == 0 or step == config.steps:
            nats, bits_per_byte = _mean_loss(model, tokenizer, held_out)
            losses.append([step, nats])
            print(f"{config.name}: step {step}/{config.steps} loss {nats:.3f} {seconds:.0f}s", file=sys.stderr)
    facts = Facts(
        settings=config.settings(),
        parameters=sum(weight.numel() for weight in model.parameters()) - model.get_input_embeddings().weight.numel(),
        tokens=tokens,
        seconds=round(seconds, 1),
        loss=nats,
        bits_per_byte=bits_per_byte,
        losses=losses,
    )
    _save(model, tokenizer, out, facts)
    return facts


@lru_cache(maxsize=1)
def _material(documents: int, max_positions: int) -> tuple[Any, list[list[int]]]:
    """The tokenizer, and the documents in its tokens. Bases of one sweep share them."""
    texts = pretraining_documents(_TEXTS_SEED, documents)
    tokenizer = train_tokenizer(texts[:20_000], max_length=max_positions)
    return tokenizer, tokenizer(texts)["input_ids"]


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
    ids_BL = torch.tensor([row + [pad] * (width - len(row)) for row in batch]).to(model.device)
    # Padding is on the right: under causal attention it cannot reach a real token, so no mask is needed.
    labels_BL = ids_BL.masked_fill(ids_BL == pad, -100)
    return model(input_ids=ids_BL, labels=labels_BL, use_cache=False).loss


def _mean_loss(model: Any, tokenizer: Any, texts: Sequence[str]) -> tuple[float, float]:
    """The loss on `texts` in nats a token, and in bits a byte of UTF-8."""
    import torch

    ids = tokenizer(list(texts))["input_ids"]
    model.eval()
    nats, tokens = 0.0, 0
    with torch.no_grad():
        for i in range(0, len(ids), 50):
            predicted = sum(len(row) - 1 for row in ids[i : i + 50])  # the first token is given
            nats += _loss(model, ids[i : i + 50], tokenizer.pad_token_id).item() * predicted
            tokens += predicted
    model.train()
    return nats / tokens, nats / math.log(2) / sum(len(text.encode()) for text in texts)


def _save(model: Any, tokenizer: Any, out: Path, facts: Facts) -> None:
    """Write weights in fp16, with a config that has them loaded in fp32: half precision is slow on a CPU."""
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    settings = json.loads((out / "config.json").read_text(encoding="utf-8"))
    settings |= {"dtype": "float32", "mini_data_version": data_version(), "recipes_of": "mini"}
    (out / "config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (out / FACTS).write_text(json.dumps(asdict(facts), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _number(kind: type[int] | type[float], least: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        found = kind(text)
        if not least <= found < math.inf:
            raise ValueError
        return found

    number.__name__ = f"number of at least {least}"  # argparse names it where the text is none
    return number


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, of which `--help` tells."""
    import torch

    parser = argparse.ArgumentParser(
        prog="python -m harness.mini.pretrain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default, count = PretrainConfig(), _number(int, 1)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="the folder of one base")
    where.add_argument("--sweep", type=Path, help="the folder that gets one folder a shape and seed")
    layers, seed = (
        "number of layers; may be given several times with --sweep",
        "may be given several times with --sweep",
    )
    parser.add_argument("--shape", type=count, action="append", help=f"{layers} ({_words(SWEEP)})", metavar="LAYERS")
    parser.add_argument("--seed", type=_number(int, 0), action="append", help=f"{seed} ({_words(SEEDS)})")
    parser.add_argument("--steps", type=count, default=default.steps)
    parser.add_argument("--documents", type=count, default=default.documents)
    rate = f"the peak at width {SHIPPED.width}; scaled by one over the width"
    parser.add_argument("--learning-rate", type=_number(float, 1e-9), default=default.learning_rate, help=rate)
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda if there is one")
    parser.add_argument("--threads", type=count, default=1, help="on a busy machine one thread beats two")
    asked = parser.parse_args(arguments)
    many = asked.sweep is not None
    shapes = asked.shape or (SWEEP if many else [SHIPPED.layers])
    seeds = asked.seed or (SEEDS if many else [default.seed])
    if not many and len(shapes) * len(seeds) > 1:
        parser.error("--out is the folder of one base; give several shapes or seeds with --sweep")
    cuda = torch.cuda.is_available()
    if asked.device == "cuda" and not cuda:
        parser.error("torch finds no CUDA device here; give --device cpu")
    torch.set_num_threads(asked.threads)
    more = {"steps": asked.steps, "documents": asked.documents, "learning_rate": asked.learning_rate}
    try:
        for seed, layers in product(seeds, shapes):
            config = PretrainConfig(shape=wanted(layers), seed=seed, **more)
            out = asked.sweep / config.name if many else asked.out
            print(_line(config.name, make_base(out, config, device=asked.device or ("cuda" if cuda else "cpu"))))
            sys.stdout.flush()
    except HarnessError as error:
        parser.exit(2, f"{error}\n")


def _words(numbers: Sequence[int]) -> str:
    return f"default with --sweep: {', '.join(map(str, numbers))}"


def _line(name: str, facts: Facts) -> str:
    return (
        f"{name}: {facts.parameters:,} parameters without the embedding, {facts.tokens:,} tokens, "
        f"{facts.loss:.3f} nats a token, {facts.bits_per_byte:.4f} bits a byte, {facts.seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
