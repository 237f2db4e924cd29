"""Numbers drawn at random from the built pages equal those of the store, computed here by another way."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from harness.metrics import get_metric
from harness.outcomes import TaskPart, shown_texts
from harness.store import Store
from leaderboard.build import build_site
from tests.factory import TASKS, add_system, result_of

METRICS = {task.name: task.metric for task in TASKS}
Claim = tuple[str, str, Callable[[], float | int], str]  # where, what is shown, what the store says, metric


class Tables(HTMLParser):
    """The tables of a page: rows of cells as text, what is hidden or a detail left out."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.skip: list[str] = []
        self.cell: list[str] | None = None
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        css = dict(attrs).get("class") or ""
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = []
        elif self.skip or tag in ("details", "button") or set(css.split()) & {"hidden", "note", "flag", "seen"}:
            self.skip.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.skip and self.skip[-1] == tag:
            self.skip.pop()
        elif tag in ("td", "th") and self.cell is not None:
            self.tables[-1][-1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None and not self.skip:
            self.cell.append(data)


def claims(store: Store, site: Path) -> Iterator[Claim]:
    scores = store.scores()
    of = {name: rows.set_index("seed")["score"] for name, rows in scores.groupby(["variant", "task"])}

    def mean(variant: str, task: str) -> float:
        return float(of[variant, task].mean())

    def difference(first: str, second: str, task: str) -> float:
        return mean(first, task) - mean(second, task)

    for path in sorted(site.glob("compare/*.html")):
        first, second = re.match(r"mini--(.*)--vs--(.*)\.html", path.name).groups()  # type: ignore[union-attr]
        for row in Tables(path).tables[0][1:]:
            task = row[0]
            yield path.name, row[3], lambda f=first, s=second, t=task: difference(f, s, t), METRICS[task]
            yield path.name, row[13], lambda t=task: _examples(scores, t), "count"
    for path in sorted(site.glob("tasks/*.html")):
        for row in Tables(path).tables[0][1:]:
            yield path.name, row[1], lambda v=row[0], t=path.stem: mean(v, t), METRICS[path.stem]
    for path in sorted(site.glob("systems/*.html")):
        variant = path.stem.removeprefix("mini--")
        head, *rows = Tables(path).tables[0]
        seeds = [(i, name) for i, name in enumerate(head) if name.startswith("Seed ")]
        for row in rows:
            if row[2] == "not measured":
                continue
            yield path.name, row[2], lambda v=variant, t=row[0]: mean(v, t), METRICS[row[0]]
            for i, name in seeds:
                seed = int(name.removeprefix("Seed "))
                yield path.name, row[i], lambda v=variant, t=row[0], s=seed: float(of[v, t][s]), METRICS[row[0]]


def _examples(scores: pd.DataFrame, task: str) -> int:
    return int(scores[scores["task"] == task]["n_examples"].iloc[0])


@pytest.mark.slow
def test_two_hundred_numbers_are_the_stores(store: Store, site: Path) -> None:
    found = list(claims(store, site))
    assert len(found) > 400
    for where, shown, expected, metric in random.Random(20261121).sample(found, 200):
        if metric == "count":
            assert int(shown) == expected(), where
            continue
        scale, digits = get_metric(metric).scale, get_metric(metric).digits
        assert float(shown.replace("−", "-")) == pytest.approx(scale * expected(), abs=0.51 * 10**-digits), where


@pytest.mark.slow
def test_stored_examples_are_the_stores(store: Store, site: Path) -> None:
    """What the scripts hold for every example is the mean over the outcomes of the variant's seeds."""
    name = "examples/MiniTopic--mini.js"
    text = (site / name).read_text("utf-8")
    key, data = json.loads(text.removeprefix("harnessExamples.apply(null,").removesuffix(");\n"))
    assert key == name
    assert len(data["ids"]) == 150
    scores = store.scores().query("task == 'MiniTopic'")
    outcomes = store.outcomes(results=scores["result"]).merge(scores[["result", "variant"]], on="result")
    outcomes["right"] = (outcomes["gold_label"] == outcomes["predicted_label"]).astype(float)
    expected = outcomes.groupby(["variant", "example_id"])["right"].mean()
    for variant, values in zip(data["entries"], data["values"], strict=True):
        for example, value in zip(data["ids"], values, strict=True):
            assert value == pytest.approx(expected[variant, example], abs=1e-4)


@pytest.mark.slow
def test_downloads_are_the_stores(store: Store, site: Path) -> None:
    table = pd.read_csv(site / "downloads" / "scores.csv").set_index(["variant", "task"])["score"]
    means = store.scores().groupby(["variant", "task"])["score"].mean()
    assert table.to_dict() == pytest.approx(means.to_dict())
    again = pd.read_parquet(site / "downloads" / "scores.parquet").set_index(["variant", "task"])["score"]
    assert again.to_dict() == pytest.approx(means.to_dict())
    copied = Store(site / "downloads" / "results.duckdb", read_only=True)
    pd.testing.assert_frame_equal(copied.scores(), store.scores())


@pytest.mark.slow
def test_examples_are_shown_by_their_texts(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    add_system(store, "causal", tasks=TASKS[:1])
    run = add_system(store, "bidir", tasks=[])
    result = result_of(TASKS[0], skill=0.7)
    first = str(result.outcomes["example_id"].iloc[0])
    store.add_result(run, replace(result, shown=shown_texts([first], ["a  cat <b>" + "x" * 1000])))
    text = store.example_texts(TaskPart("MiniSTS", "test", "default"))[first]
    assert text.startswith("a cat <b>xxx")
    assert len(text) == 400
    site = build_site(store, tmp_path / "site", resamples=200).parent
    script = (site / "examples" / "MiniSTS--mini.js").read_text("utf-8")
    assert "a cat \\u003cb>xxx" in script
    page = (site / "tasks" / "MiniSTS.html").read_text("utf-8")
    assert "<b>xxx" not in page
    assert 'title="pair-1">pair-1</th>' in page or 'title="pair-' in page, "without a text the id stands"
