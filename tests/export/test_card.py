"""The model card: the store's values, and text that stays text whatever it is called."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from huggingface_hub import ModelCard

from harness.cards import read_card
from harness.errors import HarnessError, ProofError
from harness.export.card import model_card
from harness.export.choose import find_system, proven_runs
from harness.export.markdown import code, escape, quote
from harness.recipes import Recipe
from harness.records import Overlap
from harness.stage_record import StageManifest
from harness.store import Store
from tests.factory import TASKS, FakeTask, add_system
from tests.test_cards import write_card

HOSTILE = "ev|il`\n---\n# <script>alert(1)</script> [x](javascript:y) *b* ```\n: - {a: \"b'"
STAGES = {"kind": "mntp", "data": f"/home/somebody/{HOSTILE.replace('/', '')}.txt", "examples": 40, "steps": 2,
          "batch_size": 8, "max_length": 16, "learning_rate": 1e-3}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "r.duckdb")


def card_of(store: Store, name: str, **options) -> str:
    system = find_system(store, name, **options)
    scores = store.scores()
    scores = scores[scores["system_id"] == system.system_id]
    recipe = Recipe(attention="bidirectional")
    model = SimpleNamespace(get_embedding_dimension=lambda: 16, max_seq_length=64)
    encoder = SimpleNamespace(recipe=recipe, model=model)
    return model_card(store, system, proven_runs(store, system, scores), scores, encoder)  # type: ignore[arg-type]


def sections(text: str) -> dict[str, str]:
    """The body by its headings: what a hostile name must not add to."""
    parts = re.split(r"^## (.*)$", text.split("\n---\n", 1)[1], flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.slow
def test_the_model_index_is_the_stores_scores(store: Store, tmp_path: Path) -> None:
    add_system(store, "bidir", skill=0.6, tasks=TASKS[:3])
    add_system(store, "causal", skill=0.3, tasks=TASKS[:3])
    (tmp_path / "README.md").write_text(card_of(store, "mini/bidir"))
    loaded = ModelCard.load(tmp_path / "README.md")
    scores = store.scores()
    expected = scores[scores["variant"] == "bidir"].set_index("task")
    found = {each.dataset_name: each for each in loaded.data.eval_results}
    assert set(found) == {task.name for task in TASKS[:3]}
    for name, row in expected.iterrows():
        each = found[name]
        assert each.metric_value == row["score"]
        assert (each.metric_type, each.task_type) == (row["metric"], row["task_type"])
        assert (each.dataset_split, each.dataset_config, each.dataset_revision) == ("test", "default", "r1")
        assert f"| {name} |" in loaded.text
        assert f" {100 * row['score']:.2f} |" in loaded.text
    assert found["MiniSTS"].dataset_type == "harness/mini/MiniSTS"
    assert loaded.data.library_name == "sentence-transformers"
    assert loaded.data.pipeline_tag == "sentence-similarity"
    assert loaded.data.license == "apache-2.0"
    assert loaded.data.base_model is None


def test_a_base_of_the_hub_is_named_and_its_licence_kept(store: Store) -> None:
    add_system(store, "bidir", base="org/model", tasks=TASKS[:1])
    data = ModelCard(card_of(store, "org/model/bidir")).data
    assert (data.base_model, data.license) == ("org/model", "other")


@pytest.mark.slow
def test_lineage_data_curves_and_contamination(store: Store) -> None:
    hub = "hub:org/texts@" + "0" * 40 + "/train.parquet"
    add_system(store, "bidir-supcon", seed=1, tasks=TASKS[:2], lineage={"mntp": "b" * 64, "supcon": "a" * 64})
    store.add_stages([
        StageManifest(
            digest="a" * 64, kind="supcon", parent="b" * 64, recipe={"steps": 9, "batch_size": 4},
            losses=[[1, 3.0], [5, 2.0], [9, 1.25]], weights_sha256="9" * 64,
            data={"source": "snli.jsonl", "examples": 36, "fingerprint": "f" * 64}),
        StageManifest(digest="b" * 64, kind="mntp", version=2, data={"sources": [hub]}),
    ])  # fmt: skip
    store.add_overlaps([
        Overlap(stage="a" * 64, source="snli.jsonl", task=task, revision="r1", how="measured", n_texts=50, n_shared=5)
        for task in ("MiniSTS", "Other")
    ])  # fmt: skip
    text = card_of(store, "bidir-supcon")
    body = sections(text)
    assert body["Lineage"].index("| mntp |") < body["Lineage"].index("| supcon | snli.jsonl |")
    assert f"| {'f' * 64} | 36 | 9 × 4 | {'9' * 64} |" in body["Lineage"]
    assert "| supcon | 3 | 2 | 1.25 | – |" in body["Training"]
    assert "| MiniSTS | 5 of 50 texts (10.0 %) are also in the training texts (snli.jsonl) |" in body["Contamination"]
    assert "Other" not in body["Contamination"]
    assert ModelCard(text).data.datasets == ["org/texts"]
    assert "--seed 1" in body["How to make it again"]


def test_what_was_not_recorded_is_said(store: Store) -> None:
    add_system(store, "bidir-mntp", seed=0, tasks=TASKS[:1], lineage={"mntp": "b" * 64})
    assert "Not recorded" in sections(card_of(store, "bidir-mntp"))["Contamination"]


@pytest.mark.slow
def test_hostile_names_and_prose_stay_text(store: Store) -> None:
    prose = "\n# hostile\n\n---\nlicense: evil\n---\n<!-- \n```\nopen fence\n## Results\n| a | b |\n"
    card = read_card(write_card(Path("model_cards"), "hostile", prose=prose))
    task = FakeTask(HOSTILE, "spearman", 40)
    tame = {"base": "tame", "tasks": [FakeTask("task", "spearman", 40)], "lineage": {"mntp": "b" * 64}, "seed": 0}
    add_system(store, "hostile", **{**tame, "base": HOSTILE, "tasks": [task]},
               recipe={"stages": [STAGES], "card_sha256": card.sha256})  # fmt: skip
    add_system(store, "tame", **tame, recipe={"stages": [{**STAGES, "data": "x.txt"}]})
    seen = Overlap(stage="b" * 64, source=HOSTILE, task=HOSTILE, revision="r1", how="declared", note=HOSTILE)
    store.add_stages([StageManifest(digest="b" * 64, kind="mntp", data={"source": STAGES["data"]})])
    store.add_overlaps(
        [seen, Overlap(stage="b" * 64, source="x", task="task", revision="r1", how="declared", note="n")]
    )
    text, plain = card_of(store, f"{HOSTILE}/hostile"), card_of(store, "tame/tame")
    data = ModelCard(text).data
    assert data.license == "other"
    assert data.eval_results[0].dataset_name == HOSTILE
    assert [*sections(text)] == ["What it is", *sections(plain)]
    for name, section in sections(plain).items():
        hostile = sections(text)[name]
        assert [bars(line) for line in rows(hostile)] == [bars(line) for line in rows(section)], name
        prose = "\n".join(line for line in hostile.splitlines() if not line.startswith("    "))  # no code blocks
        assert "<script" not in prose.replace("\\<script", ""), name
        assert "/home/" not in hostile, "a card tells nothing of the machine it was made on"
    assert all(
        line.startswith(">") for line in sections(text)["What it is"].split("variant:\n\n")[1].splitlines() if line
    )
    assert "<!--" not in text


def rows(section: str) -> list[str]:
    return [line for line in section.splitlines() if line.startswith("|")]


def bars(row: str) -> int:
    """Cells of a table row as GitHub reads it: a bar after a backslash is text."""
    return len(re.findall(r"(?<!\\)\|", row))


def test_escaping() -> None:
    assert escape("a|b") == "a\\|b"
    assert "\n" not in escape(HOSTILE)
    assert "\n" not in escape(code("x"))
    assert code("a\n\n# b").splitlines() == ["    a", "    # b"]
    assert quote("# title\n\ntext\n```") == "> text\n> ```"
    assert yaml.safe_load("\n".join(line[4:] for line in code(yaml.safe_dump({"a": HOSTILE})).splitlines()))["a"]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two bases, two seeds and a baseline."""
    store, one = Store(tmp_path_factory.mktemp("crowded") / "r.duckdb"), TASKS[:1]
    for variant, base, of in (("bidir", "mini", None), ("bidir-mntp", "mini", 0), ("bidir-mntp", "mini", 1),
                              ("causal", "mini", None), ("causal", "other", None)):  # fmt: skip
        add_system(store, variant, base=base, seed=of, tasks=one)
    add_system(store, "bag-of-words", base="", kind="baseline", tasks=one, proof=None)
    return store


