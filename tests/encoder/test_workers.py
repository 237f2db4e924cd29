"""Passes side by side: the same numbers in the same order, threads shared and given back, errors passed on."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.encoder import placement, reader
from harness.encoder.model import build_encoder
from harness.encoder.placement import Placement
from harness.encoder.workers import passes_held, side_by_side
from harness.recipes import Recipe

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran"]
TEXTS = [" ".join(WORDS[: 1 + row % 9]) + " dog" * (row % 7) for row in range(60)]


def test_results_come_in_the_order_of_the_plan_and_no_more_is_begun_than_is_held() -> None:
    begun: list[int] = []
    first_may_end = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            first_may_end.wait(timeout=10)
        return item * item

    with closing(side_by_side(work, range(20), workers=2)) as results:
        threading.Timer(0.2, first_may_end.set).start()
        assert next(results) == 0
        assert set(begun) <= set(range(passes_held(2)))
        assert list(results) == [item * item for item in range(1, 20)]
    assert sorted(begun) == list(range(20))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_ends_it_and_torch_has_its_threads_back(workers: int) -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return torch.get_num_threads()

    before = torch.get_num_threads()
    torch.set_num_threads(6)
    try:
        with closing(side_by_side(work, range(9), workers=workers)) as results:
            assert [next(results), next(results)] == [6 // workers] * 2
            with pytest.raises(ValueError, match="two"):
                next(results)
        assert torch.get_num_threads() == 6
        with closing(side_by_side(work, range(2), workers=workers)) as results:
            next(results)
        assert torch.get_num_threads() == 6
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")  # with more, one pass alone would have them all
def test_embeddings_and_word_vectors_are_the_same_side_by_side(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(attention="bidirectional", max_length=64)
    place = Placement(device="cpu", dtype="float32")
    encoder = build_encoder(tiny_base, recipe, seed=None, place=place, name="tiny", revision="1")
    spans = [(0, 3)] * len(TEXTS)
    seen: list[set[int]] = []

    def read(workers: int) -> tuple[np.ndarray, np.ndarray]:
        monkeypatch.setattr(encoder.reader, "workers", workers)
        used: set[int] = set()
        plain = encoder.backbone.forward

        def forward(*arguments: object, **options: object) -> object:
            used.add(threading.get_ident())
            return plain(*arguments, **options)

        encoder.reader._budgets = {layers: reader.TokenBudget(40) for layers in (False, True)}
        with monkeypatch.context() as patch:
            patch.setattr(encoder.backbone, "forward", forward)
            found = encoder.encode(TEXTS), encoder.word_vectors(TEXTS, spans)
        seen.append(used)
        return found

    alone, beside = read(1), read(3)
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one, other)
    assert seen[0] == {threading.get_ident()}
    assert seen[1]
    assert threading.get_ident() not in seen[1]


def test_as_many_workers_as_cores_or_as_the_user_gave_torch_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_THREADS", "auto")
    monkeypatch.setattr(placement.os, "sched_getaffinity", lambda process: set(range(5)), raising=False)
    assert Placement.choose("cpu").workers == 5
    monkeypatch.delenv("HARNESS_THREADS")
    assert Placement.choose("cpu").workers == torch.get_num_threads()
