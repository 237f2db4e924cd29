"""Everything that only a GPU can show, in one command of less than ten minutes: tables in a folder.

    python benchmarks/gpu.py --out gpu-tables                # on a machine with CUDA
    python benchmarks/gpu.py --out cpu-tables --small        # the same path on a CPU, in minutes; no figure to quote

A random Llama of the shape of SmolLM2-135M in bfloat16, on the embedded English; `--base` takes another checkpoint.
Each part is a process with a limit of time, and a part that fails or is cut off says so in its table:

- proofs: the mask proof of every attention kernel that runs here, causal and bidirectional
- memory: encoding with so little memory that passes do not fit: they are halved, and the embeddings stay
- encode, train, mntp, probes: encode.py, train_step.py and probes.py beside their peers

benchmarks/README.md says what was seen on a GPU.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import described
from material import SHAPES, write_checkpoint
from texts import generated_texts

from harness.bases import resolve_base
from harness.encoder.attention import available_kernels
from harness.encoder.budget import TokenBudget
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.packing import VARLEN
from harness.encoder.placement import Placement
from harness.recipes import Recipe
from harness.records import proof_words

HERE = Path(__file__).parent
SPARE_BYTES = 128 << 20  # that encoding gets in the part `memory`
LIMITS_S = {"proofs": 90, "memory": 60, "encode": 120, "train": 120, "mntp": 90, "probes": 90}


def main() -> None:
    asked = arguments()
    place = Placement.choose()
    if asked.part:
        {"proofs": proofs, "memory": memory}[asked.part](asked, place)
        return
    if place.device == "cpu" and not asked.small:
        sys.exit("torch sees no CUDA device here; --small runs the same on a CPU, at a reduced size")
    asked.out.mkdir(parents=True, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory() as name:
        if not asked.base:
            asked.base = str(Path(name, "base"))
            shape = SHAPES["small" if asked.small else "smollm2-135m"]
            write_checkpoint(Path(asked.base), shape, device="cpu", dtype=getattr(torch, place.dtype))
        for part, command in commands(asked, place).items():
            began = time.monotonic()
            done, told = run(command, limit=None if asked.small else LIMITS_S[part])
            failed += [] if done else [part]
            (asked.out / f"{part}.md").write_text(f"# {part}\n\n{described(place.device)}\n\n{told}", encoding="utf-8")
            print(f"{part}: {'done' if done else 'FAILED'}, {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; {asked.out} has what they said")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-tables"), help="the folder of the tables")
    parser.add_argument("--base", help="a checkpoint as `harness run --base` takes it, in place of a random one")
    parser.add_argument("--small", action="store_true", help="a tiny model and few texts")
    parser.add_argument("--part", choices=("proofs", "memory"), help=argparse.SUPPRESS)
    return parser.parse_args()


def commands(asked: argparse.Namespace, place: Placement) -> dict[str, list[str]]:
    """What each part runs."""
    small = ["--small"] if asked.small else []
    where = ["--base", asked.base]
    step = ["train_step.py", *where, "--dtype", place.dtype, *small]
    parts = {
        "proofs": ["gpu.py", *where, *small, "--part", "proofs"],
        "memory": ["gpu.py", *where, *small, "--part", "memory"],
        "encode": ["encode.py", *where, "--dtype", place.dtype, *small],
        "train": step,
        "mntp": [*step, "--stage", "mntp"],
        "probes": ["probes.py", *small],
    }
    return {
        part: [sys.executable, "-W", "ignore", str(HERE / script), *words] for part, (script, *words) in parts.items()
    }


def run(command: list[str], *, limit: float | None) -> tuple[bool, str]:
    """Whether it ended well, and what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        told = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        return False, f"{told}\ncut off after {limit:.0f} s\n"
    return done.returncode == 0, done.stdout + ("" if done.returncode == 0 else f"\nfailed:\n{done.stderr[-2000:]}\n")


def opened(asked: argparse.Namespace, place: Placement, attention: str = "bidirectional") -> Encoder:
    base, recipe = resolve_base(asked.base), Recipe.model_validate({"attention": attention})
    return build_encoder(base.folder, recipe, seed=None, place=place, name="gpu", revision="none")


def proofs(asked: argparse.Namespace, place: Placement) -> None:
    """The mask proof of each kernel and mask."""
    print("| kernel | attention | checks | proof |")
    print("| --- | --- | ---: | --- |")
    failed = False
    for attention in ("causal", "bidirectional"):
        encoder = opened(asked, place, attention)
        for kernel in available_kernels(encoder.backbone):
            if (kernel == VARLEN and place.dtype == "float32") or (kernel == "flex_attention" and asked.small):
                continue  # the one needs half precision, the other minutes for a C++ compiler
            proof = encoder.prove(kernels=(kernel,))
            why = next((check.reason for check in proof.checks if not check.ok), "")
            failed |= not proof.passed
            said = f"FAILED: {why}" if why else proof_words(proof.to_dict())
            print(f"| {kernel} | {attention} | {len(proof.checks)} | {said} |", flush=True)
    sys.exit(int(failed))


class Heard:
    """Keeps what a reader says."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def reading(self, reading: Any) -> None:
        pass


def memory(asked: argparse.Namespace, place: Placement) -> None:
    """Embeddings with all memory, and with so little that passes are halved."""
    encoder, heard = opened(asked, place), Heard()
    texts = generated_texts(100 if asked.small else 3_000, encoder.model.tokenizer, limit=512)
    whole = encoder.encode(texts)
    encoder.watch = heard
    if place.device == "cuda":
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + SPARE_BYTES) / total)
        encoder.reader._budgets[False] = TokenBudget(1 << 20)
    else:
        print("simulated: passes of more than 500 tokens are refused\n")
        refuse_above(encoder.reader, 500)
    again = encoder.encode(texts)
    for note in heard.notes:
        print(f"- {note}")
    gap, scale = (float(np.abs(each).max()) for each in (whole - again, whole))
    print(
        f"\n{len(texts):,} texts; {len(heard.notes)} halvings; largest difference {gap:.1e} at a scale of {scale:.1f}"
    )
    sys.exit(int(not heard.notes))


def refuse_above(reader: Any, tokens: int) -> None:
    """As a GPU that has room for so many `tokens` and no more."""
    plain = reader._packed

    def packed(rows: Any, ids: Any, layers: bool) -> Any:
        if sum(map(len, ids)) > tokens:
            raise torch.OutOfMemoryError
        return plain(rows, ids, layers)

    reader._packed = packed


if __name__ == "__main__":
    main()
