"""`harness run --suite retention` from the plan to the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.encoder.placement import Placement
from harness.errors import HarnessError, ProofError
from harness.paths import cache_folder
from harness.run.loop import execute
from harness.run.plan import RunRequest, plan_run
from harness.store import Store
from harness.suites.retention import SUITE
from tests.run.kit import Ear
from tests.suites.retention.test_tasks import DOCUMENTS

PLACE = Placement(device="cpu", dtype="float32")


def request(base: Path, text: str | None, **more) -> RunRequest:
    data = () if text is None else (("retention", text),)
    return RunRequest(base=str(base), variants=("bidir",), data=data, **{"suite": "retention", **more})


def go(wanted: RunRequest, store: Store) -> Ear:
    ear = Ear()
    execute(plan_run(wanted, store, place=PLACE, cache=cache_folder()), store, ear, command="test")
    return ear


@pytest.fixture
def store() -> Store:
    Path("own.txt").write_text("\n\n".join(DOCUMENTS))
    return Store(Path("results.duckdb"))


@pytest.mark.slow
def test_untrained_variants_lose_nothing_and_another_text_is_another_measurement(tiny_base: Path, store: Store) -> None:
    few = ("RetentionBits", "RetentionAdaptersOff", "RetentionRepeatsSampled")
    assert set(few) < set(SUITE.names)
    ear = go(request(tiny_base, "own.txt", tasks=few), store)
    assert ear.results == [(variant, task) for variant in ("causal", "bidir") for task in few]
    assert all(check.ok for check in store.verify())
    scores = store.scores().pivot(index="task", columns="variant", values="score")
    assert (scores["causal"] == scores["bidir"]).all()
    assert scores.loc["RetentionAdaptersOff", "bidir"] == 0.0
    assert set(store.scores()["subset"]) == {"own"}
    assert plan_run(request(tiny_base, "own.txt", tasks=few), store, place=PLACE, cache=cache_folder()).idle
    Path("own.txt").write_text("\n\n".join(DOCUMENTS[:3]))
    assert not plan_run(request(tiny_base, "own.txt", tasks=few), store, place=PLACE, cache=cache_folder()).idle


def test_a_text_is_asked_for_and_never_ignored(tiny_base: Path, store: Store) -> None:
    for wanted, sentence in (
        (request(tiny_base, None), "give --data retention=FILE"),
        (request(tiny_base, "absent.txt"), "neither `mini`, `wikitext-2`, nor a file"),
        (request(tiny_base, "own.txt", suite="mini", tasks=("MiniSTS",)), "add --suite retention"),
    ):
        with pytest.raises(HarnessError, match=sentence):
            plan_run(wanted, store, place=PLACE, cache=cache_folder())
    mixed = plan_run(
        request(tiny_base, "own.txt", tasks=("RetentionBits", "MiniSTS")), store, place=PLACE, cache=cache_folder()
    )
    assert (mixed.suite.name, mixed.suite.names) == ("tasks", ("RetentionBits", "MiniSTS"))


@pytest.mark.slow
def test_a_base_that_is_not_given_back_is_a_failed_proof(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.encoder import language_model

    plain = language_model.load_causal

    def moved(folder, **options):
        model = plain(folder, **options)
        model.base_model.norm.weight.data[0] += 1e-3
        return model

    monkeypatch.setattr(language_model, "load_causal", moved)
    asked = request(tiny_base, "own.txt", tasks=("RetentionBits", "RetentionAdaptersOff"))
    failed = execute(plan_run(asked, store, place=PLACE, cache=cache_folder()), store, Ear(), command="test")
    assert {type(each.error) for each in failed} == {ProofError}
    assert all("differs from the base" in str(each.error) for each in failed)
    assert set(store.scores()["task"]) == {"RetentionBits"}
