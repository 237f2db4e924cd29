"""The repetition suite: an encoder whose weights are known, the embedding layer, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.encoder.received import Received
from harness.errors import HarnessError
from harness.mini.corpus import held_out_documents
from harness.sentences import split_sentences
from harness.suites.mini.baseline import BagOfWords
from harness.suites.repetition import GROUPS, MEASURES, PLACES, SUITE, TASKS, TIMES, share_of
from harness.suites.repetition.texts import Passage, choose_passages, unrelated
from harness.suites.retention.text import RetentionText, open_text
from harness.suites.task import TaskOptions
from tests.cli.test_cli import call
from tests.suites.layers.test_layers import build

SHARES = [share_of(times) for times in TIMES]
N = 8


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> RetentionText:
    path = tmp_path_factory.mktemp("repetition") / "own.txt"
    path.write_text("\n\n".join(held_out_documents(1, 40)), encoding="utf-8")
    return open_text(str(path))


def outcomes(text: RetentionText, encoder: Any) -> dict[str, pd.DataFrame]:
    results = TASKS[0].chosen(TaskOptions(text=text)).run(encoder)
    assert [result.key.subset for result in results] == [measure.name for measure in MEASURES]
    return {result.key.subset: result.outcomes for result in results}


def by_layer(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The score of each measure (columns) at each layer (rows)."""
    sums = {
        name: rows.groupby("layer")[["predicted_score", "gold_score"]].sum().astype(float)
        for name, rows in found.items()
    }
    return pd.DataFrame({name: each["predicted_score"] / each["gold_score"] for name, each in sums.items()})


class Known:
    """A text is a mean of fixed vectors of its sentences: by tokens in layers 0 and 2, and in layer 1 each counts once.

    There the first sentence counts four times. Attention is uniform, but in layer 2, and in layer 1 by norm, a token
    that the text has more than four times gets three times as much.
    """

    name = "known"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def language_model(self) -> Any:
        return self.inner.language_model()

    @cache  # noqa: B019
    def vector(self, sentence: str) -> np.ndarray:
        return np.random.default_rng(list(sentence.encode())).normal(size=64)

    def by_layer(self, texts: Sequence[str], *, whole: bool) -> np.ndarray:
        assert whole
        made = []
        for each in texts:
            sentences = split_sentences(each)
            vectors = {sentence: self.vector(sentence) for sentence in sentences}
            tokens = dict(zip(vectors, self.inner.count_tokens(list(vectors)), strict=True))
            loud = {sentence: 4 if sentence == sentences[0] else 1 for sentence in vectors}
            bag = sum(tokens[each] * vectors[each] for each in sentences) / sum(tokens[each] for each in sentences)
            once = sum(loud[each] * vectors[each] for each in vectors) / sum(loud.values())
            made.append([bag, once, bag])
        return np.array(made, dtype=np.float32).transpose(1, 0, 2)

    def attention_received(self, ids_T: list[int]) -> Received:
        many = np.array([ids_T.count(token) for token in ids_T])
        loud = np.where(many > 4, 3.0, 1.0)
        uniform = np.ones((2, len(ids_T)))
        return Received(raw=np.stack([uniform[0], loud]), weighted=np.stack([loud, uniform[0]]), uniform=uniform)


def test_an_encoder_with_known_weights_has_the_shares_that_it_has(text: RetentionText) -> None:
    inner = build()
    found = by_layer(outcomes(text, Known(inner)))
    passages = choose_passages(inner.model.tokenizer, text.documents(), limit=256, text="own")
    assert len(passages) >= N
    for layer in (0, 2):
        assert found.loc[layer, SHARES].tolist() == pytest.approx([0.0] * len(SHARES), abs=1e-6)
        assert found.loc[layer, "fit"] == pytest.approx(1)
    for times in TIMES:
        wanted = np.mean([(4 / 7 if p.place == 0 else 1 / 7) - p.token_share(times) for p in passages])
        assert found.loc[1, share_of(times)] == pytest.approx(wanted, abs=1e-5)
    assert found.loc[1, "default"] == pytest.approx(np.mean(found.loc[1, SHARES[1:]]), abs=1e-9)
    assert found.loc[1, "share, per doubling"] < -0.1  # copies add nothing, and tokens more each time
    assert found.loc[1, "unrelated at the start"] > 2 * found.loc[1, "unrelated at the end"]
    for kind, layer in (("attention", 1), ("attention, by norm", 2)):
        for group in GROUPS:
            assert found.loc[layer, f"{kind}: {group}"] == pytest.approx(0 if "less" in group else 1, abs=1e-6)
    for kind, layer in (("attention", 2), ("attention, by norm", 1)):
        assert found.loc[layer, f"{kind}: later copies"] > 1.05
        assert found.loc[layer, f"{kind}: later copies, less others"] > 0.05


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_the_embedding_of_a_mean_is_the_null(text: RetentionText, attention: str) -> None:
    found = by_layer(outcomes(text, build(attention=attention)))
    assert found.loc[0, [*SHARES, "default", "share, per doubling"]].tolist() == pytest.approx([0.0] * 8, abs=1e-5)
    assert found.loc[0, "fit"] == pytest.approx(1, abs=1e-6)
    places = [f"unrelated at the {place}" for place in PLACES]
    assert found.loc[0, places].tolist() == pytest.approx([found.loc[0, places[0]]] * 3, abs=1e-6)
    assert found.loc[1:, SHARES].abs().max().max() > 0.01  # and the layers are not
    for group in GROUPS:
        assert pd.isna(found.loc[0, f"attention: {group}"])
        assert found.loc[1:, f"attention: {group}"].notna().all()
    # Each sentence once, at each place as often: together they get what is expected.
    assert found.loc[1:, "attention: once"].tolist() == pytest.approx([1.0] * 4, abs=0.2)