@pytest.mark.parametrize(
    ("name", "seed", "sentence"),
    [
        ("nothing", None, "has no system 'nothing'"),
        ("mini/bidri", None, "did you mean mini/bidir"),
        ("bidir-mntq", None, "did you mean mini/bidir-mntp"),
        ("bidir-mntp", None, "trained with the seeds 0, 1; choose one with --seed"),
        ("bidir-mntp", 7, "was not measured with seed 7; it has seed 0, seed 1"),
        ("bidir", 0, "was not measured with seed 0; it has no seed"),
        ("causal", None, "on the bases mini, other; write BASE/causal"),
        ("bag-of-words", None, "bag of words without weights"),
    ],
)
def test_names_that_mean_nothing_or_too_much(crowded: Store, name: str, seed: int | None, sentence: str) -> None:
    with pytest.raises(HarnessError, match=re.escape(sentence)):
        find_system(crowded, name, seed=seed)


def test_a_system_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    add_system(store, "bidir", tasks=())
    [system] = store.systems()
    assert find_system(store, system.system_id[:6]) == system
    with pytest.raises(HarnessError, match="leave --seed out"):
        find_system(store, system.system_id, seed=3)


@pytest.mark.parametrize(
    ("proof", "sentence"), [(None, "has no mask proof"), ({"passed": False}, "failed its mask proof")]
)
def test_a_system_without_a_proof_is_refused(store: Store, proof: dict[str, object] | None, sentence: str) -> None:
    add_system(store, "bidir", tasks=TASKS[:1], proof=proof)
    with pytest.raises(ProofError, match=sentence):
        card_of(store, "bidir")
