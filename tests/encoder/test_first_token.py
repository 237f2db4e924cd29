"""The first token of a text, its leading token, and what is measured and said of them."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers.models.llama.modeling_llama import LlamaModel

from harness import records
from harness.bases import resolve_base
from harness.cards import load_cards
from harness.cli import app
from harness.encoder.first_token import TEXTS as FIXED
from harness.encoder.tokens import tokenise
from harness.errors import HarnessError
from harness.export.folder import export_system
from harness.paths import cache_folder
from harness.recipes import Recipe
from harness.records import FirstToken, Provenance
from harness.run.loop import execute
from harness.run.open import open_system
from harness.run.plan import RunRequest, plan_run
from harness.run.systems import plan_systems
from harness.store import Store
from harness.training.lineage import plan_lineage
from harness.training.stages import train_lineage
from leaderboard.build import build_site
from leaderboard.environment import environment
from tests.conftest import TINY_WORDS
from tests.encoder.test_engine import TEXTS, build
from tests.run.kit import Ear as Listening
from tests.suites.small import SmallSTS, add_suite, own_task
from tests.test_cards import write_card
from tests.training.kit import CPU, recipe

BOS, EOS = 1, 2


def without_bos(folder: Path, where: str, **changed: Any) -> Path:
    """A copy of `folder` whose tokenizer adds no token; `changed` goes into its tokenizer.json and its config."""
    copy = Path(shutil.copytree(folder, where))
    raw = json.loads((copy / "tokenizer.json").read_text())
    (copy / "tokenizer.json").write_text(json.dumps(raw | {"post_processor": changed.pop("post_processor", None)}))
    config = json.loads((copy / "tokenizer_config.json").read_text()) | changed
    (copy / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return copy


@pytest.fixture
def plain_base(tiny_base: Path) -> Path:
    return without_bos(tiny_base, "plain")


def states(encoder: Any, ids: list[int]) -> np.ndarray:
    """By hand: the states of every layer, (L, T, D)."""
    with torch.inference_mode():
        found = encoder.backbone(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    return torch.cat(found[1:]).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize(("named", "start"), [({}, BOS), ({"bos_token": None}, EOS)])
def test_a_leading_token_is_read_and_neither_pooled_nor_cut(
    tiny_base: Path, attention: str, named: dict[str, Any], start: int
) -> None:
    base = without_bos(tiny_base, "plain", **named)
    encoder = build(base, attention=attention, leading_token=True, max_length=8)
    encoder.prove().require()
    tokenizer = build(base).model.tokenizer
    wanted = []
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        wanted.append(states(encoder, [start, *ids[:7]])[-1, 1:].mean(axis=0))
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=3), wanted, atol=1e-5)
    assert encoder.truncation_note() == "1 of 4 texts cut at 8 tokens"
    ids = tokenizer("saw the bird: a dog")["input_ids"]
    told = encoder.encode(["a dog"], instruction="saw the bird:")
    np.testing.assert_allclose(told[0], states(encoder, [start, *ids])[-1, -2:].mean(axis=0), atol=1e-5)
    word = encoder.word_vectors(["cat"], [(0, 3)])
    np.testing.assert_allclose(word[1:, 0], states(encoder, [start, *tokenizer("cat")["input_ids"]])[:, 1], atol=1e-5)
    encoder.save(Path("saved"))
    plain = SentenceTransformer("saved", device="cpu").encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(plain, wanted, atol=1e-5)
    again = build(Path("saved"), attention=attention, leading_token=True, max_length=8)
    np.testing.assert_allclose(again.encode(TEXTS), wanted, atol=1e-5)
    assert np.abs(build(base, attention=attention, max_length=8).encode(TEXTS) - wanted).max() > 1e-2


@pytest.mark.parametrize("prefix", ["", "saw the bird:"])
def test_what_stands_around_a_text_stands_behind_the_leading_token(plain_base: Path, prefix: str) -> None:
    how = Recipe(attention="causal", suffix=" in the tree", leading_token=True)
    tokenizer = build(plain_base, **how.model_dump()).model.tokenizer
    alone = build(plain_base).model.tokenizer
    text = "the cat sat on the mat"
    whole = alone(f"{prefix} {text} in the tree".strip())["input_ids"]
    read = tokenise(tokenizer, [text], limit=len(whole), how=how, prefix=prefix)
    assert read.ids[0].tolist() == [BOS, *whole[:-4], *whole[-3:]]
    assert read.pooled[0].tolist() == [0] * (1 + len(whole) - 6 - 3) + [1] * 5 + [0] * 3
    assert read.cut == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mntp", "simcse"])
def test_training_reads_texts_behind_the_leading_token(
    plain_base: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("text.txt").write_text("\n".join(f"{text} and {text}" for text in TINY_WORDS))
    read: list[torch.Tensor] = []
    real = LlamaModel.forward

    def forward(self: Any, input_ids: Any = None, **options: Any) -> Any:
        read.extend([input_ids] if self.training else [])
        return real(self, input_ids=input_ids, **options)

    monkeypatch.setattr(LlamaModel, "forward", forward)
    base, more = resolve_base(str(plain_base)), {"mask_probability": 0.9} if kind == "mntp" else {}
    leading = recipe(kind, steps=2, **more).model_copy(update={"leading_token": True})
    train_lineage(base, plan_lineage(base, leading, 0), cache=cache_folder(), place=CPU)
    assert len(read) > 1
    assert all((ids[:, 0] == BOS).all() and not (ids[:, 1:] == BOS).any() for ids in read)


def test_a_recipe_and_its_stages_name_a_leading_token_only_if_there_is_one(tiny_base: Path) -> None:
    Path("text.txt").write_text("the cat\n")
    base, plain = resolve_base(str(tiny_base)), recipe("mntp")
    leading = plain.model_copy(update={"leading_token": True})
    assert "leading_token" not in plain.model_dump()
    assert leading.model_dump()["leading_token"] is True
    assert plain.digest != leading.digest
    assert plan_lineage(base, plain, 0)[0].digest != plan_lineage(base, leading, 0)[0].digest
    assert not leading.not_plain
    other = plain.model_copy(update={"leading_token": "</s>"})
    assert plan_lineage(base, other, 0)[0].digest != plan_lineage(base, leading, 0)[0].digest


def test_a_leading_token_that_a_mean_cannot_leave_out_or_that_is_not_there(tiny_base: Path) -> None:
    behind = {"single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]}
    template = {"type": "TemplateProcessing", "pair": behind["single"], **behind}
    template["special_tokens"] = {"</s>": {"id": "</s>", "ids": [EOS], "tokens": ["</s>"]}}
    ends = without_bos(tiny_base, "ends", post_processor=template, bos_token=None)
    with pytest.raises(HarnessError, match=r"puts '</s>' behind every text, so a mean cannot leave it out in front"):
        build(ends, leading_token=True)
    last = build(ends, leading_token=True, pooling="lasttoken", attention="causal")
    ids = build(ends).model.tokenizer("a dog")["input_ids"]
    np.testing.assert_allclose(last.encode(["a dog"])[0], states(last, [EOS, *ids])[-1, -1], atol=1e-5)
    none = without_bos(tiny_base, "none", bos_token=None, eos_token=None)
    config = json.loads((none / "config.json").read_text()) | {"bos_token_id": None, "eos_token_id": None}
    (none / "config.json").write_text(json.dumps(config))
    with pytest.raises(HarnessError, match="neither a beginning nor an end token"):
        build(none, leading_token=True)
    first = build(none).first_token()
    assert first is not None
    assert [name for name, _ in first.rows] == ["first token"]


def test_a_leading_token_may_be_named(plain_base: Path, tiny_base: Path) -> None:
    named = build(plain_base, leading_token="</s>")
    assert named.model.tokenizer("the cat")["input_ids"][0] == EOS
    ended = build(without_bos(tiny_base, "ended", bos_token=None), leading_token=True)
    np.testing.assert_array_equal(named.encode(TEXTS), ended.encode(TEXTS))
    assert (first := named.first_token()) is not None
    assert (first.front, first.led) == ("</s>", True)
    with pytest.raises(HarnessError, match=r"leading_token 'cat' is no special token of .*plain; name one of '<"):
        build(plain_base, leading_token="cat")
    with pytest.raises(HarnessError, match=r"puts '<s>' before every text already; take leading_token out of the card"):
        build(tiny_base, leading_token="</s>")


def test_where_the_tokenizer_leads_by_itself_nothing_changes_and_a_run_says_so(tiny_base: Path) -> None:
    np.testing.assert_array_equal(build(tiny_base, leading_token=True).encode(TEXTS), build(tiny_base).encode(TEXTS))
    write_card(Path("model_cards"), "led", "leading_token: true\n")
    ear = Listening()
    [planned] = plan_systems(resolve_base(str(tiny_base)), [load_cards()["led"]], [0])
    opened = open_system(planned, place=CPU, cache=cache_folder(), listener=ear)
    assert ear.notes == ["led: the tokenizer puts <s> before every text already, so leading_token changes nothing"]
    assert opened.evidence.provenance.first_token == opened.encoder.first_token()


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_the_measure_is_that_of_the_states(plain_base: Path, attention: str) -> None:
    encoder = build(plain_base, attention=attention)
    first = encoder.first_token()
    assert first is not None
    rows: dict[str, list[np.ndarray]] = {"alone": [], "behind": [], "of_front": []}
    for text in FIXED:
        ids = encoder.model.tokenizer(text)["input_ids"]
        alone, led = (np.linalg.norm(states(encoder, read), axis=-1) for read in (ids, [BOS, *ids]))
        rows["alone"].append(alone[:, 0] / np.median(alone[:, 1:], axis=1))
        rows["behind"].append(led[:, 1] / np.median(led[:, 2:], axis=1))
        rows["of_front"].append(led[:, 0] / np.median(led[:, 2:], axis=1))
    for name, ratios in rows.items():
        np.testing.assert_allclose(getattr(first, name), np.median(ratios, axis=0), rtol=1e-3)
    assert (first.front, first.led, first.in_mean) == ("<s>", False, True)
    led = build(plain_base, attention=attention, leading_token=True).first_token()
    assert led is not None
    assert (led.led, led.in_mean, led.alone) == (True, False, first.alone)
    for other in ({"pooling": "lasttoken"}, {"instruction": "saw:"}, {"task_instructions": True}):
        how = build(plain_base, attention=attention, **other).first_token()
        assert how is not None
        assert not how.in_mean


def test_a_sink_is_said_in_a_sentence() -> None:
    ratios = {"alone": (1.2, 152.4, 1.0), "behind": (1.0, 1.1, 1.0), "of_front": (1.0, 87, 1.2)}
    first = FirstToken(front="<s>", in_mean=True, **ratios)
    assert first.sentence == (
        "in layer 2 the state of a text's first token is 152 times as long as the others' (an attention sink); in that "
        "layer it dominates the mean of a text, and the vector of a word that is read alone; `leading_token: true` in "
        "the card puts an unpooled token in front"
    )
    assert "dominates the vector of a word that is read alone;" in first.model_copy(update={"in_mean": False}).sentence
    assert not first.model_copy(update={"led": True, "in_mean": False}).sentence
    assert not FirstToken(alone=(float(records.SINK),)).sentence
    assert first.lines[0] == ("first token", "layer 1: 1.2, layer 2: 152, layer 3: 1")
    assert FirstToken().layers == ()
    long = FirstToken(alone=(*(1.0,) * 11, 183.0, *(1.0,) * 18))
    assert long.layers == (7, 12, 15, 22, 29, 30)
    kept = Provenance.model_validate(json.loads(json.dumps(Provenance(version=1, first_token=first).plain())))
    assert kept.first_token == first
    assert Provenance.model_validate({"version": 1}).first_token is None


def test_the_page_of_a_system_shows_how_it_was_opened() -> None:
    parts = environment().get_template("parts.html").module
    macro = partial(parts.opening, heading="Opening proof", run="ab")  # type: ignore[attr-defined]
    assert not macro(Provenance(version=1)).strip()
    first = FirstToken(front="<s>", alone=(1.0, 152.4), behind=(1.0, 1.1), of_front=(1.0, 87.0), in_mean=True)
    page = macro(Provenance(opening={"weights": "20 tensors read, none missing"}, first_token=first))
    assert "<dd>20 tensors read, none missing</dd>" in page
    assert '<th scope="row" class="whole">first token</th><td class="num">1</td><td class="num">152</td>' in page
    assert "first token behind &lt;s&gt;</th>" in page
    assert '<p class="note">In layer 2 the state of a text&#39;s first token is 152 times as long' in page
    assert "leaves it out of the mean" not in page
    assert "puts &lt;s&gt; before every text and leaves it out of the mean." in macro(
        Provenance(first_token=first.model_copy(update={"led": True}))
    )


@pytest.mark.slow
def test_a_system_with_a_leading_token_is_run_shown_and_exported(
    plain_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder opens in plain sentence-transformers with the same embeddings; its language model is the base's."""
    monkeypatch.setattr(records, "SINK", 0.1)  # so that every first token is a sink
    add_suite(monkeypatch, own_task(SmallSTS))
    write_card(Path("model_cards"), "led", "leading_token: true\nstep_from: causal\n")
    store, ear = Store(Path("results.duckdb")), Listening()
    wanted = RunRequest(base=str(plain_base), variants=("led",), tasks=("SmallSTS",))
    execute(plan_run(wanted, store, place=CPU, cache=cache_folder()), store, ear, command="test", force=False)
    assert [note.split(" the state")[0] for note in ear.notes] == ["causal: in layer 1", "led: in layer 1"]
    causal, led = store.runs()
    ours, plain = (opened(plain_base, variant) for variant in ("led", "causal"))
    assert led.provenance.first_token == ours.first_token()
    assert causal.provenance.first_token == plain.first_token()
    texts = ["the cat sat", "a dog"]
    np.testing.assert_array_equal(*(each.language_model().losses(texts).nats for each in (ours, plain)))

    out = export_system(store, "led", out=Path("out"), cache=cache_folder())
    theirs = SentenceTransformer(str(out), device="cpu").encode(TEXTS, show_progress_bar=False)
    assert np.abs(theirs - ours.encode(TEXTS)).max() <= 1e-6
    assert "stands before every text: <s>" in (out / "README.md").read_text().replace("\\", "")

    app(["show", led.run_id], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "20 tensors read, none missing" in shown
    assert "first token behind <s>" in shown
    page = build_site(store, Path("site"), resamples=50).parent / "systems" / "plain--led.html"
    text = page.read_text("utf-8")
    assert text.count("<h3>Opening proof</h3>") == 1
    assert "20 tensors read, none missing" in text
    assert "The system puts &lt;s&gt; before every text and leaves it out of the mean." in text
    assert "first_token" not in text


def opened(base: Path, variant: str) -> Any:
    [planned] = plan_systems(resolve_base(str(base)), [load_cards()[variant]], [0])
    return open_system(planned, place=CPU, cache=cache_folder()).encoder


@pytest.mark.slow
@pytest.mark.parametrize("sink", [False, True])
def test_doctor_measures_both_ways_under_both_masks(
    plain_base: Path, sink: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(records, "SINK", 0.1 if sink else 10)
    app(["doctor", "--base", str(plain_base), "--kernels", "sdpa", "--json"], standalone_mode=False)
    found = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    for mask in ("causal", "bidirectional"):
        for name in ("first token", "first token behind <s>", "<s> itself"):
            assert found[f"{name}, {mask}"]["found"].startswith("norm ÷ median of the others: layer 1: ")
        assert (f"attention sink, {mask}" in found) == sink
