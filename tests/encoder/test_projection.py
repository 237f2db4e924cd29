"""Vectors at another width: one map for texts and words, the same everywhere, and nothing else of a system changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer

from harness.cards import get_card, load_cards
from harness.errors import HarnessError
from harness.projection import SEED, projection
from harness.recipes import Recipe
from tests.encoder import test_rereading
from tests.encoder.test_engine import TEXTS, build

WIDE, NARROW = 16, 6
PINNED = (-0.833955, -0.322573, -0.091106)  # the beginning of projection(16, 6)
SPANS = [(0, len(text.split()[0])) for text in TEXTS]


def by_hand(wide: int, narrow: int) -> np.ndarray:
    """The same by another way: Gram and Schmidt on the columns of the draw, each then as long as the square root."""
    columns = list(np.random.RandomState([SEED, wide, narrow]).standard_normal((wide, narrow)).T)
    done: list[np.ndarray] = []
    for column in columns:
        for before in done:
            column = column - (column @ before) * before
        done.append(column / np.linalg.norm(column))
    return np.sqrt(wide / narrow) * np.array(done).T


@pytest.mark.parametrize(("wide", "narrow"), [(16, 6), (16, 16), (256, 64), (5, 1)])
def test_the_map_is_what_its_words_say(wide: int, narrow: int) -> None:
    found = projection(wide, narrow)
    np.testing.assert_allclose(found, by_hand(wide, narrow), atol=1e-5)
    np.testing.assert_allclose(found.T @ found, np.eye(narrow) * wide / narrow, atol=1e-4)
    assert not np.array_equal(projection(wide + 1, narrow)[:wide], found)


def test_the_map_is_the_same_in_every_process_and_version() -> None:
    code = "import sys; from harness.projection import projection; sys.stdout.buffer.write(projection(16, 6).tobytes())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert other == projection(16, 6).tobytes()
    # What was stored was read through these numbers.
    np.testing.assert_allclose(projection(16, 6)[0, :3], PINNED, atol=1e-6)


def test_inner_products_are_kept_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 16)) + 0.7
    found = []
    for seed in range(1000):
        monkeypatch.setattr("harness.projection.SEED", seed)
        projection.cache_clear()
        found.append((first @ projection(16, 6)) @ (second @ projection(16, 6)))
    projection.cache_clear()
    assert np.mean(found) == pytest.approx(first @ second, abs=4 * np.std(found) / np.sqrt(len(found)))


@pytest.mark.parametrize("recipe", [{}, {"attention": "causal", "pooling": "lasttoken"}, {"template": "a dog {text}"}])
def test_texts_and_words_go_through_one_map(tiny_base: Path, recipe: dict[str, str]) -> None:
    plain, encoder = build(tiny_base, **recipe), build(tiny_base, width=NARROW, **recipe)
    through = by_hand(WIDE, NARROW)
    np.testing.assert_allclose(encoder.encode(TEXTS), plain.encode(TEXTS) @ through, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=3), plain.encode(TEXTS) @ through, atol=1e-5)
    np.testing.assert_allclose(encoder.by_layer(TEXTS), plain.by_layer(TEXTS) @ through, atol=1e-5)
    words = encoder.word_vectors(TEXTS, SPANS)
    assert words.shape == (3, len(TEXTS), NARROW)
    np.testing.assert_allclose(words, plain.word_vectors(TEXTS, SPANS) @ through, atol=1e-5)
    for_mteb = encoder.for_mteb()
    np.testing.assert_allclose(for_mteb.encode([{"text": TEXTS}]), plain.encode(TEXTS) @ through, atol=1e-5)
    assert for_mteb.mteb_model_meta.embed_dim == NARROW


def test_the_model_inside_is_the_same(tiny_base: Path) -> None:
    plain, encoder = build(tiny_base), build(tiny_base, width=NARROW)
    weights = plain.backbone.state_dict()
    assert all(torch.equal(weights[name], found) for name, found in encoder.backbone.state_dict().items())
    assert encoder.prove().to_dict() == plain.prove().to_dict()


def test_at_equal_width_it_is_a_rotation(tiny_base: Path) -> None:
    plain, turned = build(tiny_base).encode(TEXTS), build(tiny_base, width=WIDE).encode(TEXTS)
    assert np.abs(turned - plain).max() > 0.1
    np.testing.assert_allclose(turned @ turned.T, plain @ plain.T, atol=1e-5)


def test_a_saved_folder_gives_the_same_in_plain_sentence_transformers(tiny_base: Path) -> None:
    encoder = build(tiny_base, width=NARROW)
    assert encoder.recipe.not_plain == ""
    assert encoder.recipe.pooled_words.endswith("mapped to 6 numbers by a fixed random projection")
    encoder.save(Path("saved"))
    plain = SentenceTransformer("saved", device="cpu")
    assert plain.get_embedding_dimension() == NARROW
    np.testing.assert_allclose(plain.encode(TEXTS, show_progress_bar=False), encoder.encode(TEXTS), atol=1e-6)


def test_a_cure_reads_at_the_systems_own_width() -> None:
    plain, encoder = test_rereading.build(reread="extract"), test_rereading.build(reread="extract", width=2)
    texts = test_rereading.TEXTS
    assert encoder.as_read(texts) == plain.as_read(texts)
    assert encoder.encode(texts).shape == (len(texts), 2)
    assert test_rereading.build(reread="score-and-drop", width=2).as_read(texts[:2]) is not None


def test_what_is_asked_of_the_model_inside_is_refused() -> None:
    encoder = test_rereading.build(width=8)
    for ask in (
        encoder.language_model,
        lambda: encoder.token_states(torch.ones(1, 4, dtype=torch.long)),
        lambda: encoder.attention_received([1, 2, 3]),
    ):
        with pytest.raises(HarnessError, match=r"maps its vectors to 8 numbers .* of the variant without `width`"):
            ask()


def test_widths_that_there_are_not(tiny_base: Path) -> None:
    with pytest.raises(HarnessError, match="vectors of 16 numbers cannot be read at width 17; take 16 or less"):
        build(tiny_base, width=17)
    for wrong in (0, -1, 2.0, "8", True):
        with pytest.raises(ValidationError, match="width"):
            Recipe(attention="causal", width=wrong)
    with pytest.raises(HarnessError, match="`width`"):
        get_card("causal@width=many", load_cards())


def test_a_recipe_without_a_width_is_what_it_was() -> None:
    assert "width" not in Recipe(attention="causal").model_dump()
    assert get_card("causal@width=8", load_cards()).recipe.as_trained() == load_cards()["causal"].recipe
