"""How fast are texts embedded, against sentence-transformers and llm2vec on the same checkpoint?

    python benchmarks/encode.py --llm2vec .nox/peers/bin/python        # 1,000 texts, 6 layers × 288, float32
    python benchmarks/encode.py --tasks STSBenchmark,Banking77Classification --documents FILE --vocabulary 32000
    python benchmarks/encode.py --shape llama-3.2-1b --device cuda     # bfloat16; also llama-2-7b
    python benchmarks/encode.py --base smollm2-135m --tasks STSBenchmark --dtype float32,bfloat16
    python benchmarks/encode.py --profile                              # and what our own time goes into
    python benchmarks/encode.py --small                                # the same path in seconds

The checkpoint is random, or that of `--base`; its attention is bidirectional. Each of `--dtype` gives a table.
The texts are generated English with a median of 26 tokens and a 90th percentile of 164, or real ones: the same number
of each of the mteb `--tasks` (their data must be at hand) and, `--with-documents`, of a file of `--documents`, from
which `--vocabulary` learns a tokenizer. Both peers encode in batches of 32, as they do by default; llm2vec runs in an
environment of its own (`nox -s peers` makes one), for it needs transformers 4.44, or is left out without it.
All sides are measured in turns, `--rounds` times, and the quickest round of each counts. The limit is the time that the
model's matrix products take at the rate of the machine's best square product, measured before each side's turn.
Seconds are wall time, tokenising included; `--clock cpu --threads 1` counts the seconds of the CPU instead, for a
machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import CLOCKS, described, matmul_rate, seconds_elsewhere, wait
from material import LIMIT, SHAPES, Shape, operations, shape_of, their_base, write_checkpoint
from texts import add_tokenizer_options, chosen_tokenizer, generated_texts, padding_factor, real_texts

from harness.bases import Base, resolve_base
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import DTYPES, Placement
from harness.recipes import Recipe

ROOT = Path(__file__).parents[1]
PRODUCTS = frozenset({"aten::mm", "aten::addmm", "aten::bmm"})
OURS, PLAIN, LLM2VEC = "harness", "sentence-transformers", "llm2vec 0.2.3"


def main() -> None:
    """Measure all sides and print a table for each precision."""
    asked = arguments()
    places = [Placement.choose(asked.device, dtype) for dtype in asked.dtype.split(",")]
    if asked.profile and places[0].device != "cpu":
        sys.exit("--profile knows the operations of a CPU only; take --device cpu")
    base = resolve_base(asked.base) if asked.base else None
    shape = Shape.of(base.folder) if base else shape_of(asked.shape, asked.layers)
    for place in places:
        with tempfile.TemporaryDirectory() as name:
            measure_at(asked, place, shape, base, Path(name))


def measure_at(asked: argparse.Namespace, place: Placement, shape: Shape, base: Base | None, folder: Path) -> None:
    """Measure all sides in one precision and print the table; `folder` is for what llm2vec reads and writes."""
    torch.set_num_threads(asked.threads)
    dtype = getattr(torch, place.dtype)
    checkpoint = base.folder if base else folder / "base"
    if base is None:
        tokenizer = chosen_tokenizer(asked, folder / "tokenizer")
        write_checkpoint(checkpoint, shape, device=place.device, dtype=dtype, tokenizer=tokenizer)
    recipe = Recipe(attention="bidirectional", max_length=LIMIT)
    encoder = build_encoder(checkpoint, recipe, seed=None, place=place, name=asked.shape, revision="none")
    torch.set_num_threads(asked.threads)
    encoder.prove().require()
    texts = choose_texts(asked, encoder.model.tokenizer)
    (folder / "texts.json").write_text(json.dumps(texts))
    measured = measure(asked, encoder, texts, checkpoint, folder)
    if asked.profile:
        print_profile(encoder, texts)
    lengths = np.minimum([len(ids) for ids in encoder.model.tokenizer(texts)["input_ids"]], LIMIT)
    print(f"padding in batches of 32 sorted by characters: {padding_factor(texts, lengths):.2f} tokens for one")
    report(asked, place, encoder, lengths, measured, operations(shape, lengths))


def choose_texts(asked: argparse.Namespace, tokenizer: Any) -> list[str]:
    if not asked.tasks and not asked.with_documents:
        return generated_texts(asked.texts, tokenizer, limit=LIMIT)
    tasks, languages = ([word for word in words.split(",") if word] for words in (asked.tasks, asked.languages))
    documents = asked.documents if asked.with_documents else None
    return real_texts(asked.texts, tasks=tasks, languages=languages, documents=documents)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="small")
    parser.add_argument("--base", help="a checkpoint as `harness run --base` takes it, in place of a random one")
    parser.add_argument("--layers", type=int, help="so many layers of the shape, for a machine that is too small")
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--tasks", default="", help="real texts: names of mteb tasks, by comma")
    parser.add_argument("--with-documents", action="store_true", help="real texts: the documents are one source more")
    parser.add_argument("--languages", default="eng,spa,ara", help="of the tasks that have several")
    add_tokenizer_options(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", help=f"auto, or some of {', '.join(DTYPES)}, by comma")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a CPU")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--llm2vec", metavar="PYTHON", help="an interpreter that has llm2vec 0.2.3")
    parser.add_argument("--profile", action="store_true", help="also say what our own time goes into, on one thread")
    parser.add_argument("--small", action="store_true", help="40 texts, one round")
    asked = parser.parse_args()
    if asked.with_documents and not asked.documents:
        parser.error("--with-documents needs --documents")
    if asked.documents and not (asked.with_documents or asked.vocabulary):
        parser.error("--documents are for --vocabulary, --with-documents or both")
    if asked.small:
        asked.texts, asked.rounds = 40, 1
    return asked


class Measured:
    """Seconds of every round by side, embeddings of the last, the best matmul rate, and packed against padded."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.embeddings: dict[str, np.ndarray] = {}
        self.rate = 0.0
        self.gap = 0.0


