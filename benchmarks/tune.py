"""Which values of a stage's fields are good on a base? Each is trained and scored on dev pairs.

These are the dev split of STSBenchmark, and for `mini` the dev draw of MiniSTS.

    python benchmarks/tune.py --base smollm2-135m --variant causal --variant causal-supcon \
        --data supcon=triplets.parquet --set supcon.learning_rate=2e-4,5e-4 --set supcon.steps=30 --pairs 300

A field with several values is tried with each, several such fields with every combination; the rest is as in the
card. A stage that several trials share is trained once. The score is Spearman's correlation × 100 of the cosines with
the gold scores, on the first `--pairs` of a fixed order of the dev pairs (0: all). The difference from the first
row has its standard error over pairs (bootstrap). A test split is never read.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from machine import described
from scipy.stats import spearmanr

from harness.bases import EMBEDDED, resolve_base
from harness.cards import Card, get_card, load_cards
from harness.cli.options import stage_data
from harness.cli.screen import prepare
from harness.encoder.placement import Placement
from harness.paths import cache_folder
from harness.run.open import open_system
from harness.run.systems import plan_systems
from harness.suites.dev import dev_pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="mini")
    parser.add_argument("--variant", action="append", required=True)
    parser.add_argument("--data", action="append", metavar="STAGE=SOURCE")
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.FIELD=VALUE[,VALUE…]", dest="fields")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    prepare()
    base, place = resolve_base(asked.base), Placement.choose()
    pairs = dev_pairs("MiniSTS" if base.recipes_of == EMBEDDED else "STSBenchmark")
    order = np.random.default_rng(0).permutation(len(pairs.gold))[: asked.pairs or len(pairs.gold)]
    first, second = ([side[row] for row in order] for side in (pairs.first, pairs.second))
    gold = pairs.gold[order]
    print(f"{base.name}, {len(gold)} dev pairs, seed {asked.seed}, {place.dtype}; {described(place.device)}\n")
    print("| variant | fields | dev | from the first | CPU seconds | last loss |")
    print("| --- | --- | ---: | ---: | ---: | ---: |", flush=True)
    start: np.ndarray | None = None
    cards = load_cards()
    seen: set[str] = set()
    for name, trial in itertools.product(asked.variant, trials(asked.fields)):
        card = changed(get_card(name, cards).with_data(stage_data(asked.data), base.recipes_of), base.recipes_of, trial)
        (planned,) = plan_systems(base, [card], [asked.seed])
        if planned.recipe.digest in seen:  # a variant without the stage whose fields are tried
            continue
        seen.add(planned.recipe.digest)
        began = time.process_time()
        opened = open_system(planned, place=place, cache=cache_folder())
        spent = time.process_time() - began
        cosines = np.sum(unit(opened.encoder.encode(first)) * unit(opened.encoder.encode(second)), axis=1)
        start = cosines if start is None else start
        stages = opened.evidence.stages
        loss = f"{stages[-1][0].losses[-1][1]:.3g}" if stages else ""
        kinds = {stage.kind for stage in card.recipe.stages}
        written = " ".join(f"{key}={value}" for key, value in trial.items() if key.partition(".")[0] in kinds)
        print(
            f"| {name} | {written} | {100 * spearman(gold, cosines):.1f} | {difference(gold, cosines, start)} "
            f"| {spent:.0f} | {loss} |",
            flush=True,
        )


def trials(fields: list[str]) -> Iterator[dict[str, Any]]:
    """STAGE.FIELD=VALUE,VALUE … ─▶ every combination of the values."""
    named = [field.partition("=") for field in fields]
    values = [[value_of(word) for word in words.split(",")] for _, _, words in named]
    for chosen in itertools.product(*values):
        yield {name: value for (name, _, _), value in zip(named, chosen, strict=True)}


def value_of(word: str) -> Any:
    """A number, true or false, else the word itself."""
    try:
        return json.loads(word)
    except ValueError:
        return word


def changed(card: Card, base: str, trial: Mapping[str, Any]) -> Card:
    """The card with the fields of a trial on `base`; those of stages that it does not have are left out."""
    own: dict[str, Any] = {kind: dict(fields) for kind, fields in card.bases.get(base, {}).items()}
    for name, value in trial.items():
        kind, _, field = name.partition(".")
        if kind in {stage.kind for stage in card.recipe.stages}:
            own.setdefault(kind, {})[field] = value
    return card.model_copy(update={"bases": {**card.bases, base: own}})


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def spearman(gold: np.ndarray, cosines: np.ndarray) -> float:
    return float(spearmanr(gold, cosines).statistic)


def difference(gold: np.ndarray, cosines: np.ndarray, start: np.ndarray) -> str:
    """Points above the first row, with the standard error of a paired bootstrap; nothing in the first row itself."""
    if cosines is start:
        return ""
    draw = np.random.default_rng(0).integers(len(gold), size=(500, len(gold)))
    gains = [spearman(gold[rows], cosines[rows]) - spearman(gold[rows], start[rows]) for rows in draw]
    found = spearman(gold, cosines) - spearman(gold, start)
    return f"{100 * found:+.1f} ± {100 * float(np.std(gains, ddof=1)):.1f}"


if __name__ == "__main__":
    main()
