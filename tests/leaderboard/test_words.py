"""The words page: sides of a question share a chart, layers have theirs, controls and diagnostics have intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult
from harness.store import Store
from harness.suites.words import feng2025
from harness.suites.words.figures import figure
from leaderboard import text
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, outcomes_of, result_of

pytestmark = pytest.mark.slow

PROBE = TASKS[4]
STUDY = feng2025.TASKS[0]


def _untested(task: str, subset: str, rows: pd.DataFrame, *, task_type: str = "ProbeControl") -> TaskResult:
    metric = "accuracy"
    key = TaskKey(task=task, split="test", subset=subset, revision="r1", metric=metric)
    return TaskResult(key=key, task_type=task_type, score=score_outcomes(metric, rows), outcomes=rows, seconds=0.1)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Path]:
    folder = tmp_path_factory.mktemp("words")
    store = Store(folder / "r.duckdb")
    for variant, skill in (("causal", 0.4), ("bidir", 0.7), ("bidir-mntp", 0.7)):
        names = [replace(PROBE, name=f"Animacy{side}") for side in ("Before", "After")] + [replace(PROBE, name="HasAt")]
        run = add_system(store, variant, skill=skill, tasks=names)
        plain = outcomes_of(replace(PROBE, name="AnimacyBefore"), skill=skill, seed=variant)
        layers = [plain.assign(layer=pd.array([layer] * len(plain), dtype="Int32")) for layer in (0, 1, 2)]
        store.add_result(run, _untested("AnimacyBefore", "layers", pd.concat(layers, ignore_index=True)))
        store.add_result(run, _untested("AnimacyBefore", "no context", plain))
        if variant == "bidir-mntp":
            store.add_result(run, _untested(STUDY.name, "linear", plain, task_type=feng2025.TASK_TYPE))
        store.add_result(run, _untested("Geometry", "anisotropy", result_of(PROBE, skill=0.5).outcomes))
        store.add_result(run, _untested("Geometry", "centred", pd.concat(layers, ignore_index=True)))
    return store, build_site(store, folder / "site", resamples=200).parent


def test_the_sides_of_a_question_share_a_chart(page: tuple[Store, Path]) -> None:
    words = (page[1] / "words.html").read_text("utf-8")
    assert "<h4>Animacy</h4>" in words
    assert "<h4>HasAt</h4>" in words, "a name that only ends like a side keeps it"
    assert words.count("score by token position</title>") == 2


def test_layers_and_controls_are_shown(page: tuple[Store, Path]) -> None:
    store, site = page
    words = (site / "words.html").read_text("utf-8")
    assert words.count("AnimacyBefore: score by layer</title>") == 1, "with its own question, and no other"
    assert "AnimacyBefore: controls" in words
    assert "Geometry: controls" in words
    assert "Geometry, centred: by layer</title>" in words
    scores = store.scores(diagnostics=True)
    for variant in ("causal", "bidir"):
        here = scores[(scores["variant"] == variant) & (scores["subset"] == "no context")]
        assert f'{text.score(here["score"].iloc[0], "accuracy")}<span class="ends">' in words
    system = (site / "systems" / "mini--bidir.html").read_text("utf-8")
    assert "AnimacyBefore: bidir by layer</title>" in system
    assert "no context" not in (site / "index.html").read_text("utf-8"), "controls are no tasks"


def test_the_study_is_shown_with_ours(page: tuple[Store, Path]) -> None:
    """The paper's figure for the same word, probe and step, and ours with an interval; no diagnostic of its own."""
    words = (page[1] / "words.html").read_text("utf-8")
    before = figure(STUDY, probe="linear", metric="accuracy", model="Sheared-LLaMA-1.3B Bi+MNTP", position=-1)
    assert before is not None
    section = words[words.index("Comparison with Feng et al. 2025") :]
    row = section[section.index('<td class="num">-1</td>') :]
    row = row[: row.index("</tr>")]
    assert row.endswith(f'</span><i class="ends">{before:.3f}</i></td>')
    assert f"{STUDY.name}: controls" not in words