def measure(asked: argparse.Namespace, encoder: Encoder, texts: list[str], checkpoint: Path, folder: Path) -> Measured:
    device, dtype = encoder.backbone.device.type, encoder.backbone.dtype
    measured = Measured()
    sides = {
        OURS: lambda: encoder.encode(texts),
        PLAIN: lambda: encoder.model.encode(texts, batch_size=32, show_progress_bar=False),
    }
    by_length = sorted(set(texts), key=len)
    gap = encoder.encode(by_length, batch_size=32) - encoder.encode(by_length)
    measured.gap = float(np.abs(gap).max())
    encoder.model.encode(texts[:64], batch_size=32, show_progress_bar=False)  # kernels are chosen, memory is taken
    if asked.llm2vec:
        their_base(checkpoint, folder / "theirs")
    for _ in range(asked.rounds):
        for name, encode in sides.items():
            measured.rate = max(measured.rate, matmul_rate(device, dtype, clock=asked.clock))
            wait(device)
            start = CLOCKS[asked.clock]()
            measured.embeddings[name] = np.asarray(encode(), dtype=np.float32)
            wait(device)
            measured.seconds.setdefault(name, []).append(CLOCKS[asked.clock]() - start)
        if asked.llm2vec:
            measured.seconds.setdefault(LLM2VEC, []).append(their_seconds(asked, folder, device, dtype))
            measured.embeddings[LLM2VEC] = np.load(folder / "theirs.npy")
    measured.rate = max(measured.rate, matmul_rate(device, dtype, clock=asked.clock))
    return measured


def print_profile(encoder: Encoder, texts: list[str]) -> None:
    """The shares of the time of all operations on one thread, by torch's profiler."""
    torch.set_num_threads(1)
    with torch.profiler.profile() as profiler:
        encoder.encode(texts)
    seconds = dict.fromkeys(("matrix products", "attention", "all else"), 0.0)
    for operation in profiler.key_averages():
        products, attention = operation.key in PRODUCTS, "scaled_dot_product" in operation.key
        kind = "matrix products" if products else "attention" if attention else "all else"
        seconds[kind] += operation.self_cpu_time_total
    shares = ", ".join(f"{kind} {spent / sum(seconds.values()):.0%}" for kind, spent in seconds.items())
    print(f"our operations on one thread: {shares}".replace("%", " %"))


def their_seconds(asked: argparse.Namespace, folder: Path, device: str, dtype: torch.dtype) -> float:
    """Of llm2vec, by its own clock, in its own interpreter."""
    return seconds_elsewhere(
        asked.llm2vec,
        "encode_llm2vec.py",
        folder,
        device,
        str(dtype).removeprefix("torch."),
        asked.threads,
        LIMIT,
        asked.clock,
    )


def report(
    asked: argparse.Namespace,
    place: Placement,
    encoder: Encoder,
    lengths: np.ndarray,
    measured: Measured,
    operations_: float,
) -> None:
    best = {name: min(seconds) for name, seconds in measured.seconds.items()}
    limit = operations_ / measured.rate
    layers = f", {asked.layers} layers" if asked.layers else ""
    print(
        f"{asked.base or asked.shape}{layers}, {place.dtype}: {len(lengths):,} texts, {lengths.sum():,} tokens, median "
        f"{np.median(lengths):.0f}, p90 {np.percentile(lengths, 90):.0f}"
    )
    print(f"{asked.rounds} rounds, {asked.clock} seconds; {encoder.describe()['kernel']}")
    print(f"matrix products: {operations_ / 1e9:,.0f} GFLOP at {measured.rate / 1e9:,.0f} GFLOP/s")
    print(f"{described(place.device)}\n")
    print("| | s | tokens/s | of the matmul limit | ours is quicker | largest difference to ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    print(f"| matmul limit | {limit:.2f} | {lengths.sum() / limit:,.0f} | 100 % | | |")
    ours = measured.embeddings[OURS]
    for name, seconds in best.items():
        gap = "" if name == OURS else f"{np.abs(measured.embeddings[name] - ours).max():.1e}"
        times = "" if name == OURS else f"{seconds / best[OURS]:.2f} ×"
        share = f"{limit / seconds:.0%}".replace("%", " %")
        print(f"| {name} | {seconds:.2f} | {lengths.sum() / seconds:,.0f} | {share} | {times} | {gap} |")
    print(f"\npacked against padded: {measured.gap:.1e} at a scale of {np.abs(ours).max():.1f}")


if __name__ == "__main__":
    main()
