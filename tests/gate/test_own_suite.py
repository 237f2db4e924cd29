"""A suite of a user's own is the gate: its tasks, its margins, its golden results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.bases import resolve_base
from harness.cli.screen import RunScreen
from harness.errors import HarnessError
from harness.gate.judge import Judgement
from harness.gate.regress import regress, renew
from harness.metrics import score_outcomes
from harness.store import Store
from harness.suites.own import card_task
from tests.factory import add_system
from tests.suites.own.kit import write_card, write_table
from tests.suites.small import HashEncoder, texts

GOLDEN = Path("suites/mine.reference")


@pytest.fixture(autouse=True)
def _suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("suites").mkdir()
    _card("")
    write_table(Path("task_cards/p.csv"), _pairs(0))
    _list("")


def _pairs(seed: int) -> dict[str, list[object]]:
    scores = np.random.default_rng(seed).integers(0, 6, 80).tolist()
    return {"text1": texts(80, 1), "text2": texts(80, 2), "score": scores}


def _card(fields: str) -> None:
    write_card("pairs", f"type: similarity\nfile: p.csv\n{fields}", Path("task_cards"))


def _list(margins: str) -> None:
    Path("suites/mine.yaml").write_text(f"tasks: [card:pairs]\n{margins}")


def _measured(name: str, *, worse: float = 0.0, base_revision: str = "") -> Path:
    """A database with the variant's result; its predictions are nearer to gold, or with `worse` to noise."""
    store = Store(Path(f"{name}.duckdb"))
    revision = base_revision or resolve_base("mini").revision
    run = add_system(store, "bidir", tasks=(), base_revision=revision)
    (result,) = card_task("pairs").run(HashEncoder())
    rows = result.outcomes
    noise = np.random.default_rng(7).normal(size=len(rows))
    rows = rows.assign(predicted_score=rows["gold_score"] + (0.5 + worse) * noise)
    store.add_result(run, replace(result, outcomes=rows, score=score_outcomes("spearman", rows)))
    return store.path


def _renew(source: Path, *variants: str) -> None:
    renew(GOLDEN, screen=RunScreen, variants=variants, source=source, suite="mine")


def _judge(source: Path) -> Judgement:
    return regress(GOLDEN, screen=RunScreen, source=source, suite="mine")


def test_what_holds_and_what_is_lost() -> None:
    golden = _measured("golden")
    with pytest.raises(HarnessError, match="no golden results yet; name the first variants with --variant"):
        _renew(golden)
    _renew(golden, "bidir")
    assert [path.name for path in GOLDEN.iterdir()] == ["mini.bidir.jsonl"]
    (same,) = _judge(golden).tasks
    assert (same.verdict, same.margin) == ("identical", 0.03)
    bad = _measured("bad", worse=3.0)
    (lost,) = _judge(bad).losses
    assert lost.key.task == "pairs"
    _list("margins: {spearman: 90}")
    assert not _judge(bad).losses, "the list forgives more"


def test_the_cards_margin_counts_first() -> None:
    _card("margin: 95")
    _list("margins: {spearman: 1}")
    _renew(_measured("golden"), "bidir")
    (judged,) = _judge(_measured("bad", worse=3.0)).tasks
    assert (judged.verdict != "loss", judged.margin) == (True, 0.95)


def test_another_base_and_changed_data_are_refused() -> None:
    _renew(_measured("golden"), "bidir")
    write_table(Path("task_cards/p.csv"), _pairs(1))
    with pytest.raises(HarnessError, match="the golden result of bidir on pairs is of revision"):
        _judge(Path("golden.duckdb"))
    write_table(Path("task_cards/p.csv"), _pairs(0))
    other = _measured("other", base_revision="0123456789abcdef")
    _renew(other, "bidir")
    with pytest.raises(HarnessError, match=r"are of base mini \(0123456789ab\), not of mini"):
        _judge(other)


@pytest.mark.parametrize(
    ("margins", "sentence"),
    [
        ("margins: {spearmn: 1}", "did you mean spearman"),
        ("margins: {spearman: 0}", "the margin of spearman has to be a number above 0"),
    ],
)
def test_margins_that_cannot_be(margins: str, sentence: str) -> None:
    _list(margins)
    with pytest.raises(HarnessError, match=sentence):
        _renew(_measured("golden"), "bidir")


def test_a_metric_without_a_margin_is_refused_before_anything_is_written() -> None:
    table = {"text1": texts(9, 1), "text2": texts(9, 2)}
    write_table(Path("task_cards/b.csv"), table)
    write_card("two", "type: bitext\nfile: b.csv", Path("task_cards"))
    Path("suites/mine.yaml").write_text("tasks: [card:two]\n")
    with pytest.raises(HarnessError, match=r"declares no loss margin for weighted_f1; .*`margin` in the card"):
        _renew(_measured("golden"), "bidir")
    assert not GOLDEN.exists()
