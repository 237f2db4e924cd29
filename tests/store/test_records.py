"""Records of earlier versions are read as what they are, and written again to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.records import Provenance, StoredRecipe, to_json
from harness.reference.files import read_references
from harness.stage_record import StageManifest
from harness.store.columns import from_stage, to_stage

# Written before there was a version.
TRAINED = (
    '{"base":{"name":"mini","revision":"b1"},"data":{"examples":60,"fingerprint":"f1","source":"text.txt"},"device":"cpu",'
    '"digest":"d1","kind":"mntp","losses":[[1,3.5],[4,3.25]],"name":"mntp","parent":null,"provenance":{"harness":"0.1",'
    '"versions":{"torch":"2.13"}},"recipe":{"batch_size":8,"data":"text.txt","kind":"mntp","lora":{"rank":16},"steps":4},'
    '"seconds":3.0,"seed":0,"weights_sha256":"w1"}'
)
ADAPTER = (
    '{"data":{"declared":["org/pairs"]},"digest":"d2","kind":"adapter","losses":[],"name":"adapter second",'
    '"recipe":{"data":["org/pairs"],"kind":"adapter","revision":null,"source":"org/second","trained_on":null}}'
)


@pytest.mark.parametrize(
    ("text", "sources", "steps"), [(TRAINED, ("text.txt",), 4), (ADAPTER, ("org/second", "org/pairs"), None)]
)
def test_a_manifest_without_a_version_is_read_and_stays_what_it_was(
    text: str, sources: tuple[str, ...], steps: int | None
) -> None:
    stage = to_stage(("d", "kind", text))
    assert (stage.version, stage.sources, stage.recipe.steps) == (1, sources, steps)
    assert from_stage(stage) == [stage.digest, stage.kind, text]


def test_a_newer_manifest_names_its_sources_itself() -> None:
    fields = {"digest": "d", "kind": "later", "version": 2, "data": {"sources": ["a", "b"]}, "recipe": {"source": "c"}}
    assert StageManifest.model_validate(fields).sources == ("a", "b")


def test_what_a_version_does_not_know_is_kept() -> None:
    for kind in (Provenance, StoredRecipe):
        assert to_json(kind.model_validate({"later": [1, {"x": None}]})) == '{"later":[1,{"x":null}]}'


def test_the_recipe_is_told_from_what_the_card_is_called() -> None:
    stored = StoredRecipe.model_validate({"title": "T", "card_sha256": "c", "attention": "causal", "stages": []})
    assert stored.fields == {"attention": "causal", "stages": []}


def test_a_record_that_cannot_be_read_is_one_sentence() -> None:
    with pytest.raises(HarnessError, match=r"StageManifest that cannot be read \(seconds: "):
        to_stage(("d", "mntp", '{"digest":"d","kind":"mntp","seconds":"long"}'))


def test_tracked_results_are_read_with_their_records() -> None:
    found = read_references(Path(__file__).parents[2] / "leaderboard" / "reference" / "mini")
    assert found
    for each in found:
        assert each.run.provenance.versions["torch"]
        assert each.system.recipe.fields["attention"] in {"causal", "bidirectional"}
