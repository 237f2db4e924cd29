"""Systems that are called alike: each has a row, a rank and a name of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.bases import resolve_base
from harness.cli import options
from harness.compare import compare, current_entries, rank
from harness.compare.entries import find_base, find_entry
from harness.errors import HarnessError
from harness.interchange.chosen import choose
from harness.interchange.mteb_files import write_mteb
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, FakeTask, add_system

STS = FakeTask("STSBenchmark", "spearman", 40)


@pytest.fixture
def store() -> Store:
    return Store(Path("results.duckdb"))


def model(store: Store, name: str, at: str, *, skill: float = 0.5, commit: str | None = None) -> None:
    recipe = {} if commit is None else {"hub_commit": commit}
    add_system(
        store, name, base="", kind="reference", base_revision=at * 64, proof=None, tasks=[STS], skill=skill,
        recipe=recipe, folder=f"/data/{at}/{name}",
    )  # fmt: skip


def scores(store: Store) -> dict[str, float]:
    rows = store.scores().set_index("system_id")["score"]
    return {entry.variant: rows[entry.systems[0].system_id] for entry in current_entries(store)}


@pytest.mark.slow
def test_folders_of_one_name_and_revisions_of_one_id(store: Store) -> None:
    with store.together():
        model(store, "final", "a", skill=0.3)
        model(store, "final", "b", skill=0.9)
        model(store, "org/enc", "c", commit="1" * 40)
        model(store, "org/enc", "d", commit="1" * 8 + "2" * 32)
        model(store, "alone", "e")
    assert set(scores(store)) == {"a/final", "b/final", "org/enc@11111111" + "1", "org/enc@11111111" + "2", "alone"}
    assert scores(store)["a/final"] < scores(store)["b/final"]
    [task] = rank(store, base="mini", resamples=200).tasks
    assert {place.variant: place.score for place in task.places} == scores(store)
    with pytest.raises(HarnessError, match="2 reference models are called 'final'; name a/final or b/final"):
        find_entry(current_entries(store), base="mini", variant="final")
    site = build_site(store, Path("site"), resamples=200).parent
    shown = (site / "index.html").read_text()
    assert all(name in shown for name in scores(store))
    assert len(list((site / "systems").glob("*.html"))) == 5
    written = write_mteb(store, choose(store), out=Path("mteb"))
    assert len(list(written.glob("results/*"))) == 5


def test_a_reference_that_is_called_as_a_variant_does_not_take_its_row(store: Store) -> None:
    with store.together():
        add_system(store, "causal", skill=0.3, tasks=[STS])
        add_system(store, "bidir", skill=0.4, tasks=[STS])
        model(store, "causal", "a", skill=0.9)
    places = {place.variant: place.score for place in rank(store, base="mini", resamples=200).tasks[0].places}
    assert set(places) == {"causal", "bidir", "a/causal"}
    assert places["a/causal"] > places["causal"]
    found = compare(store, base="mini", variant="bidir", against="causal", resamples=200)
    assert found.against.kind == "variant"
    assert found.tasks[0].score_against == places["causal"]


@pytest.mark.slow
def test_two_bases_of_one_name_are_not_mixed(store: Store) -> None:
    first, second = "a" * 64, "a" * 9 + "b" * 55
    with store.together():
        for variant, revision in (("causal", first), ("bidir", first), ("bidir", second), ("causal", second)):
            skill = 0.3 if revision == first else 0.8
            add_system(store, variant, base="ckpt", base_revision=revision, skill=skill, tasks=TASKS[:1])
    entries = current_entries(store)
    bases = {"ckpt@aaaaaaaaaa", "ckpt@aaaaaaaaab"}
    assert {entry.base for entry in entries} == bases
    assert find_base(entries, "ckpt") == "ckpt@aaaaaaaaab"  # the newest that was measured
    assert find_base(entries, "ckpt", revision=first) == "ckpt@aaaaaaaaaa"
    for base in bases:
        found = compare(store, base=base, variant="bidir", against="causal", resamples=200)
        assert {system.base_revision for each in (found.variant, found.against) for system in each.systems} == {
            first if base == "ckpt@aaaaaaaaaa" else second
        }
        places = rank(store, base=base, resamples=200).tasks[0].places
        assert {place.variant for place in places} == {"causal", "bidir"}
        assert all((place.score > 0.6) == (base == "ckpt@aaaaaaaaab") for place in places)
    assert rank(store, base="ckpt", resamples=200) == rank(store, base="ckpt@aaaaaaaaab", resamples=200)
    written = build_site(store, Path("site"), resamples=200).parent
    assert len(list((written / "systems").glob("*.html"))) == 4


def test_a_folder_is_the_base_of_its_revision(store: Store, tmp_path: Path) -> None:
    """`--base` takes a folder where results are read, and the name of a base of the database where they are made."""
    folder = resolve_base("mini").folder
    copied = Path(shutil.copytree(folder, tmp_path / "mine"))
    revision = resolve_base(str(copied)).revision
    add_system(store, "causal", base="other", base_revision="f" * 64, tasks=[])
    for base in ("other", "mine"):
        held = {"base_revision": revision, "folder": str(copied)} if base == "mine" else {}
        add_system(store, "bidir", base=base, tasks=[FakeTask("T", "spearman", 20)], **held)
    entries = current_entries(store)
    assert find_base(entries, f"{copied}/") == "mine"
    assert find_base(entries, "mine@" + revision[:9]) == "mine"
    assert options.base_at("mine", store.path) == str(copied)
    for name in ("mini", "org/mine", "nobody"):
        assert options.base_at(name, store.path) == name
    (copied / "config.json").write_text((copied / "config.json").read_text() + "\n")
    assert find_base(entries, str(copied)) == str(copied), "it was changed, so the results are not of it"
