from __future__ import annotations

from pathlib import Path

import pytest

from harness.bases import resolve_base
from harness.cards import get_card, load_cards, of_all, read_card
from harness.errors import HarnessError
from harness.training.lineage import plan_lineage

EIGHT = {
    "causal",
    "bidir",
    "bidir-mntp",
    "bidir-simcse",
    "bidir-supcon",
    "causal-simcse",
    "causal-supcon",
    "random",
}
UNTRAINED = {
    "bidir-echo", "bidir-prompteol", "causal-echo", "causal-lasttoken", "causal-metaeol", "causal-prompteol",
    "echo-bare", "echo-lead", "echo-other", "causal-eos", "causal-extract",
    "bidir-extract",
}  # fmt: skip
SLOTS = {"causal-slots-simcse", "causal-slots-supcon", "causal-slots-lora-supcon", "bidir-slots-supcon"}
RAMPS = {"bidir-mntp-at-once", "bidir-mntp-window", "bidir-mntp-bernoulli", "bidir-mntp-layers"}
LONG = {"bidir-mntp-long", "bidir-supcon-long"}
REREAD = {"causal-extract", "bidir-extract", "bidir-supcon-extract"}
BY_NAME = {
    *RAMPS,
    *LONG,
    *REREAD,
    "bidir-echo", "bidir-prompteol", "echo-bare", "echo-lead", "echo-other",
    "causal-slots-simcse", "causal-slots-lora-supcon", "bidir-slots-supcon",
}  # fmt: skip


def write_card(folder: Path, variant: str, front: str = "", prose: str = "What it is for.") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{variant}.md"
    path.write_text(
        f"---\nvariant: {variant}\ntitle: A test\nattention: causal\n{front}---\n\n# {variant}\n\n{prose}\n"
    )
    return path


def test_the_variants_and_what_they_are() -> None:
    cards = load_cards()
    assert set(cards) == EIGHT | UNTRAINED | SLOTS | RAMPS | LONG | REREAD
    assert set(cards) - set(of_all(cards)) == BY_NAME
    stages = {name: [stage.kind for stage in cards[name].recipe.stages] for name in EIGHT}
    assert stages == {
        "causal": [],
        "bidir": [],
        "random": [],
        "bidir-mntp": ["mntp"],
        "bidir-simcse": ["mntp", "simcse"],
        "bidir-supcon": ["mntp", "supcon"],
        "causal-simcse": ["simcse"],
        "causal-supcon": ["supcon"],
    }
    for name, card in cards.items():
        assert (card.recipe.attention == "causal") == name.startswith(("causal", "echo"))
        assert name in EIGHT or "control" in card.tags
        assert name not in UNTRAINED or not card.recipe.stages
        assert (card.recipe.slots is not None) == (name in SLOTS or name == "causal-eos")
        assert (card.recipe.reread == "extract") == (name in REREAD)
        assert "**For:**" in card.prose
        assert "**Not for:**" in card.prose


def test_the_ladder_comes_first_step_by_step() -> None:
    names = list(load_cards())
    assert names[:5] == ["causal", "bidir", "bidir-mntp", "bidir-simcse", "bidir-supcon"]
    for card in load_cards().values():
        assert card.step_from is None or names.index(card.step_from) < names.index(card.variant)


def test_a_ninth_variant_is_a_file() -> None:
    write_card(Path("model_cards"), "ninth", "step_from: causal\n")
    assert set(load_cards()) == EIGHT | UNTRAINED | SLOTS | RAMPS | LONG | REREAD | {"ninth"}


def test_a_card_here_replaces_the_packaged_one() -> None:
    write_card(Path("model_cards"), "causal", prose="Mine.")
    assert load_cards()["causal"].summary == "Mine."


def test_an_adapter_is_listed_for_its_base_and_not_in_a_cards_own_stages() -> None:
    stage = "{kind: adapter, source: org/adapter}"
    with pytest.raises(HarnessError, match="cannot hold a published adapter, which fits one base"):
        read_card(write_card(Path("model_cards"), "own", f"stages: [{stage}]\n"))
    card = read_card(write_card(Path("model_cards"), "own", "bases: {big: {adapters: [{source: org/adapter}]}}\n"))
    assert [stage.kind for stage in card.recipe_on("big").stages] == ["adapter"]
    assert card.recipe_on("mini").stages == ()


