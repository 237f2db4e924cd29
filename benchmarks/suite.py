"""What does the whole ladder on a suite of mteb tasks cost, against mteb once for each variant?

    python benchmarks/suite.py                              # the 8 variants on a random Llama of 6 layers × 288
    python benchmarks/suite.py --documents FILE --vocabulary 32000       # with a tokenizer learnt from the documents
    python benchmarks/suite.py --shape llama-3.2-1b --device cuda        # bfloat16; also llama-2-7b
    python benchmarks/suite.py --variants causal,bidir --tasks STSBenchmark --layers 1

Both sides measure the same systems: the ladder is made beforehand, with stages of two steps, and saved as folders for
mteb. Ours is one `harness run`, which also proves the masks, keeps every example's outcome, tests the differences and
writes the page; how much of it the last two are is told by running it again, when all is stored. Theirs is one process
a variant that does what `mteb run` does, whose command takes no local folder. The tasks' data must be at hand
(HF_DATASETS_CACHE). Seconds are wall time; `--clock cpu --threads 1` counts those of the CPU instead, for a machine
that is busy with other things.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml
from machine import CLOCKS, described
from material import SHAPES, shape_of, write_checkpoint
from texts import add_tokenizer_options, chosen_tokenizer

from harness.bases import resolve_base
from harness.cards import card_folders, load_cards
from harness.encoder.placement import DTYPES, Placement
from harness.paths import cache_folder
from harness.run.open import open_system
from harness.run.systems import plan_systems

TASKS = "STSBenchmark,STS12,STS14,STS16,Banking77Classification,EmotionClassification,TwentyNewsgroupsClustering.v2"
STAGE = {"data": "mini", "examples": 16, "steps": 2, "batch_size": 4, "max_length": 32, "learning_rate": 1e-4}


THEIRS = """
import sys, mteb
from sentence_transformers import SentenceTransformer
folder, device, *names = sys.argv[1:]
model = SentenceTransformer(folder, device=device)
mteb.evaluate(model, mteb.get_tasks(tasks=names, languages=["eng"]), cache=None, co2_tracker=False)
"""


def main() -> None:
    """Make the systems, measure both sides and print the table."""
    asked = arguments()
    asked.tokenizer, asked.documents = (path and path.resolve() for path in (asked.tokenizer, asked.documents))
    place = Placement.choose(asked.device, asked.dtype)
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        try:
            os.environ |= {"HARNESS_CACHE": str(Path("cache").resolve()), "OMP_NUM_THREADS": str(asked.threads)}
            torch.set_num_threads(asked.threads)
            folders = make_systems(asked, place)
            ours, again = (harness_run(asked, place) for _ in range(2))
            theirs = {variant: mteb_run(folder, asked, place) for variant, folder in folders.items()}
        finally:
            os.chdir(home)
    report(asked, place, ours, again, theirs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="small")
    parser.add_argument("--layers", type=int, help="so many layers of the shape, for a machine that is too small")
    parser.add_argument("--variants", default=",".join(load_cards()))
    parser.add_argument("--tasks", default=TASKS)
    add_tokenizer_options(parser)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", choices=("auto", *DTYPES))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of a CPU")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    return parser.parse_args()


def make_systems(asked: argparse.Namespace, place: Placement) -> dict[str, Path]:
    """The base, cards of two steps a stage in the working directory, and each variant as a folder for mteb."""
    shape = shape_of(asked.shape, asked.layers)
    tokenizer = chosen_tokenizer(asked, Path("tokenizer"))
    write_checkpoint(Path("base"), shape, device=place.device, dtype=getattr(torch, place.dtype), tokenizer=tokenizer)
    Path("model_cards").mkdir()
    for path in (path for folder in card_folders() for path in folder.glob("*.md")):
        _, front, prose = path.read_text(encoding="utf-8").split("---\n", 2)
        card = yaml.safe_load(front) | {"bases": {}}
        card["stages"] = [STAGE | {"kind": stage["kind"]} for stage in card.get("stages", [])]
        (Path("model_cards") / path.name).write_text(f"---\n{yaml.safe_dump(card)}---\n{prose}", encoding="utf-8")
    cards = load_cards()
    base = resolve_base("base")
    folders: dict[str, Path] = {}
    for planned in plan_systems(base, [cards[name] for name in asked.variants.split(",")], [0]):
        folders[planned.card.variant] = Path("systems", planned.card.variant).resolve()
        open_system(planned, place=place, cache=cache_folder()).encoder.save(folders[planned.card.variant])
    return folders


def harness_run(asked: argparse.Namespace, place: Placement) -> float:
    """Seconds of the ladder in one command, or of its comparison and page if all is stored already."""
    variants = [word for name in asked.variants.split(",") for word in ("--variant", name)]
    where = ["--base", "base", "--tasks", asked.tasks, "--device", place.device, "--dtype", place.dtype]
    return seconds([sys.executable, "-m", "harness", "run", *variants, *where, "--quiet"], asked.clock)


def mteb_run(folder: Path, asked: argparse.Namespace, place: Placement) -> float:
    """Seconds of mteb on one variant, in a process of its own."""
    words = [str(folder), place.device, *asked.tasks.split(",")]
    return seconds([sys.executable, "-P", "-W", "ignore", "-c", THEIRS, *words], asked.clock)


def seconds(command: list[str], clock: str) -> float:
    """How long a command takes; it has to succeed."""
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command[:6])} … failed:\n{done.stderr[-2000:]}")
    return took if clock == "wall" else now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def report(asked: argparse.Namespace, place: Placement, ours: float, again: float, theirs: dict[str, float]) -> None:
    layers = f", {asked.layers} layers" if asked.layers else ""
    print(f"{asked.shape}{layers}, {place.dtype}: {len(theirs)} variants on {asked.tasks}; {asked.clock} seconds")
    print(f"{described(place.device)}\n")
    total = sum(theirs.values())
    print("| | s | share of mteb's |")
    print("| --- | ---: | ---: |")
    print(f"| mteb, {len(theirs)} processes | {total:,.0f} | 100 % |")
    print(f"| `harness run`, once | {ours:,.0f} | {100 * ours / total:.0f} % |")
    print(f"| of which comparing and the page | {again:,.0f} | {100 * again / total:.0f} % |")


if __name__ == "__main__":
    main()
