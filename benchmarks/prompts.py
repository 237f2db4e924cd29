"""Spearman of variants without training on a sample of pairs: prompts, copies, poolings and layers side by side.

    python benchmarks/prompts.py --data PAIRS.parquet --base smollm2-135m causal causal@layer=1 causal-prompteol

PAIRS.parquet has the columns sentence1, sentence2 and score, as mteb's STSBenchmark. The sample is pandas'
`sample(N, random_state=1)`. `VARIANT@FIELD=VALUE,FIELD=VALUE` reads a card with other fields. With 300 pairs the
standard error is about 5 points: what is claimed comes from `harness run`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from harness.bases import resolve_base
from harness.cards import get_card, load_cards
from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.front_matter import read_yaml
from harness.training import parse_recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="+", metavar="VARIANT[@FIELD=VALUE,…]")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", default="mini")
    parser.add_argument("--pairs", type=int, default=300)
    arguments = parser.parse_args()
    frame = pd.read_parquet(arguments.data)
    frame = frame.sample(min(arguments.pairs, len(frame)), random_state=1)
    base, cards, place = resolve_base(arguments.base), load_cards(), Placement.choose("cpu", "float32")
    print(f"| variant | Spearman × 100, {len(frame)} pairs | CPU-s |\n| --- | ---: | ---: |")
    for asked in arguments.variants:
        name, _, changes = asked.partition("@")
        recipe = get_card(name, cards).recipe_on(base.recipes_of)
        if recipe.stages:
            raise SystemExit(f"{name} is trained; this script reads untrained variants only")
        fields = dict(
            read_yaml(each.replace("=", ": ", 1), where=asked).popitem() for each in changes.split(",") if each
        )
        recipe = parse_recipe({**recipe.model_dump(), **fields})
        encoder = build_encoder(base.folder, recipe, seed=0, place=place, name=name, revision="")
        began = time.process_time()
        left, right = (encoder.encode(frame[column].tolist()) for column in ("sentence1", "sentence2"))
        cosine = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
        score, seconds = 100 * spearmanr(cosine, frame["score"])[0], time.process_time() - began
        print(f"| {asked} | {score:.1f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