def test_per_base_overrides_apply_to_that_base_only() -> None:
    card = load_cards()["bidir-supcon"]
    here, elsewhere = card.recipe_on("mini").stages[0], card.recipe_on("another").stages[0]
    assert here.steps == card.bases["mini"]["mntp"]["steps"]
    assert elsewhere == card.recipe.stages[0]
    assert here.mask_probability == elsewhere.mask_probability


@pytest.mark.slow
@pytest.mark.parametrize("base", ["smollm2-135m", "gemma3-270m"])
def test_the_ladder_on_a_small_real_base_is_for_a_laptop(base: str) -> None:
    """A base without an entry gets the published stages, which read at most 246 million tokens."""
    recipes = [load_cards()[name].recipe_on(base) for name in of_all(load_cards())]
    made = {(recipe.attention, recipe.stages[: n + 1]) for recipe in recipes for n in range(len(recipe.stages))}
    assert len(made) == 6
    assert {stage.precision for _, stages in made for stage in stages} == {"float32"}
    texts = sum(stages[-1].steps * stages[-1].batch_size * len(stages[-1].columns) for _, stages in made)
    assert texts * max(stage.max_length for _, stages in made for stage in stages) < 3_000_000


def test_prose_is_no_part_of_the_recipe() -> None:
    first = read_card(write_card(Path("cards"), "one", prose="Once."))
    again = read_card(write_card(Path("cards"), "one", prose="Twice."))
    assert first.recipe_on("mini").digest == again.recipe_on("mini").digest
    assert first.sha256 != again.sha256


def test_seeded_only_if_something_is_random() -> None:
    seeded = {name: card.recipe_on("mini").seeded for name, card in load_cards().items()}
    assert {name for name, has in seeded.items() if not has} == {"causal", "bidir"} | UNTRAINED


def test_the_addresses_of_recipes_and_stages_stay() -> None:
    """Results and trained stages are found again by these; a change here loses every one that was stored."""
    base, cards = resolve_base("mini"), load_cards()
    digests = {name: cards[name].recipe_on("mini").digest[:16] for name in EIGHT}
    assert digests == {
        "causal": "9832021fdda9ca4e",
        "bidir": "5aaf85e6b1e43f04",
        "bidir-mntp": "4d1b9a184504e436",
        "bidir-simcse": "c7ee9de5e9333a7a",
        "bidir-supcon": "96d1eff3d82aa03d",
        "random": "1e5705b265b928bd",
        "causal-simcse": "322980f21296fa7f",
        "causal-supcon": "3814c2dc8e190c0a",
    }
    last = {name: plan_lineage(base, card.recipe_on("mini"), 0)[-1:] for name, card in cards.items()}
    assert {name: stage.digest[:16] for name, stages in last.items() for stage in stages} == {
        "bidir-mntp": "fec7359ecc8eb24f",
        "bidir-simcse": "f123dbd6edce46c5",
        "bidir-supcon": "16bea42f176c76b5",
        "bidir-supcon-extract": "16bea42f176c76b5",
        "causal-simcse": "8e67b77318d73b81",
        "causal-supcon": "f038556d6f5ca3f9",
        "bidir-slots-supcon": "a5673676c3406c91",
        "causal-slots-lora-supcon": "15b5fb61dd7a6a13",
        "causal-slots-simcse": "440ba0abb166389b",
        "causal-slots-supcon": "fecbab3ab35b2c03",
        "bidir-mntp-at-once": "4c4503ca0d494ce5",
        "bidir-mntp-bernoulli": "0e880c73cc1ecf54",
        "bidir-mntp-layers": "942a763b2f30f038",
        "bidir-mntp-window": "dc627b0fdc4b8b73",
        "bidir-mntp-long": "284eeaf3521fc6bd",
        "bidir-supcon-long": "b0ab396d6b41a5d6",
    }


def test_how_a_text_is_read_changes_no_stage() -> None:
    base, card = resolve_base("mini"), get_card("bidir-supcon", load_cards())
    name = "bidir-supcon@template='{text} {text}',layer=1,ahead=2,pooled_tokens=all,width=8"
    read = get_card(name, load_cards())
    stages = [[stage.digest for stage in plan_lineage(base, each.recipe_on("mini"), 0)] for each in (card, read)]
    assert stages[0] == stages[1]
    assert card.recipe_on("mini").digest != read.recipe_on("mini").digest


