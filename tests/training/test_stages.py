"""Each stage on a tiny Llama: it moves what it should, it is shared, and it is there whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling

from harness.bases import Base, resolve_base
from harness.encoder.attention import prove_mask, set_attention
from harness.encoder.tokens import mask_token
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.training import contrastive, parse_recipe, stages
from harness.training.contrastive import set_attention_dropout
from harness.training.lineage import PlannedStage, plan_lineage
from harness.training.manifests import read_stage
from harness.training.stages import is_trained, stage_folder, train_lineage
from tests.training.kit import CPU, plan, recipe, stage

pytestmark = pytest.mark.usefixtures("texts")


def backbone(folder: Path):
    return AutoModel.from_pretrained(folder, dtype=torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "simcse", "supcon"])
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_a_stage_moves_the_weights_and_keeps_the_mask(base: Base, kind: str, attention: str) -> None:
    steps: list[int] = []
    lineage = plan(base, recipe(kind, attention=attention))
    folder = train_lineage(
        base, lineage, cache=cache_folder(), place=CPU, on_stage=lambda _: lambda step: steps.append(step.done)
    )
    assert folder == stage_folder(lineage[0], cache_folder())
    assert steps == [1, 2, 3, 4]
    before, after = backbone(base.folder).state_dict(), backbone(folder).state_dict()
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name].float(), after[name])}
    assert moved == {name for name in before if "proj" in name}
    prove_mask(backbone(folder), attention=attention, pad_id=0, merged=True).require()
    manifest = json.loads((folder / "stage.json").read_text())
    assert manifest["digest"] == lineage[0].digest
    assert [step for step, _ in manifest["losses"]] == steps
    assert backbone(folder).config.attention_dropout == 0


@pytest.mark.slow
def test_variants_share_a_stage_and_nothing_is_trained_twice(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def on_stage(planned: PlannedStage) -> None:
        trained.append(planned.stage.kind)

    train_lineage(base, plan(base, recipe("mntp", "simcse")), cache=cache_folder(), place=CPU, on_stage=on_stage)
    train_lineage(base, plan(base, recipe("mntp", "supcon")), cache=cache_folder(), place=CPU, on_stage=on_stage)
    train_lineage(base, plan(base, recipe("mntp", "supcon")), cache=cache_folder(), place=CPU, on_stage=on_stage)
    assert trained == ["mntp", "simcse", "supcon"]


def test_what_makes_a_stage_makes_its_address(base: Base) -> None:
    def address(of: Recipe, seed: int = 0, on: Base = base) -> str:
        return plan_lineage(on, of, seed)[-1].digest

    same = address(recipe("mntp"))
    assert address(recipe("mntp")) == same
    others = [
        address(recipe("mntp"), seed=1),
        address(recipe("mntp", learning_rate=1e-3)),
        address(recipe("mntp", attention="causal")),
        address(recipe("mntp", examples=59)),
        address(recipe("simcse", "mntp")),
        address(recipe("mntp"), on=Base(name=base.name, folder=base.folder, revision="other")),
    ]
    Path("text.txt").write_text("other text\n" * 60)
    others.append(address(recipe("mntp")))
    assert len({same, *others}) == len(others) + 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    def weights(cache: str, seed: int) -> str:
        monkeypatch.setenv("HARNESS_CACHE", str(Path(cache).absolute()))
        folder = train_lineage(base, plan(base, recipe("mntp", "simcse"), seed), cache=cache_folder(), place=CPU)
        return json.loads((folder / "stage.json").read_text())["weights_sha256"]

    assert weights("one", 3) == weights("two", 3) != weights("three", 4)


@pytest.mark.slow
def test_a_stage_that_dies_leaves_nothing_that_looks_finished(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    lineage = plan(base, recipe("mntp", "supcon"))
    write = stages._write

    def die_in_the_second(planned, *rest):
        if planned.stage.kind == "supcon":
            raise KeyboardInterrupt
        write(planned, *rest)

    monkeypatch.setattr(stages, "_write", die_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    assert [is_trained(planned, cache_folder()) for planned in lineage] == [True, False]
    monkeypatch.setattr(stages, "_write", write)
    train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    assert all(is_trained(planned, cache_folder()) for planned in lineage)


def test_mntp_predicts_a_hidden_token_from_the_state_before_it(tiny_base: Path) -> None:
    """The stock loss equals one written by hand from the definition."""
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32).eval()
    set_attention(model, "bidirectional")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base, pad_token="<unk>", mask_token="_")
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=True, mlm_probability=0.4, seed=1)
    batch = collator([tokenizer(text) for text in ("the old man saw her", "a cat sat on the big red mat")])
    with torch.no_grad():
        loss = model(**batch).loss
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    terms = [
        -torch.log_softmax(logits[row, position - 1], -1)[batch["labels"][row, position]]
        for row in range(2)
        for position in range(1, batch["labels"].shape[1])
        if batch["labels"][row, position] != -100
    ]
    assert len(terms) > 2
    torch.testing.assert_close(loss, torch.stack(terms).mean())


def test_attention_dropout_reaches_the_layers(tiny_base: Path) -> None:
    model = backbone(tiny_base).train()
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    assert torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)
    set_attention_dropout(model, 0.3)
    assert not torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)
    set_attention_dropout(model, 0.0)
    assert torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)


def test_mask_token_of_a_vocabulary_with_and_without_it(tiny_base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    assert mask_token(tokenizer, "_") == "_"
    assert mask_token(tokenizer, "☃") == "<unk>"
    tokenizer.unk_token = None
    with pytest.raises(HarnessError, match="set mask_token in the card"):
        mask_token(tokenizer, "☃")


def test_too_little_data_and_a_loss_that_explodes(base: Base) -> None:
    with pytest.raises(HarnessError, match="60 examples for batches of 64"):
        train_lineage(base, plan(base, recipe("mntp", batch_size=64)), cache=cache_folder(), place=CPU)
    with pytest.raises(HarnessError, match="lower learning_rate"):
        train_lineage(base, plan(base, recipe("supcon", learning_rate=1e30, steps=9)), cache=cache_folder(), place=CPU)
    assert not list(cache_folder().glob("stages/*/stage.json"))


def _negatives(*, own: int) -> None:
    rows = [
        {"anchor": f"the cat {i}", "positive": f"a dog {i}", "negative": f"red {i}" if i < own else "red"}
        for i in range(60)
    ]
    Path("triplets.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


@pytest.mark.slow
@pytest.mark.parametrize(("own", "unused"), [(0, 56), (10, 48)])
def test_too_few_batches_without_a_repeated_text(
    base: Base, own: int, unused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _negatives(own=own)
    lineage = plan(base, recipe("supcon", steps=30))
    with pytest.raises(HarnessError, match=f"30 steps.* {unused} of the 60 examples fit into no batch"):
        train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    monkeypatch.setattr(contrastive, "check_batches", lambda *_, **__: 0)
    with pytest.raises(HarnessError, match=r"ended after \d+ of 30 steps"):
        train_lineage(base, lineage, cache=cache_folder(), place=CPU)
    assert not list(cache_folder().glob("stages/*/stage.json"))


@pytest.mark.slow
def test_a_stage_says_how_many_examples_it_cannot_use(base: Base) -> None:
    _negatives(own=40)
    folder = train_lineage(base, plan(base, recipe("supcon", steps=14)), cache=cache_folder(), place=CPU)
    manifest = read_stage(folder)
    assert manifest.losses[-1][0] == 14
    assert manifest.data.unused == 16  # five batches of eight in place of seven


def _drawn(rows: list[tuple[str, ...]], seed: int) -> int:
    """The batches of eight that one pass of sentence-transformers' sampler gives, drawn by torch from `seed`."""
    columns = zip(("anchor", "positive", "negative"), zip(*rows, strict=True), strict=True)
    sampler = NoDuplicatesBatchSampler(Dataset.from_dict(dict(columns)), 8, True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return len(list(sampler._iter_one_pass(lambda i: set(rows[i]), lambda row, batch: not row.isdisjoint(batch))))


@pytest.mark.parametrize("distinct", [9, 30, 300])
def test_batches_are_counted_as_sentence_transformers_makes_them(distinct: int) -> None:
    rows = [tuple(map(str, words)) for words in np.random.default_rng(0).integers(0, distinct, (200, 3))]
    ours = [contrastive.full_batches(rows, 8, seed=seed, at_most=25) for seed in range(20)]
    assert abs(np.mean([_drawn(rows, seed) for seed in range(20)]) - np.mean(ours)) <= 1


def test_a_batch_of_mntp_without_a_hidden_token_adds_nothing(base: Base) -> None:
    Path("text.txt").write_text("the cat\n" * 60)
    folder = train_lineage(base, plan(base, recipe("mntp", batch_size=2, steps=12)), cache=cache_folder(), place=CPU)
    losses = [loss for _, loss in read_stage(folder).losses]
    assert 0 in losses
    assert max(losses) > 0


def test_texts_too_short_to_predict_anything(base: Base) -> None:
    Path("text.txt").write_text("the\n" * 60)
    shutil.copytree(base.folder, "plain")
    tokenizer = json.loads(Path("plain/tokenizer.json").read_text())
    Path("plain/tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": None}))  # no BOS to predict from
    base = resolve_base("plain")
    with pytest.raises(HarnessError, match="none of the 60 texts of the mntp stage has a token"):
        train_lineage(base, plan(base, recipe("mntp")), cache=cache_folder(), place=CPU)


