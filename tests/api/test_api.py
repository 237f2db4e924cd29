"""The names for Python users: their surface, what they return, and what they refuse."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness
from harness import HarnessError, Store, api
from harness.compare import current_entries
from tests.cli.test_cli import call
from tests.factory import TASKS, ladder_store, outcomes_of, result_of

SURFACE = {
    "HarnessError": "",
    "Store": "path, *, wait_s=60.0, read_only=False, on_wait=None",
    "add_outcomes": "store, outcomes, *, system, task, metric, base='', seed=None, version='1', split='test', "
    "subset='default', revision='1', task_type='Own'",
    "compare_bases": "store, axis=None, *, bases=(), width=None, tasks=None, dtype=None, device=None",
    "compare_variants": "store, variant, against, *, base='mini', tasks=None, dtype=None, device=None, looks=()",
    "describe": "comparison",
    "export_system": "store, system, out, *, seed=None, base=None, cache=None",
    "measure": "system, tasks=None, *, suite='mini', text=None, languages=(), subsets=(), data_dir=None, store=None",
    "open_model": "name, *, device='auto', dtype='auto', listener=None",
    "open_system": "variant, *, base='mini', seed=0, data=None, device='auto', dtype='auto', cache=None, listener=None",
    "rank_variants": "store, *, base='mini', suite=None, tasks=None, dtype=None, device=None",
    "run_variants": "store, variants=(), *, models=(), base='mini', suite='mini', tasks=None, seeds=(0,), data=None, "
    "languages=(), subsets=(), data_dir=None, device='auto', dtype='auto', force=False, strict=False, "
    "shard=None, engine='local', address=None, cell=None, cache=None, command='harness.run_variants', screen=None",
    "write_site": "store, out, *, progress=None, beside=False, url=''",
}
FAST = TASKS[1]  # MiniNorms: 120 scores


def _signature(name: str) -> str:
    made = getattr(harness, name)
    if name == "HarnessError":
        return ""
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in inspect.signature(made).parameters.values()]
    return str(inspect.Signature(plain))[1:-1]


def test_the_surface_is_frozen() -> None:
    """A name or an argument that comes or goes is a decision, made here too."""
    assert {name: _signature(name) for name in harness.__all__} == SURFACE
    assert list(harness.__all__) == sorted(harness.__all__)
    assert set(harness.__all__) <= set(dir(harness))


def test_every_function_of_the_room_is_public_typed_and_documented() -> None:
    own = {
        name: each for name, each in vars(api).items() if str(getattr(each, "__module__", "")).startswith(api.__name__)
    }
    functions = {name: each for name, each in own.items() if name[0] != "_"}
    assert set(functions) == set(harness.__all__) - {"HarnessError", "Store"}
    for name, function in functions.items():
        assert function.__annotations__.keys() == {*inspect.signature(function).parameters, "return"}, name
        said = inspect.getdoc(function) or ""
        assert name == "describe" or "Raises HarnessError" in said or "Raises ProofError" in said, name
        assert "Example: " in said or ">>> " in said, name


def test_importing_the_package_is_light() -> None:
    heavy = ("torch", "mteb", "transformers", "pandas", "duckdb", "numpy")
    program = f"import sys, harness; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'open_sistem'"):
        harness.open_sistem  # noqa: B018


def own(system: str, skill: float, store: Store, **options: object) -> float:
    rows = outcomes_of(FAST, skill=skill, seed=system)[["example_id", "gold_score", "predicted_score"]]
    asked = {"task": FAST.name, "metric": FAST.metric, "revision": "r1", **options}
    return harness.add_outcomes(store, rows, system=system, **asked).score


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return ladder_store(tmp_path / "results.duckdb")


@pytest.mark.slow
def test_own_outcomes_are_compared_ranked_and_shown(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that was measured elsewhere stands in comparisons, ranks, lists and pages as a reference model."""
    score = own("own-model", 0.9, store)
    assert score == result_of(FAST, skill=0.9, seed="own-model").score
    comparison = harness.compare_variants(store, "own-model", "causal", tasks=FAST.name)
    [task] = comparison.tasks
    assert (task.score, task.verdict) == (score, "better")
    said = harness.describe(comparison)
    assert "own-model is better than causal" in said.splitlines()[0]
    ranks = harness.rank_variants(store, tasks=FAST.name)
    assert ranks.tasks[0].places[0].variant == "own-model"
    assert ranks.references == ("own-model",)
    [run] = [run for run in store.runs() if run.suite == "own"]
    for words in (("ls", "systems"), ("show", run.run_id), ("verify",), ("rank",), ("compare", "own-model", "causal")):
        assert call(*words, "--db", str(store.path), monkeypatch=monkeypatch) == 0, words
    shown = capsys.readouterr().out
    assert "outcomes that were made elsewhere" in shown
    assert "SHA-256" not in shown
    page = harness.write_site(store, tmp_path / "site")
    assert "own-model" in page.read_text("utf-8")


@pytest.mark.slow
def test_own_outcomes_of_a_variant_have_seeds_and_no_rank(store: Store) -> None:
    for seed in (0, 1):
        own("own-variant", 0.9, store, base="mini", seed=seed)
    [task] = harness.compare_variants(store, "own-variant", "bidir-mntp", tasks=[FAST.name]).tasks
    assert task.n_seeds == 2
    assert "mask proof" in harness.rank_variants(store, tasks=FAST.name).unranked["own-variant"]


