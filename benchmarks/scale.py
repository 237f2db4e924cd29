"""What disk, memory and hours do bases of 135M, 1B and 7B parameters take on this machine?

    python benchmarks/scale.py                       # the table of docs/scale.md, about an hour of one core
    python benchmarks/scale.py --shapes llama-2-7b --parts open,words
    python benchmarks/scale.py --quick               # the same path in a minute, on a tiny shape

Random Llamas of known shapes, float32, each part in a process of its own, which says its peak: of memory that it must
have (anonymous, sampled) and of all that was resident (ru_maxrss, with the pages of files, which the system can drop).
A shape of more than 500 million parameters is measured with 2 of its layers and computed for all: memory grows by the
float32 weights of the others (twice in training, for the encoder and the language model are open at once, and by what
the optimiser keeps of their adapters), time as the matrix products do. The parts:

- open: the folder of weights as `harness run` opens it, and 512 tokens read
- kept: word vectors of a set of `--sentences` at `--positions` and all layers, from an encoder that makes them up; what
  is above the budget goes to disk
- probe: logistic probes of 5 folds with the choice of a layer, on features of the width; two layers, computed for all
- train: steps of packed MNTP with gradient checkpointing, on 128 tokens at once

Seconds are those of the CPU on one thread. `m` stands behind a measured figure, `c` behind a computed one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import described
from material import SHAPES, Shape, operations, write_checkpoint

from harness.encoder.protocol import MOST_SHARED_BYTES, WordSink

PARTS = ("open", "kept", "probe", "train")
SHOWN = ("smollm2-135m", "llama-3.2-1b", "llama-2-7b")
WHOLE = 500_000_000  # parameters of the largest shape that is measured with all its layers
FEW = 2  # layers of one that is not
TOKENS = 128  # trained on at once; four times as many are read
RANK = 16
GB = 1e9


def main() -> None:
    asked = arguments()
    if asked.child:
        told = json.loads(asked.child)
        print(json.dumps(CHILDREN[told.pop("part")](**told)))
        return
    names = asked.shapes.split(",")
    print(f"{described('cpu')}\n")
    columns = [measure(name, asked) for name in names]
    print(f"| | {' | '.join(names)} |")
    print("| --- |" + " ---: |" * len(names))
    for row in columns[0]:
        print(f"| {row} | {' | '.join(column[row] for column in columns)} |")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHOWN), help=f"some of {', '.join(SHAPES)}, by comma")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--sentences", type=int, default=5_000)
    parser.add_argument("--positions", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the shape small, 200 sentences, 16 tokens")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.quick:
        asked.shapes, asked.sentences = "small", 200
    asked.tokens = 16 if asked.quick else TOKENS
    return asked


@dataclass(frozen=True)
class Figure:
    """A number, and whether it was measured."""

    value: float
    measured: bool

    def told(self, unit: float = 1.0, form: str = ",.2f") -> str:
        return f"{self.value / unit:{form}} {'m' if self.measured else 'c'}"


def measure(name: str, asked: argparse.Namespace) -> dict[str, str]:
    """The rows of one shape's column."""
    shape, parts = SHAPES[name], asked.parts.split(",")
    measured = shape if shape.parameters < WHOLE else replace(shape, layers=FEW)
    found: dict[str, dict[str, float]] = {}
    words = {"layers": shape.layers + 1, "width": shape.hidden, "sentences": asked.sentences}
    if "kept" in parts:
        found["kept"] = child("kept", **words, positions=asked.positions)
    if "probe" in parts:
        found["probe"] = child("probe", **words | {"layers": 2})
    with tempfile.TemporaryDirectory() as folder:
        if {"open", "train"} & {*parts}:
            child("write", shape=name, layers=measured.layers, folder=folder)
        for part, tokens in (("open", 4 * asked.tokens), ("train", asked.tokens)):
            if part in parts:
                found[part] = child(part, folder=folder, tokens=tokens)
    return dict(rows(shape, measured, asked, found))


