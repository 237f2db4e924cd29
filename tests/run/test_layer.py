"""The layer that a card leaves to a dev set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.run.layer import choose_layer
from harness.store import Store
from harness.suites.dev import DevPairs, check_dev_task, dev_pairs
from harness.suites.mini import TASKS
from tests.cli.conftest import Run, harness  # noqa: F401  (a fixture)
from tests.conftest import TINY_WORDS
from tests.encoder.test_engine import build

FIRST = tuple(" ".join(TINY_WORDS[start : start + 4]) for start in range(8))
SECOND = tuple(" ".join(TINY_WORDS[start + 2 : start + 5]) for start in range(8))


@pytest.mark.parametrize("template", [None, "{text} again {text}", ("a {text}", "the {text}")])
def test_each_layer_is_what_a_card_with_its_number_reads(tiny_base: Path, template: str | None) -> None:
    found = build(tiny_base, template=template).by_layer(FIRST)
    assert len(found) == 3
    for layer, of_layer in enumerate(found):
        np.testing.assert_allclose(of_layer, build(tiny_base, template=template, layer=layer).encode(FIRST), atol=1e-6)


@pytest.mark.parametrize("planted", [0, 1, 2])
def test_the_layer_that_agrees_best_is_read(tiny_base: Path, planted: int) -> None:
    one, other = (build(tiny_base, layer=planted).encode(side) for side in (FIRST, SECOND))
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    pairs = DevPairs(task="T", split="dev split", first=FIRST, second=SECOND, gold=np.sum(one * other, axis=1) / norms)
    encoder = build(tiny_base, layer="T")
    with pytest.raises(HarnessError, match="has no layer yet: T chooses it"):
        encoder.encode(FIRST)
    said = choose_layer(encoder, pairs)
    assert said.startswith(f"{planted} of 0 to 2, by the dev split of T (8 pairs): Spearman × 100 by layer ")
    assert said.split()[-3:][planted] == "100.0"
    np.testing.assert_array_equal(encoder.encode(FIRST), one)


def test_dev_pairs_are_no_test_pairs() -> None:
    pairs = dev_pairs("MiniSTS")
    assert len(pairs.first) == len(pairs.second) == len(pairs.gold) == 1963  # of 2000
    (task,) = (each for each in TASKS if each.name == "MiniSTS")
    test = task.make()
    test.load_data()
    rows = test.dataset["default"]["test"]
    chosen, tested = (
        {frozenset(pair) for pair in zip(*sides, strict=True)}
        for sides in ((pairs.first, pairs.second), (rows["sentence1"], rows["sentence2"]))
    )
    assert not chosen & tested


def test_what_cannot_choose_a_layer() -> None:
    with pytest.raises(HarnessError, match="there is no task 'STSBenchmrk'; did you mean STSBenchmark"):
        check_dev_task("STSBenchmrk")
    with pytest.raises(HarnessError, match="Banking77Classification is of type Classification; name a similarity task"):
        dev_pairs("Banking77Classification")


@pytest.mark.slow
def test_a_system_whose_layer_was_chosen(harness: Run) -> None:  # noqa: F811
    code, out, err = harness("run", "--variant", "causal@layer=MiniSTS", "--tasks", "MiniSTS", "--json")
    assert code == 0, err
    [note] = [line for line in err.splitlines() if "reads layer" in line]
    layer = note.partition("reads layer ")[2].split()[0]
    assert harness("run", "--variant", f"causal@layer={layer}", "--tasks", "MiniSTS")[0] == 0
    store = Store(Path("results.duckdb"), read_only=True)
    scores = {row["variant"]: row["score"] for row in store.scores().to_dict("records")}
    assert scores["causal@layer=MiniSTS"] == scores[f"causal@layer={layer}"] != scores["causal"]
    kept = [run.provenance.opening for run in store.runs() if run.provenance.opening]
    assert any(each.get("layer", "").startswith(f"{layer} of 0 to 4, by the dev draw of MiniSTS") for each in kept)
    assert json.loads(out)