@pytest.mark.slow
def test_the_newest_version_of_an_own_system_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")
    scores = [own("own", skill, store, version=version) for version, skill in (("1", 0.4), ("1", 0.6), ("2", 0.9))]
    assert len(set(scores)) == 3
    [entry] = current_entries(store)
    assert [system.card_hash for system in entry.systems] == ["2"]
    assert list(store.scores(current=False)["score"]) == scores


ROWS = {"example_id": ["a", "b", "c"], "gold_label": ["x", "y", "x"], "predicted_label": ["x", "y", "y"]}
SCORES = {"example_id": ["a", "b", "c"], "gold_score": [1.0, 2.0, 3.0], "predicted_score": [0.1, 0.4, 0.2]}


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        (ROWS | {"gold": [1, 2, 3]}, {}, "no column 'gold'; did you mean gold_score or gold_label"),
        ({"gold_label": ["x"], "predicted_label": ["x"]}, {}, "need the column example_id"),
        (ROWS | {"example_id": ["a", "b", "a"]}, {}, "'a' occurs twice"),
        (ROWS | {"example_id": ["a", None, "c"]}, {}, "no example_id"),
        (ROWS | {"predicted_label": ["x", None, "y"]}, {}, "a gold label but no predicted label"),
        (ROWS | {"trial": ["first", "first", "first"]}, {}, "cannot hold"),
        (ROWS, {"metric": "acuracy"}, "did you mean accuracy"),
        (ROWS, {"metric": "spearman"}, "spearman needs the columns gold_score and predicted_score"),
        (SCORES, {}, "accuracy needs the columns gold_label and predicted_label"),
        (SCORES | {"predicted_score": [0.1, np.nan, 0.2]}, {"metric": "spearman"}, "not a finite number"),
        (SCORES | {"predicted_score": [0.1, 0.1, 0.1]}, {"metric": "spearman"}, "constant"),
        ({name: [] for name in ROWS}, {}, "no outcomes"),
        (ROWS, {"system": "causal", "base": "mini"}, "a measured system 'causal'"),
    ],
)
def test_wrong_outcomes_are_refused_and_nothing_is_stored(
    store: Store, rows: dict[str, list[object]], options: dict[str, str], sentence: str
) -> None:
    before = (len(store.systems()), len(store.runs()), len(store.scores(current=False)))
    wanted = {"system": "own", "task": "MyTask", "metric": "accuracy", **options}
    with pytest.raises(HarnessError, match=sentence):
        harness.add_outcomes(store, pd.DataFrame(rows), **wanted)
    assert (len(store.systems()), len(store.runs()), len(store.scores(current=False))) == before


def test_outcomes_may_have_any_index(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, index=[7, 8, 9])
    store = Store(tmp_path / "results.duckdb")
    assert harness.add_outcomes(store, frame, system="own", task="T", metric="accuracy").score == pytest.approx(2 / 3)


@pytest.mark.slow
def test_what_is_measured_is_returned_and_stored_only_if_asked(tiny_base: Path, tmp_path: Path) -> None:
    """`measure` gives what `run_variants` stores; a run after it finds nothing left to measure."""
    store = Store(tmp_path / "results.duckdb")
    system = harness.open_system("bidir", base=str(tiny_base), device="cpu", cache=tmp_path / "cache")
    vectors = system.encoder.encode(["a red cat", "the old man saw her"])
    assert (vectors.shape, vectors.dtype) == ((2, 16), np.float32)
    [result] = harness.measure(system, "MiniAnimacyBefore")
    assert result.outcomes["example_id"].nunique() == 1100
    assert not store.path.exists()
    harness.measure(system, ["MiniAnimacyBefore"], store=store)
    [row] = store.scores().to_dict("records")
    assert (row["variant"], row["score"]) == ("bidir", result.score)
    assert store.runs()[0].proven
    assert store.runs()[0].finished_at
    plan = harness.run_variants(
        store, "bidir", base=str(tiny_base), tasks="MiniAnimacyBefore", device="cpu", cache=tmp_path / "cache"
    )
    missing = {job.record.variant: len(job.missing) for job in plan.jobs if job.record.kind == "variant"}
    assert missing == {"causal": 1, "bidir": 0}
    assert set(store.scores()["variant"]) >= {"causal", "bidir"}


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: harness.open_system("bidri"), "did you mean bidir"),
        (lambda: harness.open_model("./nowhere"), "no model './nowhere'"),
        (lambda: harness.run_variants(Store("new.duckdb"), "causal", tasks="MiniST"), "did you mean MiniSTS"),
        (lambda: harness.compare_variants(Store("none.duckdb"), "bidir", "causal"), "there is no database"),
        (lambda: harness.rank_variants(Store("none.duckdb")), "there is no database"),
        (lambda: harness.export_system(Store("none.duckdb"), "bidir", "out"), "there is no database"),
        (lambda: harness.write_site(Store("none.duckdb"), "site"), "there is no database"),
    ],
)
def test_bad_input_is_one_sentence(ask, sentence: str) -> None:
    with pytest.raises(HarnessError, match=sentence):
        ask()
