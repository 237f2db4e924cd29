"""The page of distractors: the numbers of the command, the answer to the declared question, texts that are text."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from harness.compare.distractors.masks import MaskDifference
from harness.compare.distractors.views import distractor_rows
from harness.compare.distractors.wording import mask_sentences
from harness.stats.estimate import Interval
from harness.store import Store
from harness.suites.distractor import CLEAN, DIRTY, ROWS
from harness.suites.distractor.texts import FIRST
from leaderboard import text
from leaderboard.build import build_site
from tests.cli.test_cli import call
from tests.factory import TASKS, add_system
from tests.leaderboard.conftest import FEW
from tests.leaderboard.distracted import distracted_store

HOSTILE = '<script>alert("x")</script><img src=x onerror=y>'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return distracted_store(tmp_path_factory.mktemp("distracted") / "results.duckdb", text=HOSTILE)


@pytest.fixture(scope="module")
def page(store: Store) -> str:
    site = build_site(store, store.path.parent / "site", resamples=FEW).parent
    return (site / "distractors.html").read_text("utf-8")


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


def cells(html: str, table: str) -> list[list[str]]:
    body = html.split(f'id="{table}"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return [
        [plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


def with_ends(value: float | None, interval: Interval | None, metric: str, *, signed: bool) -> str:
    if value is None:
        return "–"
    write = text.change if signed else text.score
    return f"{write(value, metric)} {text.span(interval, metric, signed=signed)}".strip()


@pytest.mark.slow
def test_the_numbers_are_those_of_the_command(
    store: Store, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = distractor_rows(store, base="mini", conditions=())
    own = [row for row in found.rows if row.condition == FIRST.name]
    shown = cells(page, "d0-0-rows")
    assert [row[:2] for row in shown] == [[row.variant, row.row] for row in own]
    for row, told in zip(own, shown, strict=True):
        assert told[2] == with_ends(row.score, row.interval, row.metric, signed=False)
        change = (row.gain, row.beyond) if row.row != CLEAN else (None, None)
        assert told[3] == with_ends(change[0], row.gain_interval, row.metric, signed=True)
        assert told[5] == with_ends(change[1], row.beyond_interval, row.metric, signed=True)
        if row.is_cure and row.recovery is not None and row.recovery_interval is not None:
            ends = row.recovery_interval
            written = f"{100 * row.recovery:z.0f} % {100 * ends.low:z.0f} to {100 * ends.high:z.0f}"
            assert told[4] == written.replace("-", "−")
        else:
            assert told[4] == ("no certain loss" if row.is_cure else "–")
    assert any("%" in told[4] for told in shown)

    others = cells(page, "d0-0-others")
    of = {(row.condition, row.variant, row.row): row for row in found.rows if row.condition != FIRST.name}
    assert len(others) == len({key[:2] for key in of})
    for told in others:
        dirty = of[told[0], told[1], DIRTY]
        assert told[2] == with_ends(dirty.score, dirty.interval, dirty.metric, signed=False)
        assert told[3] == with_ends(dirty.gain, dirty.gain_interval, dirty.metric, signed=True)
        for name, cell in zip(ROWS[2:], told[4:], strict=True):
            row = of.get((told[0], told[1], name))
            assert cell.startswith(with_ends(row.gain, row.gain_interval, row.metric, signed=True) if row else "–")

    masks = [each for each in found.masks if each.row == DIRTY]
    for told, each in zip(cells(page, "d0-0-masks"), masks, strict=True):
        assert told[:2] == [each.condition, f"{each.bidirectional} − {each.causal}"]
        assert told[4] == with_ends(each.difference, each.interval, each.metric, signed=True)
        assert told[5] == {1: "less", -1: "more", 0: "undecided"}[each.side]
    for told, cured in zip(cells(page, "d0-0-cured"), found.cured, strict=False):
        assert told[:3] == [cured.variant, cured.plain, FIRST.name]
        assert told[5] == with_ends(cured.harm, cured.harm_interval, cured.metric, signed=True)
        assert told[7] == with_ends(cured.lost, cured.lost_interval, cured.metric, signed=True)
    for prefix, table, of_cells in (("gate: ", "gate", found.gate), ("tokens: ", "tokens", found.tokens)):
        drawn = {row[0]: row[1:] for row in cells(page, f"d0-0-{table}")}
        names = list(dict.fromkeys(cell.subset.removeprefix(prefix) for cell in of_cells))
        for cell in of_cells:
            assert drawn[cell.variant][names.index(cell.subset.removeprefix(prefix))].startswith(
                text.score(cell.value, cell.metric)
            )

    assert call("distractors", "--db", str(store.path), "--json", monkeypatch=monkeypatch) == 0
    told_ = json.loads(capsys.readouterr().out)
    assert [row["score"] for row in told_["rows"]] == pytest.approx([row.score for row in own])
    answers = [each for each in found.masks if each.condition == FIRST.name]
    assert [each["difference"] for each in told_["masks"]] == pytest.approx([each.difference for each in answers])
    assert call("distractors", "--db", str(store.path), monkeypatch=monkeypatch) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for sentence in mask_sentences(answers):
        assert sentence in printed
        assert text.typeset(sentence) in plain(page)


def test_the_question_is_answered_as_the_interval_says(store: Store) -> None:
    found = distractor_rows(store, base="mini")
    weight = {each.variants: each for each in found.masks if each.row == DIRTY}
    # A distractor moves the answers of `bidir` more than those of `causal`, and those of the trained two alike.
    assert weight["causal", "bidir"].side == -1
    rows = {(row.variant, row.row): row for row in found.rows}
    beyond = rows["bidir", DIRTY]
    assert weight["causal", "bidir"].difference == pytest.approx(beyond.beyond)
    assert weight["causal", "bidir"].interval == beyond.beyond_interval
    said = mask_sentences(found.masks)
    assert said[0].startswith("The bidirectional mask makes the distractor weigh more: dirty less clean is -")
    (card,) = (each for each in found.masks if each.in_card)
    assert card.variants == ("causal-extract", "bidir-extract")
    cured = {row.variant: row for row in found.cured}
    assert card.difference == pytest.approx(cured["bidir-extract"].gain - cured["causal-extract"].gain)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "The bidirectional mask makes the distractor weigh less: "),
        (-0.3, -0.1, "The bidirectional mask makes the distractor weigh more: "),
        (-0.1, 0.2, "It is undecided whether the bidirectional mask makes the distractor weigh more or less: "),
    ],
)
def test_a_difference_is_said_in_words(low: float, high: float, said: str) -> None:
    own = Interval(low=-0.5, high=-0.1, method="")
    (sentence,) = mask_sentences(
        [
            MaskDifference(
                base="mini", task="t", metric="spearman", condition=FIRST.name, training="none", causal="causal",
                bidirectional="bidir", row=DIRTY, in_card=False, causal_change=-0.4, causal_interval=own,
                bidirectional_change=-0.3, bidirectional_interval=own, difference=(low + high) / 2,
                interval=Interval(low=low, high=high, method=""),
            )
        ]
    )  # fmt: skip
    assert sentence.startswith(said)
    assert "-30.0 (-50.0 to -10.0) for `bidir` and -40.0 (-50.0 to -10.0) for `causal`, a difference of" in sentence


@pytest.mark.slow
def test_every_text_of_an_example_is_text_and_stands_once(page: str) -> None:
    assert HOSTILE not in page
    assert "<img" not in page
    assert page.lower().count("<script") == 4
    assert page.count("<caption>Example ") == 3
    first, second = page.split("<caption>Example ")[1:3]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td dir="auto">(.*?)</td></tr>', first, re.DOTALL)
    assert [plain(row).split()[0] for row, _ in rows[:2]] == [CLEAN, DIRTY]
    assert all(HOSTILE in unescape(made) for _, made in rows)
    # Of the first example each system made its own text, of the second all made the same.
    assert len([row for row, _ in rows if row.startswith("score and drop")]) == 4
    assert second.count('<th scope="row">score and drop') == 1
    assert re.search(r"score and drop.*?causal, bidir.*?</span>", second, re.DOTALL)


@pytest.mark.slow
def test_no_page_and_no_link_without_such_results(tmp_path: Path, page: str) -> None:
    assert '<a href="distractors.html" aria-current="page">Distractors</a>' in page
    store = Store(tmp_path / "results.duckdb")
    add_system(store, "causal", tasks=TASKS[:1])
    site = build_site(store, tmp_path / "site", resamples=FEW).parent
    assert not (site / "distractors.html").exists()
    assert "distractors.html" not in (site / "index.html").read_text("utf-8")
    assert (site / "repetition.html").exists()
