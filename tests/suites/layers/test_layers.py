"""The layers suite on the small base: what the mask must show, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from harness.encoder.layers import residual_states
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.mini import checkpoint_folder
from harness.recipes import Recipe
from harness.suites.layers import MEASURES, SUITE, TASKS
from harness.suites.mini.baseline import BagOfWords
from harness.suites.retention.text import RetentionText, open_text
from harness.suites.task import TaskOptions

PLACE = Placement(device="cpu", dtype="float32")
LAYERS = 5  # the embedding and four


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> RetentionText:
    from harness.mini.corpus import held_out_documents

    path = tmp_path_factory.mktemp("layers") / "own.txt"
    path.write_text("\n\n".join(held_out_documents(1, 12)), encoding="utf-8")
    return open_text(str(path))


def build(**recipe: Any) -> Encoder:
    folder = checkpoint_folder()
    fields = {"attention": "bidirectional"} | recipe
    return build_encoder(
        folder, Recipe(**fields), seed=None, place=PLACE, name="mini", revision="1", language_model=folder
    )


def by_layer(text: RetentionText, **recipe: Any) -> pd.DataFrame:
    """The mean of each measure (columns) at each layer (rows)."""
    encoder = build(**recipe)
    results = TASKS[0].chosen(TaskOptions(text=text)).run(encoder)
    assert [result.key.subset for result in results] == [measure.name for measure in MEASURES]
    return pd.DataFrame(
        {result.key.subset: result.outcomes.groupby("layer")["predicted_score"].mean() for result in results}
    )


@pytest.fixture(scope="module")
def causal(text: RetentionText) -> pd.DataFrame:
    return by_layer(text, attention="causal")


@pytest.fixture(scope="module")
def bidirectional(text: RetentionText) -> pd.DataFrame:
    return by_layer(text, attention="bidirectional")


def test_the_base_is_like_itself_and_sees_nothing_to_the_right(causal: pd.DataFrame) -> None:
    assert len(causal) == LAYERS
    assert causal["default"].tolist() == pytest.approx([1.0] * LAYERS, abs=1e-5)
    assert causal["CKA"].tolist() == pytest.approx([1.0] * LAYERS, abs=1e-4)
    assert causal["right influence"].tolist() == [0.0] * LAYERS
    assert causal["left influence"][0] == 0
    assert (causal["left influence"][1:] > 0).all()
    assert causal["word identity"][0] == 1
    assert causal["update"][0] == 0
    # A language model predicts the next token better from layer to layer, and loses the token itself.
    assert causal["lens: the next token"].iloc[-1] < causal["lens: the next token"].iloc[1] - 1


def test_the_mask_lets_the_right_in_and_leaves_the_embedding_as_it_is(
    causal: pd.DataFrame, bidirectional: pd.DataFrame
) -> None:
    assert bidirectional["right influence"][0] == 0
    assert (bidirectional["right influence"][1:] > 0).all()
    assert bidirectional["default"][0] == pytest.approx(1, abs=1e-5)
    assert (bidirectional["default"][1:] < 1 - 1e-3).all()
    assert (bidirectional["CKA"][1:] < 1 - 1e-3).all()
    for name in ("effective rank", "entropy", "curvature", "lens: the token itself"):
        assert bidirectional[name][0] == pytest.approx(causal[name][0], rel=1e-5)


def test_a_degree_of_the_mask_is_in_force(text: RetentionText) -> None:
    found = by_layer(text, attention="bidirectional", from_layer=3)
    assert (found["right influence"][:4] == 0).all()
    assert found["right influence"][4] > 0


def test_states_are_those_before_the_last_norm() -> None:
    encoder = build()
    ids = torch.tensor([[5, 6, 7, 8]])
    states = residual_states(encoder.backbone, ids)
    with torch.inference_mode():
        usual = encoder.backbone(input_ids=ids, output_hidden_states=True).hidden_states
        torch.testing.assert_close(encoder.backbone.norm(states[-1]), usual[-1])
    torch.testing.assert_close(states[:-1], torch.stack(list(usual[:-1])))


def test_what_cannot_be_measured_is_told() -> None:
    assert SUITE.names == ("Layers",)
    with pytest.raises(HarnessError, match="neither retention nor layers"):
        TASKS[0].run(BagOfWords())
    Path("short.txt").write_text("a dog runs\n\na cat sat")
    encoder = build()
    with pytest.raises(HarnessError, match="0 documents of the text short have 32 tokens, and at least 2 are needed"):
        TASKS[0].chosen(TaskOptions(text=open_text("short.txt"))).run(encoder)


def test_a_changed_protocol_is_another_revision() -> None:
    task = TASKS[0].chosen(TaskOptions(text=open_text("mini")))
    assert task.revision.endswith(open_text("mini").revision)
    assert replace(task, protocol=task.protocol + 1).revision != task.revision