@pytest.mark.parametrize("name", sorted(RAMPS))
def test_a_ramp_differs_from_mntp_in_its_mask_alone(name: str) -> None:
    cards = load_cards()
    for base in ("mini", "smollm2-135m", "gemma3-270m", "another"):
        (stage,) = cards[name].recipe_on(base).stages
        (plain,) = cards["bidir-mntp"].recipe_on(base).stages
        fields = stage.model_dump()
        assert fields.pop("mask_ramp") == {"by": name.removeprefix("bidir-mntp-").replace("-", "_"), "over": 0.5}
        assert fields == plain.model_dump()


STAGE = "stages: [{kind: mntp, examples: 9, steps: 1, batch_size: 2, max_length: 8, learning_rate: 1.0e-3%s}]\n"


@pytest.mark.parametrize(
    ("front", "sentence"),
    [
        ("attension: causal\n", "unknown field `attension`; did you mean attention"),
        (STAGE % ", stepz: 3", "unknown field `stages.0.mntp.stepz`; did you mean steps"),
        (STAGE % ", mask_probability: 1.5", "mask_probability"),
        ("bases: {mini: {simcse: {steps: 3}}}\n", "names simcse, which is not a stage of this card"),
        (STAGE % "" + "bases: {mini: {mntp: {stepz: 3}}}\n", "stepz"),
        (STAGE % "" + "bases: {mini: {mntp: [{steps: 3}]}}\n", "bases.mini.mntp is not fields and values"),
        ("bases: {big: {adapters: {source: org/adapter}}}\n", "bases.big.adapters is not a list"),
        ("pooling: max\n", "`pooling`"),
        ("a: [\n", "not YAML"),
    ],
)
def test_a_wrong_card_is_refused_in_one_sentence(front: str, sentence: str) -> None:
    with pytest.raises(HarnessError) as caught:
        read_card(write_card(Path("cards"), "wrong", front))
    assert sentence in str(caught.value)
    assert "wrong.md" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_must_stand_in_its_own_file() -> None:
    path = write_card(Path("cards"), "one").rename("cards/other.md")
    with pytest.raises(HarnessError, match=r"name the file one\.md"):
        read_card(path)


def test_steps_that_lead_nowhere_or_round() -> None:
    write_card(Path("model_cards"), "ninth", "step_from: causul\n")
    with pytest.raises(HarnessError, match="did you mean causal"):
        load_cards()
    write_card(Path("model_cards"), "ninth", "step_from: tenth\n")
    write_card(Path("model_cards"), "tenth", "step_from: ninth\n")
    with pytest.raises(HarnessError, match="circle"):
        load_cards()


def test_an_unknown_variant_gets_near_names() -> None:
    with pytest.raises(HarnessError, match="did you mean bidir-supcon"):
        get_card("bidir-supcom", load_cards())


def test_a_card_that_is_not_utf8_and_one_with_a_mark() -> None:
    path = write_card(Path("model_cards"), "plain")
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_card(path).variant == "plain"
    path.write_bytes(path.read_text(encoding="utf-8-sig").replace("A test", "Un caf\u00e9").encode("latin-1"))
    with pytest.raises(HarnessError, match=r"plain\.md: the card is not UTF-8 text"):
        read_card(path)


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("pooling: mean\npooling: last", "the key 'pooling' stands twice; keep one"),
        ("stages:\n  - {kind: simcse, steps: 1, steps: 2}", "the key 'steps' stands twice"),
        ("tags: &a [x]\nsources: *a", "anchors"),
        ("tags: " + "[" * 5000, r"nested too deeply|not YAML"),
        ("tags: !!python/object/apply:os.system ['true']", "not YAML"),
    ],
    ids=["key", "inner key", "anchor", "deep", "python"],
)
def test_yaml_that_says_something_else_than_it_seems(tmp_path: Path, front: str, words: str) -> None:
    path = tmp_path / "own.md"
    path.write_text(f"---\nvariant: own\ntitle: x\nattention: causal\n{front}\n---\nA card.\n")
    with pytest.raises(HarnessError, match=words):
        read_card(path)