@pytest.mark.parametrize(
    ("later", "data", "sentence"),
    [
        ("supcon", '{"anchor": "a", "positive": "b", "negative": "c"}\n' * 60, "56 of the 60 examples fit into no"),
        ("supcon", '{"anchor": "a", "positive": "b", "negative": "c"}\n{', "line 2, is not JSON"),
        ("simcse", "one\ntwo\n", "2 examples for batches of 8"),
        ("mntp", "the cat sat", "gives 0 examples for batches of 8"),
    ],
)
def test_data_of_a_later_stage_are_checked_before_the_first_one_is_trained(
    base: Base, later: str, data: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_make", lambda *_: pytest.fail("a stage is trained"))
    name = "later.jsonl" if later == "supcon" else "later.txt"
    Path(name).write_text(data)
    more = {"concatenate": True} if later == "mntp" else {}
    of = parse_recipe({"attention": "causal", "stages": [stage("simcse"), stage(later, data=name, **more)]})
    with pytest.raises(HarnessError, match=sentence):
        train_lineage(base, plan(base, of), cache=cache_folder(), place=CPU)


def test_text_that_changes_after_the_plan_is_not_trained_on(base: Base) -> None:
    lineage = plan(base, recipe("simcse"))
    Path("text.txt").write_text(Path("text.txt").read_text() + "\nthe cat")
    with pytest.raises(HarnessError, match=r"text.txt, the text of the simcse stage, has changed since this command"):
        train_lineage(base, lineage, cache=cache_folder(), place=CPU)


@pytest.mark.parametrize("kind", ["mntp", "simcse"])
def test_a_stage_reads_a_base_with_longrope_at_one_scale(tiny_base: Path, kind: str) -> None:
    shutil.copytree(tiny_base, "long")
    config = json.loads(Path("long/config.json").read_text())
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 12}
    config["rope_parameters"] = rope | {"short_factor": [1.0] * 2, "long_factor": [3.0] * 2}
    Path("long/config.json").write_text(json.dumps(config))
    base = resolve_base("long")
    with pytest.raises(
        HarnessError, match=r"reads up to 16 tokens, and long changes its scale \(longrope\) above 12; set"
    ):
        train_lineage(base, plan(base, recipe(kind)), cache=cache_folder(), place=CPU)