def rows(
    shape: Shape, measured: Shape, asked: argparse.Namespace, found: dict[str, dict[str, float]]
) -> Iterator[tuple[str, str]]:
    whole = shape == measured
    more = shape.parameters - measured.parameters
    products = operations(shape, np.ones(1)) / operations(measured, np.ones(1))
    kept = 4.0 * (shape.layers + 1) * shape.hidden * asked.sentences * asked.positions
    yield "parameters, million", f"{shape.parameters / 1e6:,.0f}"
    yield "**disk**, GB: weights in bfloat16", Figure(2 * shape.parameters, False).told(GB)
    yield "an export, float32", Figure(4 * shape.parameters, False).told(GB)
    yield "a stage (its adapter, rank 16)", Figure(4 * adapter_size(shape), False).told(GB)
    if "kept" in found:
        yield f"word vectors of {asked.sentences:,} sentences × {asked.positions} words", Figure(kept, False).told(GB)
        yield "of these on disk", Figure(found["kept"]["disk"], True).told(GB)
    if "open" in found:
        opened_ = found["open"]["anonymous"] + 4 * more
        yield f"**memory**, GB: opened in float32, {4 * asked.tokens} tokens read", Figure(opened_, whole).told(GB)
    if "kept" in found:
        yield (
            f"word vectors in memory (at most {MOST_SHARED_BYTES / GB:.1f}), and Python",
            Figure(found["kept"]["anonymous"], True).told(GB),
        )
    if "probe" in found:
        yield "probes, one layer after the other", Figure(found["probe"]["anonymous"], True).told(GB)
    if "train" in found:
        kept_by_optimiser = 16 * (adapter_size(shape) - adapter_size(measured))
        step = found["train"]["anonymous"] + 2 * 4 * more + kept_by_optimiser
        yield f"a training step, float32, {asked.tokens} tokens at once", Figure(step, whole).told(GB)
    if "open" in found:
        read = found["open"]["seconds_a_token"] * products * 1e6 / 3600
        yield "**hours** of a CPU thread: a million tokens read", Figure(read, whole).told()
    if "train" in found:
        trained = found["train"]["seconds_a_token"] * products / 3600
        yield f"a million tokens trained, {asked.tokens} at once", Figure(trained * 1e6, whole).told()
    if "probe" in found:
        minutes = found["probe"]["seconds"] / 2 * (shape.layers + 1) / 60
        yield "**minutes**: probes of a task at all layers, one word", Figure(minutes, False).told()


def adapter_size(shape: Shape) -> int:
    """Numbers in an adapter of every linear layer."""
    width = shape.head or shape.hidden // shape.heads
    outside = (shape.heads * width, shape.key_heads * width, shape.key_heads * width)
    attention = sum(shape.hidden + out for out in outside) + shape.heads * width + shape.hidden
    return shape.layers * RANK * (attention + 3 * (shape.hidden + shape.inner))


