from __future__ import annotations

from pathlib import Path

import pytest

from harness.cards import get_card, load_cards, read_card
from harness.errors import HarnessError

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


def write_card(folder: Path, variant: str, front: str = "", prose: str = "What it is for.") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{variant}.md"
    path.write_text(
        f"---\nvariant: {variant}\ntitle: A test\nattention: causal\n{front}---\n\n# {variant}\n\n{prose}\n"
    )
    return path


def test_the_eight_variants_and_what_they_are() -> None:
    cards = load_cards()
    assert set(cards) == EIGHT
    stages = {name: [stage.kind for stage in card.stages] for name, card in cards.items()}
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
        assert card.attention == ("causal" if name.startswith("causal") else "bidirectional")
        assert "**For:**" in card.prose
        assert "**Not for:**" in card.prose


def test_the_ladder_comes_first_step_by_step() -> None:
    names = list(load_cards())
    assert names[:5] == ["causal", "bidir", "bidir-mntp", "bidir-simcse", "bidir-supcon"]
    for card in load_cards().values():
        assert card.step_from is None or names.index(card.step_from) < names.index(card.variant)


def test_a_ninth_variant_is_a_file() -> None:
    write_card(Path("model_cards"), "ninth", "step_from: causal\n")
    assert set(load_cards()) == EIGHT | {"ninth"}


def test_a_card_here_replaces_the_packaged_one() -> None:
    write_card(Path("model_cards"), "causal", prose="Mine.")
    assert load_cards()["causal"].summary == "Mine."


def test_per_base_overrides_apply_to_that_base_only() -> None:
    card = load_cards()["bidir-supcon"]
    here, elsewhere = card.recipe("mini").stages[0], card.recipe("another").stages[0]
    assert here.steps == card.bases["mini"]["mntp"]["steps"]
    assert elsewhere == card.stages[0]
    assert here.mask_probability == elsewhere.mask_probability


def test_prose_is_no_part_of_the_recipe() -> None:
    first = read_card(write_card(Path("cards"), "one", prose="Once."))
    again = read_card(write_card(Path("cards"), "one", prose="Twice."))
    assert first.recipe("mini").digest == again.recipe("mini").digest
    assert first.sha256 != again.sha256


def test_seeded_only_if_something_is_random() -> None:
    seeded = {name: card.recipe("mini").seeded for name, card in load_cards().items()}
    assert {name for name, has in seeded.items() if not has} == {"causal", "bidir"}


STAGE = "stages: [{kind: mntp, examples: 9, steps: 1, batch_size: 2, max_length: 8, learning_rate: 1.0e-3%s}]\n"


@pytest.mark.parametrize(
    ("front", "sentence"),
    [
        ("attension: causal\n", "unknown field `attension`; did you mean attention"),
        (STAGE % ", stepz: 3", "unknown field `stages.0.mntp.stepz`; did you mean steps"),
        (STAGE % ", mask_probability: 1.5", "mask_probability"),
        ("bases: {mini: {simcse: {steps: 3}}}\n", "names simcse, which is no stage of this card"),
        (STAGE % "" + "bases: {mini: {mntp: {stepz: 3}}}\n", "stepz"),
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
