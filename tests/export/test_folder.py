"""From a run to a folder that knows nothing of this project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer

from harness.bases import resolve_base
from harness.cards import load_cards
from harness.encoder.placement import Placement
from harness.errors import HarnessError, ProofError
from harness.export import folder
from harness.export.folder import export_system
from harness.paths import cache_folder
from harness.records import Provenance, Run
from harness.run.open import open_system
from harness.run.systems import plan_systems
from harness.store import Store
from harness.training import merging
from harness.training.manifests import read_stage
from harness.training.stages import stage_folder
from harness.training.stored import record_of, weights_sha256
from tests.conftest import TINY_WORDS
from tests.factory import PROOF, FakeTask, result_of
from tests.test_cards import write_card

TEXTS = [" ".join(np.random.default_rng(i).choice(TINY_WORDS, 1 + i)) for i in range(20)]
STAGE = "{kind: simcse, examples: 40, steps: 2, batch_size: 8, max_length: 16, learning_rate: 1.0e-1, data: seen.txt}"


@pytest.fixture
def store() -> Store:
    return Store(Path("results.duckdb"))


def measure(store: Store, base: Path | str, variant: str) -> np.ndarray:
    """Make `variant` and store it with a proof and a made-up result; return our own embeddings of TEXTS."""
    Path("seen.txt").write_text("\n".join(f"{text} {i}" for i, text in enumerate(TEXTS * 2)))
    write_card(Path("model_cards"), "ninth", f"stages: [{STAGE}]\n")
    write_card(Path("model_cards"), "tenth", f"pooling: lasttoken\nstages: [{STAGE}]\n")
    place = Placement(device="cpu", dtype="float32")
    [planned] = plan_systems(resolve_base(str(base)), [load_cards()[variant]], [0])
    encoder = open_system(planned, place=place, cache=cache_folder()).encoder
    stages = [read_stage(stage_folder(stage, cache_folder())) for stage in planned.lineage]
    run = Run(
        system_id=store.add_system(planned.record(cache_folder())),
        suite="mini", dtype="float32", device="cpu", evaluation="1",
        provenance=Provenance(
            command=f"harness run --variant {variant} --base {base}",
            **({"weights_sha256": stages[-1].weights_sha256} if stages else {}),
        ),
        mask_proof=PROOF,
    )  # fmt: skip
    store.add_stages(stages)
    store.add_run(run)
    store.add_result(run.run_id, result_of(FakeTask("T", "spearman", 12), skill=0.5))
    return encoder.encode(TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["ninth", "tenth", "causal", "bidir", "random"])
def test_a_stranger_opens_it_and_gets_the_same_embeddings(tiny_base: Path, store: Store, variant: str) -> None:
    ours = measure(store, tiny_base, variant)
    out = export_system(store, variant, out=Path("out"), cache=cache_folder())
    theirs = SentenceTransformer(str(out), device="cpu").encode(TEXTS, show_progress_bar=False)
    assert np.abs(theirs - ours).max() <= 1e-6
    assert not {"stage.json", "texts.npy"} & {path.name for path in out.iterdir()}
    assert json.loads((out / "config.json").read_text())["is_causal"] == (variant in ("causal", "ninth", "tenth"))
    modules = json.loads((out / "modules.json").read_text())
    assert all(module["type"].startswith("sentence_transformers.") for module in modules)
    card = ModelCard.load(out / "README.md")
    assert [each.metric_value for each in card.data.eval_results] == [store.scores()["score"][0]]
    assert ("the state of the last token in the last layer" in card.text) == (variant == "tenth")
    assert ("drawn anew from the seed" in card.text) == (variant == "random")


@pytest.mark.slow
def test_weights_that_are_gone_or_others(tiny_base: Path, store: Store) -> None:
    measure(store, tiny_base, "ninth")
    [stage] = (cache_folder() / "stages").glob("*/stage.json")
    manifest = stage.read_text()
    stage.write_text(json.dumps(json.loads(manifest) | {"weights_sha256": "0" * 64}))
    with pytest.raises(HarnessError, match="are not those that were measured"):
        export_system(store, "ninth", out=Path("out"), cache=cache_folder())
    shutil.rmtree(stage.parent)
    with pytest.raises(HarnessError) as caught:
        export_system(store, "ninth", out=Path("out"), cache=cache_folder())
    command = f"`harness train --variant ninth --base {tiny_base} --seed 0 --data simcse=seen.txt` trains them again"
    assert command in str(caught.value)
    assert not Path("out").exists()


@pytest.mark.slow
def test_a_stage_that_holds_its_adapter_alone_is_written_merged(
    tiny_base: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "WHOLE_BYTES", 0)
    moving = Path(shutil.copytree(tiny_base, tmp_path / "here" / "tiny"))
    ours = measure(store, moving, "ninth")
    [stage] = (cache_folder() / "stages").glob("*/stage.json")
    assert not merging.is_whole(stage.parent)
    out = export_system(store, "ninth", out=Path("out"), cache=cache_folder())
    theirs = SentenceTransformer(str(out), device="cpu").encode(TEXTS, show_progress_bar=False)
    assert np.abs(theirs - ours).max() <= 1e-6
    assert weights_sha256(record_of(out)) == read_stage(stage.parent).weights_sha256
    moved = str(shutil.move(moving, tmp_path / "there"))
    with pytest.raises(HarnessError, match=f"the base of tiny/ninth.* is no longer at {moving}; give its new folder"):
        export_system(store, "ninth", out=Path("again"), cache=cache_folder())
    export_system(store, "ninth", out=Path("again"), cache=cache_folder(), base=moved)
    weights = stage.parent / "adapter" / "adapter_model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(HarnessError, match=r"adapter_model\.safetensors is not as it was"):
        export_system(store, "ninth", out=Path("third"), cache=cache_folder(), base=moved)


@pytest.mark.slow
def test_a_base_that_moved_or_changed(tiny_base: Path, store: Store, tmp_path: Path) -> None:
    moving = Path(shutil.copytree(tiny_base, tmp_path / "here" / "tiny"))
    measure(store, moving, "bidir")
    moved = shutil.move(moving, tmp_path / "there")
    with pytest.raises(HarnessError, match=r"no longer at .* give its new folder with --base"):
        export_system(store, "bidir", out=Path("out"), cache=cache_folder())
    config = json.loads((Path(moved) / "config.json").read_text())
    (Path(moved) / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-3}))
    with pytest.raises(HarnessError, match="is not what tiny/bidir was measured on"):
        export_system(store, "bidir", out=Path("out"), cache=cache_folder(), base=moved)
    assert export_system(store, "bidir", out=Path("out"), cache=cache_folder(), base=str(tiny_base)) == Path("out")


def test_a_folder_in_use_is_left_alone(store: Store) -> None:
    Path("taken").mkdir()
    Path("taken/file").write_text("mine")
    with pytest.raises(HarnessError, match="is not empty"):
        export_system(store, "causal", out=Path("taken"), cache=cache_folder())
    with pytest.raises(HarnessError, match="is not empty"):
        export_system(store, "causal", out=Path("taken/file"), cache=cache_folder())
    assert Path("taken/file").read_text() == "mine"


@pytest.mark.slow
def test_a_folder_that_comes_out_wrong_is_not_there(
    tiny_base: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(store, tiny_base, "causal")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "TOLERANCE", -1.0)
        with pytest.raises(HarnessError, match="gives other embeddings"):
            export_system(store, "causal", out=Path("out"), cache=cache_folder())
        patch.setattr(
            "harness.encoder.model.set_attention", lambda model, attention: setattr(model.config, "is_causal", False)
        )
        with pytest.raises(ProofError, match="the card says causal"):
            export_system(store, "causal", out=Path("out"), cache=cache_folder())
    assert sorted(path.name for path in Path().iterdir() if "out" in path.name) == []
    Path("out").mkdir()
    assert export_system(store, "causal", out=Path("out"), cache=cache_folder()) == Path("out")


def _always_bidirectional(model, attention: str) -> None:
    model.config.is_causal = False
