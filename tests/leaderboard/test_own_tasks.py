"""Tasks of a user's own on the pages: nothing that a card keeps is there, and texts stand in their own direction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.store import Store
from harness.suites.own.task import OwnTask
from harness.suites.words import labels
from leaderboard.build import build_site
from tests.factory import add_system
from tests.suites.own.kit import own, write_table
from tests.suites.own.test_sequences import Knowing
from tests.suites.small import HashEncoder, texts

SECRET = "Zebrafisch"  # in every text, id, label and group of the tasks


def _secret(lines: list[str]) -> list[str]:
    return [f"{SECRET}{n} {line}" for n, line in enumerate(lines)]


def _kept() -> list[OwnTask]:
    """A task of each type that a card can describe in one file, with a secret in all that can hold one."""
    n = 40
    one, two = _secret(texts(n, 1)), _secret(texts(n, 2))
    label = [f"{SECRET}{'ab'[i % 2]}" for i in range(n)]
    ids = [f"{SECRET}-{i}" for i in range(n)]
    tables = {
        "similarity": {"text1": one, "text2": two, "score": [i % 6 for i in range(n)]},
        "pair-classification": {"text1": one, "text2": two, "label": [i % 2 for i in range(n)]},
        "classification": {"text": one, "label": label},
        "multilabel-classification": {"text": one, "labels": [[label[i], f"{SECRET}c"][: i % 3] for i in range(n)]},
        "clustering": {"text": one, "label": label},
        "bitext": {"text1": one, "text2": two},
        "summarization": {
            "text": [one[i // 4] for i in range(n)],
            "summary": two,
            "reference": one,
            "score": [i % 4 for i in range(n)],
        },
    }
    made = []
    for kind, table in tables.items():
        draws = "\ndraws: 1" if "classification" in kind and "pair" not in kind else ""
        fields = f"type: {kind}\nfile: {kind}.jsonl\npublish: nothing\ncolumns: {{id: name}}{draws}"
        made.append(own(f"own-{kind}", fields, {f"{kind}.jsonl": {**table, "name": ids}}))
    lines = [f"{SECRET}{i % 7} O\n{SECRET}x{i} B-{SECRET}\n\n" for i in range(n)]
    Path("s.conll").write_text("".join(lines))
    made.append(own("own-tags", "type: sequence-labels\nfile: s.conll\npublish: nothing", {}))
    words = {"word1": ids, "word2": label, "score": [i % 6 for i in range(n)]}
    made.append(own("own-words", "type: word-similarity\nfile: w.tsv\npublish: nothing", {"w.tsv": words}))
    Path("set/qrels").mkdir(parents=True)
    for name, each in (("queries", one), ("corpus", two)):
        rows = [{"_id": f"{SECRET}{name}{i}", "text": text} for i, text in enumerate(each)]
        Path(f"set/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judged = [f"{SECRET}queries{i}\t{SECRET}corpus{j}\t{int(i == j)}" for i in range(n) for j in (i, (i + 1) % n)]
    Path("set/qrels/test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged, ""]))
    made += [
        own(f"own-{kind}", f"type: {kind}\nfile: set\npublish: nothing", {}) for kind in ("retrieval", "reranking")
    ]
    return made


def _shown() -> OwnTask:
    """Pairs in Hebrew that may be shown; the card declares a margin and chance."""
    line = ["אני אוהב את הכלב", "היא קוראת ספר", "הוא הולך לשוק"]
    table = {
        "text1": [f"{line[i % 3]} {i}" for i in range(40)],
        "text2": [f"{line[i % 2]} {i}" for i in range(40)],
        "score": [i % 6 for i in range(40)],
    }
    write_table(Path("he.jsonl"), table)
    fields = "type: similarity\nfile: he.jsonl\nlanguage: heb-Hebr\npublish: texts\nmargin: 7\nchance: 12.5"
    return own("hebrew", fields, {})


@pytest.mark.slow
def test_nothing_is_on_the_pages_that_a_card_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(labels, "REPEATS", 1)
    tasks = [*_kept(), _shown()]
    store = Store(tmp_path / "results.duckdb")
    for variant in ("causal", "bidir"):
        run = add_system(store, variant, tasks=())
        for task in tasks:
            encoder = Knowing() if task.card.kind.of_words else HashEncoder(variant)
            for result in task.run(encoder):  # type: ignore[arg-type]
                store.add_result(run, result)
            store.add_declared(task.name, task.info.revision, margin=task.info.margin, chance=task.info.chance)
    rows = store.scores(diagnostics=True)
    assert set(rows["task"]) == {task.name for task in tasks}
    outcomes = store.outcomes(results=rows["result"]).astype(str)
    assert not outcomes.apply(lambda column: column.str.contains(SECRET)).any().any()
    assert {part.task for part in store.text_counts()} == {"hebrew"}
    site = build_site(store, tmp_path / "site", resamples=200).parent
    found = [path for path in site.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not found
    page = (site / "tasks" / "hebrew.html").read_text("utf-8")
    assert '<th scope="row" dir="auto">אני אוהב את הכלב 0 ⟷' in page
    assert "7.0 (as the task" in page
    assert "Dashed: chance, 12.5 (as the task" in page