def child(part: str, **told: Any) -> dict[str, float]:
    """What a process of its own finds; its last line is JSON."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", json.dumps({"part": part, **told})]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{part} of {told} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{part} {told}: {found}", file=sys.stderr, flush=True)
    return found


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Afterwards: CPU seconds inside, the process's peak of anonymous memory while inside, and of resident memory."""
    found: dict[str, float] = {"anonymous": 0.0}
    done = threading.Event()

    def sample() -> None:
        while True:
            found["anonymous"] = max(found["anonymous"], anonymous())
            if done.wait(0.02):
                return

    sampler = threading.Thread(target=sample)
    sampler.start()
    began = time.process_time()
    try:
        yield found
    finally:
        found["seconds"] = time.process_time() - began
        done.set()
        sampler.join()
        unit = 1 if sys.platform == "darwin" else 1024
        found["resident"] = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def anonymous() -> float:
    """Bytes that no file backs; where the system does not tell them, all that is resident."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    here = [int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")]
    return float(here[0]) if here else float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def write(shape: str, layers: int, folder: str) -> dict[str, float]:
    torch.set_num_threads(1)
    write_checkpoint(Path(folder), replace(SHAPES[shape], layers=layers), device="cpu", dtype=torch.bfloat16)
    return {"bytes": float(sum(path.stat().st_size for path in Path(folder).iterdir()))}


def opened(folder: str) -> Any:
    from harness.encoder.model import build_encoder
    from harness.encoder.placement import Placement
    from harness.recipes import Recipe

    place, recipe = Placement(device="cpu", dtype="float32"), Recipe(attention="bidirectional")
    return build_encoder(Path(folder), recipe, seed=None, place=place, name="scale", revision="none")


def open_(folder: str, tokens: int) -> dict[str, float]:
    torch.set_num_threads(1)
    with watched() as found:
        encoder = opened(folder)
        texts = [f"{' the cook' * 14} {number}" for number in range(tokens // 32)]
        encoder.encode(texts[:2])
        began = time.process_time()
        encoder.encode(texts)
        seconds = time.process_time() - began
    return {**found, "seconds_a_token": seconds / sum(len(ids) for ids in encoder.model.tokenizer(texts)["input_ids"])}


class MadeUp:
    """An encoder whose word vectors are drawn, so that any width and depth can be kept."""

    max_tokens = 512

    def __init__(self, layers: int, width: int) -> None:
        self.layers, self.width = layers, width

    def read_words(self, texts: Sequence[str], spans: Sequence[tuple[int, int]], sink: WordSink, **_: Any) -> None:
        draw = np.random.default_rng(0)
        sink.open(self.layers, self.width)
        for first in range(0, len(texts), 64):  # the words of a pass
            words = range(first, min(first + 64, len(texts)))
            vectors_WD = draw.random((len(words), self.width), dtype=np.float32)
            for layer in range(self.layers):
                sink.add(layer, words, vectors_WD)


def kept(layers: int, width: int, sentences: int, positions: int) -> dict[str, float]:
    from harness.suites.words.data.examples import WordExample
    from harness.suites.words.reading import WordVectors

    text = "one two three four five six seven eight nine"
    span = (text.index("five"), text.index("five") + len("five"))
    examples = [
        WordExample(example_id=str(number), texts=(f"{text} {number}",), spans=(span,), word=str(number))
        for number in range(sentences)
    ]
    around = range(-(positions // 2), positions - positions // 2)
    with watched() as found:
        made = WordVectors(MadeUp(layers, width), examples, tuple(around))  # type: ignore[arg-type]
        seen = [float(layer.sum()) for layer in made.at((0,)).vectors]
    assert len(seen) == layers
    return {**found, "disk": float(sum(each.nbytes for each in arrays(made) if isinstance(each, np.memmap)))}


def arrays(made: Any) -> Iterator[np.ndarray]:
    for reading in made._read.values():
        yield from reading.vectors.values()


def probe(layers: int, width: int, sentences: int) -> dict[str, float]:
    """Features that fall off as a model's states do, and labels that can be read from them in part."""
    from harness.probes.folds import group_folds
    from harness.suites.words.crossval import N_FOLDS, predict_labels
    from harness.suites.words.reading import WordLayers

    torch.set_num_threads(1)
    spectrum_D = 1 / np.arange(1, width + 1, dtype=np.float32) ** 0.5

    def layer(number: int) -> np.ndarray:
        draw = np.random.default_rng(number)
        return (draw.standard_normal((1, sentences, width), dtype=np.float32)) * spectrum_D

    direction_D = np.random.default_rng(9).standard_normal(width)
    labels_N = (layer(0)[0] @ direction_D + np.random.default_rng(8).logistic(size=sentences) > 0).astype(np.intp)
    folds_RN = group_folds(labels_N, [str(row) for row in range(sentences)], n_folds=N_FOLDS, repeats=1)
    with watched() as found:
        predict_labels(WordLayers(layers, layer), labels_N, folds_RN, classes=2)
    return found


def train(folder: str, tokens: int) -> dict[str, float]:
    """Two steps of one text of so many tokens; the second is timed."""
    from train_step import EnoughError, Steps, job_of

    from harness.bases import resolve_base
    from harness.encoder.placement import Placement
    from harness.training import parse_recipe
    from harness.training.watch import TrainingWatch

    torch.set_num_threads(1)
    fields = {"kind": "mntp", "examples": 16, "steps": 1000, "batch_size": 2, "max_length": tokens // 2}
    more = {"concatenate": True, "learning_rate": 1e-4, "packed": True, "gradient_checkpointing": True}
    (stage,) = parse_recipe({"attention": "bidirectional", "stages": [fields | more]}).stages
    steps = Steps(2, time.process_time, "cpu")
    place = Placement(device="cpu", dtype="float32")
    with tempfile.TemporaryDirectory() as scratch, watched() as found:
        job = job_of(stage, resolve_base(folder), place, Path(scratch), lambda _: opened(folder))
        rows = stage.rows()
        with suppress(EnoughError):
            stage.train(rows, job, TrainingWatch(steps.on_step_end, batch_size=2))
    return {**found, "seconds_a_token": steps.seconds / tokens}


CHILDREN: dict[str, Callable[..., dict[str, float]]] = {
    "write": write,
    "open": open_,
    "kept": kept,
    "probe": probe,
    "train": train,
}

if __name__ == "__main__":
    main()
