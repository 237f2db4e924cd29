"""The noise floor: two measurements of one system that are stored as such, and as nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.bases import resolve_base
from harness.cards import get_card, load_cards
from harness.encoder.model import Encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.noise import OTHER_BATCH, measure_noise
from harness.paths import cache_folder
from harness.run.open import open_system
from harness.run.systems import plan_systems
from harness.store import Store
from harness.suites.mteb import MtebTask
from harness.suites.words.data.examples import WordExample
from harness.suites.words.reading import read_set
from tests.suites.small import SmallSTS, add_suite

PLACE = Placement(device="cpu", dtype="float32")


@pytest.mark.slow
def test_two_measurements_and_no_result(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one is really computed otherwise, everything is put back, and no score comes of it."""
    seen: list[tuple[str, int | None]] = []

    class Spied(MtebTask):
        def run(self, encoder):
            seen.append((encoder.backbone.config._attn_implementation, encoder._batch_size))
            return super().run(encoder)

    add_suite(monkeypatch, Spied(name="SmallSTS", make=SmallSTS))
    store = Store(Path("results.duckdb"))
    options = {
        "suite": "mini",
        "tasks": ("SmallSTS",),
        "place": PLACE,
        "cache": cache_folder(),
        "note": lambda text: None,
    }
    [found] = measure_noise(store, base=str(tiny_base), variant="bidir", seed=0, **options)
    assert seen == [("sdpa", None), ("eager", OTHER_BATCH)]
    assert set(found.scores) == {"batches of a run, sdpa", f"batches of {OTHER_BATCH}, eager"}
    assert 0 <= found.floor < 1e-4
    assert store.noise_floors() == [found]
    assert store.scores().empty
    with pytest.raises(HarnessError, match=r"not trained yet \(mntp, supcon\); run it first"):
        measure_noise(store, base=str(tiny_base), variant="bidir-supcon", seed=0, **options)


def opened(base: Path) -> Encoder:
    [planned] = plan_systems(resolve_base(str(base)), [get_card("bidir", load_cards())], [0])
    return open_system(planned, place=PLACE, cache=cache_folder()).encoder


def test_computed_otherwise_moves_rounding_only(tiny_base: Path) -> None:
    encoder = opened(tiny_base)
    texts = [f"the {'very ' * i}small dog" for i in range(12)]
    usual = encoder.encode(texts)
    with encoder.computed_otherwise(batch_size=5, kernel="eager") as otherwise:
        other = otherwise.encode(texts)
        assert encoder.backbone.config._attn_implementation == "eager"
    assert encoder.backbone.config._attn_implementation == "sdpa"
    assert np.allclose(usual, other, atol=1e-5)
    assert not np.array_equal(usual, other)


def test_word_tasks_are_read_again_and_not_compared_with_themselves(tiny_base: Path) -> None:
    encoder = opened(tiny_base)
    texts = [f"the {'very ' * i}small dog" for i in range(12)]
    words = tuple(
        WordExample(example_id=text, texts=(text,), spans=((len(text) - 3, len(text)),), word="dog") for text in texts
    )
    usual = read_set(encoder, words, (0,)).at((0,)).vectors
    with encoder.computed_otherwise(batch_size=5, kernel="eager") as otherwise:
        other = read_set(otherwise, words, (0,)).at((0,)).vectors
    assert np.allclose(usual, other, atol=1e-5)
    assert not np.array_equal(usual, other)