def test_last_tokens_that_are_all_the_same_have_no_weights_at_the_embedding(text: RetentionText) -> None:
    found = outcomes(text, build(attention="causal", pooling="lasttoken"))
    assert set(found["default"]["layer"]) == {1, 2, 3, 4}
    assert set(found["unrelated at the end"]["layer"]) == {0, 1, 2, 3, 4}
    assert by_layer(found).loc[4, "unrelated at the end"] > 10 * by_layer(found).loc[4, "unrelated at the start"]


def test_passages_are_of_like_sentences_and_their_places_take_turns(text: RetentionText) -> None:
    passages = choose_passages(build().model.tokenizer, text.documents(), limit=256, text="own")
    assert [passage.place for passage in passages[:5]] == [0, 1, 2, 3, 0]
    assert len({passage.row for passage in passages}) == len(passages)
    for passage, others in zip(passages, unrelated(passages), strict=True):
        lengths = [len(each) for each in passage.ids]
        assert max(lengths) <= 2 * min(lengths)
        assert passage.token_share(1) == pytest.approx(len(passage.sentence_ids) / sum(lengths))
        assert passage.repeated(3).count(passage.sentence) == 3
        assert len({other.sentence for other in others} - set(passage.sentences)) == 3
        start, _, end = passage.with_unrelated(others[0].sentence)
        assert start.startswith(others[0].sentence)
        assert end.endswith(others[0].sentence)


class Bytes:
    """A tokenizer for which a word behind a space is another token than one without, as GPT-2's."""

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[hash(each) for each in re.findall(r" ?\w+|\S", text)] for text in texts]}


def test_sentences_have_the_same_tokens_alone_and_in_their_text() -> None:
    passages = choose_passages(Bytes(), held_out_documents(1, 40), limit=512, text="own")
    assert {passage.lead for passage in passages} == {" "}
    for passage in passages:
        (ids,) = Bytes()([passage.repeated(1)])["input_ids"]
        assert ids == [token for each in passage.ids for token in each]


def test_what_cannot_be_measured_is_told(text: RetentionText) -> None:
    assert SUITE.names == ("Repetition",)
    with pytest.raises(HarnessError, match="a bag of words is not a language model"):
        TASKS[0].run(BagOfWords())
    Path("short.txt").write_text("a dog runs\n\na cat sat and ate a big red apple")
    with pytest.raises(HarnessError, match="0 documents of the text short have 4 different sentences of like length"):
        TASKS[0].chosen(TaskOptions(text=open_text("short.txt"))).run(build())
    with pytest.raises(HarnessError, match="this base reads 100 tokens, too few for a text of 4 sentences"):
        choose_passages(Bytes(), text.documents(), limit=100, text="own")
    with pytest.raises(HarnessError, match="texts do not fit into the 64 tokens that mini reads; raise max_length"):
        TASKS[0].chosen(TaskOptions(text=text)).run(build(max_length=64))
    ids = ((1, 2, 3, 4),) * 4
    alike = [Passage(row=row, sentences=tuple("abcd"), ids=ids, place=0, lead="") for row in range(4)]
    with pytest.raises(HarnessError, match="the documents have too few different sentences: 3 others are needed"):
        unrelated(alike)


@pytest.mark.slow
def test_the_suite_runs_and_its_command_shows_it(
    text: RetentionText, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("run", "--variant", "bidir", "--suite", "repetition", "--data", f"retention={text.files[0]}", "--quiet")
    assert call(*run, monkeypatch=monkeypatch) == 0
    assert (
        "All results are stored. `harness repetition --base mini` shows these diagnostics." in capsys.readouterr().out
    )
    assert call("repetition", "--layer", "0", "--measure", "share, repeated", monkeypatch=monkeypatch) == 0
    assert re.search(r"share, repeated +0 +0\.0 \(.*\) +0\.0 ", capsys.readouterr().out)
    assert call("verify", monkeypatch=monkeypatch) == 0
