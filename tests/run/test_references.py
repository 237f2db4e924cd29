"""Any sentence-transformers model takes a row: found, checked, known by its content, measured, ranked and marked."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from harness.cli import app
from harness.compare import compare, current_entries, rank
from harness.compare.wording import scope, sentence
from harness.encoder.placement import Placement
from harness.encoder.reference import build_reference
from harness.errors import HarnessError
from harness.export.choose import find_system
from harness.models import NamedModel, resolve_model
from harness.paths import cache_folder
from harness.run.plan import plan_run
from harness.store import Store
from leaderboard.build import build_site
from tests.encoder.test_engine import Ear
from tests.factory import TASKS, add_system
from tests.packages import SITE, put_package
from tests.run.kit import go, request

PLACE = Placement(device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of 2 layers × 16 with random weights, as transformers saves it: no sentence-transformers files."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("references") / "tiny-bert"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "north", "south", "bread", "water", "river", "king", "fish"]
    BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def reference(folder: Path):
    model = resolve_model(str(folder))
    return build_reference(model.folder, bare=model.bare, place=PLACE, name=model.name, revision=model.sha256)


def test_a_plain_bert_is_mean_pooled(tiny_bert: Path) -> None:
    encoder = reference(tiny_bert)
    texts = ["north water", "king"]
    tokens = encoder.model.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = encoder.model[0].model(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    found = encoder.model.encode(texts, show_progress_bar=False)
    np.testing.assert_allclose(found, ((states * mask).sum(1) / mask.sum(1)).numpy(), atol=1e-6)


def test_a_reference_model_tells_what_it_cuts_and_how_far_it_is(tiny_bert: Path) -> None:
    encoder = reference(tiny_bert)
    texts = ["king " * 70, "king", "river fish"]
    wanted = SentenceTransformer(modules=list(encoder.model), device="cpu").encode(texts, batch_size=2)
    encoder.watch = ear = Ear()
    np.testing.assert_array_equal(encoder.model.encode(texts, batch_size=2), wanted)
    assert encoder.truncation_note() == "1 of 3 texts cut at 64 tokens"
    assert encoder.truncation_note() == ""
    assert [(told.texts, told.all_texts) for told in ear.readings] == [(2, 3), (3, 3)]
    encoder.model.encode(["king " * 61 + "fish"], prompt="north ")  # 62 tokens, a prompt of one, [CLS] and [SEP]
    assert encoder.truncation_note() == "1 of 1 texts cut at 64 tokens"


def test_a_reference_model_that_gives_nan_is_refused(tiny_bert: Path) -> None:
    encoder = reference(tiny_bert)
    torch.nn.init.constant_(encoder.model[0].model.embeddings.LayerNorm.weight, float("nan"))
    for encode in (encoder.encode, encoder.model.encode_query, encoder.model.encode_document):
        with pytest.raises(HarnessError, match="tiny-bert gives an embedding that is not finite for 'north'"):
            encode(["north", "king"])


def test_word_vectors_are_means_of_the_words_tokens_at_every_layer(tiny_bert: Path) -> None:
    encoder = reference(tiny_bert)
    found = encoder.word_vectors(["the river fish king", "king"], [(4, 9), (0, 4)])
    assert found.shape == (3, 2, 16)
    tokens = encoder.model.tokenizer("the river fish king", return_tensors="pt")
    with torch.no_grad():
        states = encoder.model[0].model(**tokens, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(found[:, 0], torch.stack(states)[:, 0, 2].numpy(), atol=1e-6)  # [CLS] [UNK] river
    both = encoder.word_vectors(["the river fish king"] * 2, [(4, 14)] * 2, take=["first", "last"])
    np.testing.assert_allclose(both[:, 0], found[:, 0], atol=1e-6)
    np.testing.assert_allclose(both[:, 1], torch.stack(states)[:, 0, 3].numpy(), atol=1e-6)
    far = encoder.word_vectors(["king " * 70 + "far", "king"], [(350, 353), (0, 4)], keep_cut=True)
    assert np.isnan(far[:, 0]).all()
    np.testing.assert_allclose(far[:, 1], found[:, 1], atol=1e-5)
    with pytest.raises(HarnessError, match="'far' is cut off at 64 tokens"):
        encoder.word_vectors(["king " * 70 + "far"], [(350, 353)])
    with pytest.raises(HarnessError, match="not a causal language model"):
        encoder.language_model()


def test_a_model_is_known_by_its_content(tiny_bert: Path) -> None:
    first = resolve_model(str(tiny_bert))
    copy = Path("copied")
    shutil.copytree(tiny_bert, copy)
    (copy / "README.md").write_text("Another place, another card.")
    assert resolve_model(str(copy)).sha256 == first.sha256
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-3}))
    assert resolve_model(str(copy)).sha256 != first.sha256


def broken(folder: Path, how: str) -> Path:
    copy = Path(how)
    shutil.copytree(folder, copy)
    if how == "pickled":
        (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    elif how == "cut":
        (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:900])
    elif how == "coded":
        (copy / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "own.Module"}]))
    elif how == "empty":
        (copy / "config.json").unlink()
    else:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps({**config, "model_type": "nothing-known"}))
    return copy


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("pickled", "only pytorch_model.bin, which is a pickle and is never opened"),
        ("cut", "corrupt or cut short"),
        ("coded", r"needs its own code \(own.Module\); such code is never run"),
        ("empty", "neither modules.json nor config.json"),
        ("unknown", "unknown cannot be opened as a sentence-transformers model: .*nothing-known"),
    ],
)
def test_what_cannot_be_measured_is_refused(tiny_bert: Path, how: str, words: str) -> None:
    with pytest.raises(HarnessError, match=words):
        reference(broken(tiny_bert, how))


@pytest.fixture
def named(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, NamedModel]:
    """One model under two names: a folder in a package, and a zip in two packages that has a folder and more files."""
    model = Path("tiny-bert")
    SentenceTransformer(str(tiny_bert), device="cpu").save(str(model))
    content = {path.relative_to(model).as_posix(): path.read_bytes() for path in model.rglob("*") if path.is_file()}
    put_package("tiny-whole", {f"model/{path}": each for path, each in content.items()}, monkeypatch)
    with zipfile.ZipFile("tiny.zip", "w") as out:
        for path, each in {**content, "desktop.ini": b"", "1_Pooling/../../../out.json": b""}.items():
            out.writestr(f"tiny-bert/{path}", each)
    packed = Path("tiny.zip").read_bytes()
    for number, part in enumerate((packed[:3000], packed[3000:]), start=1):
        put_package(f"tiny-zip-{number}", {f"input/tiny.zip.00{number}": part}, monkeypatch)
    sha256 = resolve_model(str(model)).sha256
    shutil.rmtree(model)
    common = {"about": "a BERT", "install": "pip install tiny", "hub": f"org/tiny@{'a' * 40}", "sha256": sha256}
    whole = NamedModel(name="tiny-whole", packages=("tiny-whole",), **common)
    zipped = NamedModel(name="tiny-zip", packages=("tiny-zip-1", "tiny-zip-2"), **common)
    monkeypatch.setattr("harness.models.NAMED_MODELS", {each.name: each for each in (whole, zipped)})
    return {each.name: each for each in (whole, zipped)}


def test_a_named_model_is_read_from_its_packages(named: dict[str, NamedModel]) -> None:
    whole, zipped = resolve_model("tiny-whole"), resolve_model("tiny-zip")
    assert {whole.sha256, zipped.sha256} == {named["tiny-zip"].sha256}
    assert (whole.name, whole.folder) == ("tiny-whole", SITE.absolute() / "tiny_whole" / "model")
    assert zipped.folder == cache_folder() / "models" / zipped.sha256
    assert {path.name for path in cache_folder().rglob("*.*")} >= {"model.safetensors", "tokenizer.json"}
    assert not {path.name for path in cache_folder().rglob("*.*")} & {"joined.zip", "desktop.ini", "out.json"}
    done = CliRunner().invoke(app, ["ls", "models", "--json"])
    where = {row["model"]: row["where"] for row in json.loads(done.stdout)}
    assert where["tiny-zip"] == "installed: tiny-zip-1 1.0"


def test_a_named_model_that_was_changed_in_the_cache_is_unpacked_again(named: dict[str, NamedModel]) -> None:
    config = resolve_model("tiny-zip").folder / "config.json"
    config.write_text("{}")
    assert resolve_model("tiny-zip").sha256 == named["tiny-zip"].sha256
    assert config.read_text() != "{}"


@pytest.mark.parametrize("damage", ["tiny_whole/model/config.json", "tiny_zip_2/input/tiny.zip.002"])
def test_a_named_model_is_those_files_and_no_others(named: dict[str, NamedModel], damage: str) -> None:
    path = SITE / damage
    path.write_bytes(path.read_bytes()[:-600])
    name = "tiny-whole" if "whole" in damage else "tiny-zip"
    with pytest.raises(HarnessError, match=f"not those of the model {name}; install it again with `pip install tiny`"):
        resolve_model(name)
    assert not any(path.is_dir() for path in (cache_folder() / "models").glob("*"))


def test_a_named_model_without_its_packages_is_that_of_the_hub(named: dict[str, NamedModel]) -> None:
    shutil.rmtree(SITE / "tiny_zip_1-1.0.dist-info")
    assert named["tiny-zip"].found().startswith("not here; `pip install tiny`, or at the hub: org/tiny@")
    with pytest.raises(HarnessError, match="the model tiny-zip is neither in an installed package nor in the hub's"):
        resolve_model("tiny-zip")


def test_a_folder_with_the_name_of_a_model_is_not_mistaken_for_it(
    named: dict[str, NamedModel], tiny_bert: Path
) -> None:
    shutil.copytree(tiny_bert, "tiny-whole")
    with pytest.raises(HarnessError, match=r"write \./tiny-whole for the folder"):
        resolve_model("tiny-whole")
    assert resolve_model("./tiny-whole").folder == Path("tiny-whole").resolve()


def test_no_such_model() -> None:
    with pytest.raises(HarnessError, match="no such folder, and it is not a hub id"):
        resolve_model("./nowhere")
    with pytest.raises(HarnessError, match="did you mean all-MiniLM-L6-v2"):
        resolve_model("all-minilm-l6-v2")
    with pytest.raises(HarnessError, match=r"the model 'nobody/nothing' .* could not be fetched"):
        resolve_model("nobody/nothing@main")


@pytest.mark.slow
def test_references_alone_and_beside_variants(tiny_base: Path, tiny_bert: Path) -> None:
    store = Store(Path("results.duckdb"))
    alone = request(tiny_base, models=(str(tiny_bert),), tasks=("SmallSTS",))
    plan = plan_run(alone, store, place=PLACE, cache=cache_folder())
    assert (plan.base, plan.variants, [job.label for job in plan.jobs]) == (None, (), ["tiny-bert"])
    assert go(alone, store).results == [("tiny-bert", "SmallSTS")]
    assert plan_run(alone, store, place=PLACE, cache=cache_folder()).idle
    [run] = store.runs()
    assert run.mask_proof is None
    assert [place.variant for place in rank(store, base="mini", resamples=200).tasks[0].places] == ["tiny-bert"]

    beside = go(request(tiny_base, "bidir", models=(str(tiny_bert),)), store)
    assert beside.results[-1] == ("tiny-bert", "SmallClassification")
    found = compare(store, base="tiny", variant="tiny-bert", against="bidir", resamples=200)
    assert found.family == "all pairs"
    assert sentence(found).startswith("tiny-bert is better than bidir on tiny on ")
    assert scope(found) == "tiny-bert is a reference model, trained elsewhere: the result holds for these checkpoints."
    ranks = rank(store, base="tiny", resamples=200)
    assert ranks.references == ("tiny-bert",)
    assert {place.variant for place in ranks.tasks[0].places} == {"causal", "bidir", "tiny-bert"}
    with pytest.raises(HarnessError, match="is a reference model, which already has a folder"):
        find_system(store, "tiny-bert")


@pytest.mark.slow
def test_a_reference_makes_nobody_else_incomplete_and_moves_no_declared_verdict(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")
    for variant, skill in (("causal", 0.42), ("bidir", 0.5)):
        add_system(store, variant, skill=skill, tasks=TASKS[:2])
    before = compare(store, base="mini", variant="bidir", against="causal", resamples=200)
    add_system(store, "some/model", base="", kind="reference", skill=0.9, tasks=TASKS[:3], proof=None)
    after = compare(store, base="mini", variant="bidir", against="causal", resamples=200)
    assert [task.p_adjusted for task in before.tasks] == [task.p_adjusted for task in after.tasks]
    ranks = rank(store, base="mini", resamples=200)
    assert ranks.unranked == {}
    assert [entry.is_reference for entry in current_entries(store)] == [True, False, False]
    index = build_site(store, tmp_path / "site", resamples=200)
    page = index.read_text()
    assert "unranked" not in page
    assert "On base mini" in page
    assert page.index(">bidir</a>") < page.index(">some/model</a>")
    assert '<span class="note">reference model</span>' in page
    (alone,) = (index.parent / "bases").glob("*.html")  # of the third task, measured on it alone
    assert f'href="bases/{alone.name}">no base</a>' in page
    assert "measured for reference models only" in alone.read_text()


def test_a_reference_has_no_language_model_to_lose(tiny_base: Path, tiny_bert: Path) -> None:
    with pytest.raises(HarnessError, match="not a causal language model, so Retention"):
        plan_run(
            request(tiny_base, models=(str(tiny_bert),), suite="retention", tasks=()),
            Store(Path("r.duckdb")),
            place=PLACE,
            cache=cache_folder(),
        )
