"""The words suite on encoders whose answers are known: what they cannot know, what they must, and what is reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.paths import cache_folder
from harness.probes import codelength
from harness.run.loop import execute
from harness.run.plan import RunRequest, plan_run
from harness.store import Store
from harness.suites.task import TaskOptions
from harness.suites.words import SUITE, TASKS, labels
from harness.suites.words import scores as score_tasks
from harness.suites.words.crossval import predict_labels, predict_scores
from harness.suites.words.data.examples import WordExample, blank_spans
from harness.suites.words.labels import measure_labels
from harness.suites.words.official import measure_official
from harness.suites.words.scores import measure_norms, measure_similarity
from tests.run.kit import Ear
from tests.suites.words.kit import AtOnce

NOUNS = [f"n{i}" for i in range(24)]
OTHER_SUBSETS = {
    "best layer",
    "layers",
    "random labels",
    "selectivity",
    "codelength",
    "no context",
    "first token",
    "last token",
    "majority",
}


@pytest.fixture(autouse=True)
def _two_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "REPEATS", 2)
    monkeypatch.setattr(score_tasks, "REPEATS", 2)
    monkeypatch.setattr(codelength, "SHARES", (0.1, 0.5, 1.0))


def code(text: str) -> np.ndarray:
    seed = sum((place + 1) * ord(letter) for place, letter in enumerate(text))
    return np.random.default_rng(seed).normal(size=12)


class Fake(AtOnce):
    """Layer 0 knows the word alone; layer 1 what stands before it, or in the whole text, and if that is odd (n3)."""

    def __init__(self, *, causal: bool, knows: bool = True, limit: int | None = None) -> None:
        self.causal, self.knows, self.limit = causal, knows, limit

    def word_vectors(self, texts, spans, *, take="mean", keep_cut=False) -> np.ndarray:
        layers = np.empty((2, len(texts), 13), dtype=np.float32)
        for row, (text, (start, end)) in enumerate(zip(texts, spans, strict=True)):
            seen = text[:end] if self.causal else text
            nouns = [int(word[1:]) for word in seen.split() if word[:1] == "n" and word[1:].isdigit()]
            knows = float(np.mean([2 * (noun % 2) - 1 for noun in nouns])) if nouns else 0.0
            layers[0, row] = [*code(text[start:end]), 0.0]
            layers[1, row] = [*code(seen), 3 * knows] if self.knows else layers[0, row]
            if self.limit is not None and end > self.limit:
                assert keep_cut
                layers[:, row] = np.nan
        return layers


def sentences(n: int = 96) -> list[WordExample]:
    rng = np.random.default_rng(1)
    made = []
    for number in range(n):
        noun, verb = NOUNS[number % len(NOUNS)], f"v{rng.integers(5)}"
        text = f"the {noun} {verb} the x{rng.integers(5)}"
        made.append(
            WordExample(
                example_id=str(number),
                texts=(text,),
                spans=(blank_spans(text)[1],),
                word=noun,
                label="animate" if int(noun[1:]) % 2 else "inanimate",
            )
        )
    return made


def scores(parts) -> dict[str, float]:
    from harness.metrics import score_outcomes

    return {part.subset: score_outcomes(part.metric, part.frame()) for part in parts}


@pytest.mark.slow
def test_words_before_the_target_know_nothing_under_a_causal_mask_and_all_without() -> None:
    for causal, low, high in ((True, 0.3, 0.7), (False, 0.99, 1.0)):
        parts, note = measure_labels(SUITE.task("SubjectAnimacyBefore"), sentences(), Fake(causal=causal))
        assert low <= scores(parts)["default"] <= high
        assert note == ""
    parts, _ = measure_labels(SUITE.task("SubjectAnimacyAfter"), sentences(), Fake(causal=True))
    assert scores(parts)["default"] > 0.99


def test_controls_stand_beside_the_score() -> None:
    parts, _ = measure_labels(SUITE.task("SubjectAnimacyAfter"), sentences(), Fake(causal=False))
    found = scores(parts)
    assert set(found) == {"default", *OTHER_SUBSETS}
    assert found["best layer"] > 0.99
    assert 0.3 < found["random labels"] < 0.7
    assert 0.35 < found["no context"] < 0.65
    assert 0.35 < found["majority"] < 0.55
    assert found["codelength"] < 0.85
    frames = {part.subset: part.frame() for part in parts}
    assert set(frames["default"]["position"]) == {1, 2, 3}
    assert set(frames["default"]["layer"]) == {1}
    assert set(frames["layers"]["layer"]) == {0, 1}
    assert frames["best layer"]["layer"].isna().all()
    # Every example once in each repeat of the folds, at each position.
    assert len(frames["default"]) == 96 * 3 * 2
    assert not frames["default"].duplicated(["example_id", "trial", "position"]).any()


@pytest.mark.slow
def test_selectivity_is_low_where_a_probe_memorises_words() -> None:
    """Where a vector is the word and nothing else, random labels of words are learnt as well as the real ones."""
    memory, _ = measure_labels(SUITE.task("SubjectAnimacyAt"), sentences(), Fake(causal=False, knows=False))
    context, _ = measure_labels(SUITE.task("SubjectAnimacyBefore"), sentences(), Fake(causal=False))
    assert scores(memory)["selectivity"] < 0.2
    assert scores(context)["selectivity"] > 0.3


def test_the_best_layer_is_not_chosen_on_the_fold_that_is_predicted() -> None:
    rng = np.random.default_rng(0)
    truth, folds = rng.integers(0, 2, 60), np.arange(60)[None] % 5
    noise = rng.normal(size=(40, 1, 60, 3)).astype(np.float32)
    by_layer, best = predict_labels(noise, truth, folds, classes=2)
    right = (by_layer[:, 0, 0] == truth).mean(axis=1)
    assert right.max() > 0.62
    assert (best[0, 0] == truth).mean() < right.max() - 0.05


def test_scores_are_predicted_from_the_layer_that_knows_them() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3, 200, 8)).astype(np.float32)
    targets = vectors[1, :, :2].T.astype(float)
    by_layer, best = predict_scores(vectors, targets, np.arange(200)[None] % 5)
    assert np.corrcoef(best[0, 0], targets[0])[0, 1] > 0.99
    assert abs(np.corrcoef(by_layer[2, 0, 0], targets[0])[0, 1]) < 0.3


def test_norms_similarity_and_official_wic() -> None:
    rated = [
        WordExample(
            example_id=e.example_id,
            texts=e.texts,
            spans=e.spans,
            word=e.word,
            scores=(float(int(e.word[1:]) % 2), 1.0 * i),
        )
        for i, e in enumerate(sentences(96))
    ]
    parts, _ = measure_norms(SUITE.task("SensorimotorNorms"), rated, Fake(causal=False))
    found = {part.subset: part.frame() for part in parts}
    assert set(found) == {"default", "best layer", "layers", "random scores", "no context", "first token", "last token"}
    first = found["default"][found["default"]["trial"] < 2]
    assert np.corrcoef(first["gold_score"].astype(float), first["predicted_score"].astype(float))[0, 1] > 0.9

    pairs = [
        WordExample(
            example_id=str(i),
            texts=(f"n{i}", f"n{i + i % 3}"),
            spans=((0, 3), (0, 3)),
            word=str(i),
            scores=(-(i % 3),),
        )
        for i in range(10, 37)
    ]
    parts, _ = measure_similarity(SUITE.task("SimLex999"), pairs, Fake(causal=True))
    assert scores(parts)["default"] > 0.4
    uses = [
        WordExample(
            example_id=str(i),
            texts=("the n1 v", "the n1 v" if i % 2 else "the n2 v"),
            spans=((4, 6), (4, 6)),
            word="n1",
            label="same" if i % 2 else "different",
            part=("train", "dev", "test")[i % 3],  # type: ignore[arg-type]
        )
        for i in range(60)
    ]
    parts, _ = measure_official(SUITE.task("WiCFull"), uses, Fake(causal=True))
    assert scores(parts) == {"default": 1.0, "best layer": 1.0, "layers": 1.0}
    assert len(parts[0].frame()) == 20


def test_words_that_are_cut_off_are_counted_and_left_out() -> None:
    long = sentences()
    limit = max(end for e in long for _, end in e.spans) - 1
    parts, note = measure_labels(SUITE.task("SubjectAnimacyAt"), long, Fake(causal=True, limit=limit))
    lost = sum(end > limit for e in long for _, end in e.spans)
    assert 0 < lost < len(long)
    assert note.startswith(f"{lost} of 96 examples left out: the word lies behind the last token")
    assert parts[0].frame()["example_id"].nunique() == 96 - lost
    with pytest.raises(HarnessError, match="every word is after the last token"):
        measure_labels(SUITE.task("SubjectAnimacyAt"), sentences(), Fake(causal=True, limit=3))


def test_a_constant_label_is_named() -> None:
    same = [
        WordExample(example_id=e.example_id, texts=e.texts, spans=e.spans, word=e.word, label="animate")
        for e in sentences()
    ]
    with pytest.raises(HarnessError, match="all examples have the same label"):
        measure_labels(SUITE.task("SubjectAnimacyAt"), same, Fake(causal=True))


def test_names_are_one_a_task() -> None:
    assert len(set(SUITE.names)) == len(TASKS) == 24
    with pytest.raises(HarnessError, match="did you mean WiCCosine"):
        SUITE.task("WiCCosin")


def test_a_control_without_a_correlation_is_left_out_and_said(shared_data: Path) -> None:
    """Every first token the same, as where a tokenizer begins each word with a blank: one cosine for all pairs."""

    class Blank(Fake):
        def word_vectors(self, texts, spans, *, take="mean", keep_cut=False) -> np.ndarray:
            layers = super().word_vectors(texts, spans, take=take, keep_cut=keep_cut)
            layers[:, [i for i in range(len(texts)) if (take if isinstance(take, str) else take[i]) == "first"]] = 1.0
            return layers

    options = TaskOptions(data_dir=shared_data / "probes")
    results = SUITE.task("RG65").chosen(options).run(Blank(causal=True))
    assert [result.key.subset for result in results] == ["default", "last token", "layers"]
    assert results[0].note.startswith("undefined, all predictions being equal: first token")


PLACE = Placement(device="cpu", dtype="float32")


@pytest.mark.slow
def test_through_the_store(tiny_base: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.compare import current_entries
    from harness.compare.cells import cells

    store = Store(Path("results.duckdb"))
    wanted = RunRequest(
        base=str(tiny_base),
        variants=("bidir",),
        suite="words",
        tasks=("RG65",),
        data_dir=shared_data / "probes",
    )
    ear = Ear()
    execute(plan_run(wanted, store, place=PLACE, cache=cache_folder()), store, ear, command="test")
    assert plan_run(wanted, store, place=PLACE, cache=cache_folder()).idle
    assert all(check.ok for check in store.verify())
    assert set(store.scores()["subset"]) == {"default"}
    every = store.scores(diagnostics=True)
    assert len(every) == 2 * 4
    found = cells(store, current_entries(store), scores=every, tasks=["RG65"], subsets=["layers"], by="layer")
    assert {(cell.variant, cell.layer) for cell in found} == {
        (v, layer) for v in ("causal", "bidir") for layer in range(3)
    }
    assert all(-1 <= cell.value <= 1 for cell in found)


def test_a_data_folder_is_asked_for_and_never_ignored(tiny_base: Path, shared_data: Path) -> None:
    store = Store(Path("results.duckdb"))

    def plan(*, suite: str, tasks: Sequence[str], folder: Path | None) -> None:
        plan_run(
            RunRequest(base=str(tiny_base), variants=("bidir",), suite=suite, tasks=tuple(tasks), data_dir=folder),
            store,
            place=PLACE,
            cache=cache_folder(),
        )

    with pytest.raises(HarnessError, match="fetch them with `harness data fetch words`"):
        plan(suite="words", tasks=(), folder=None)
    with pytest.raises(HarnessError, match="is for the words suite"):
        plan(suite="mini", tasks=("MiniSTS",), folder=shared_data / "probes")


@pytest.mark.slow
def test_a_causal_model_knows_nothing_before_the_target(shared_data: Path) -> None:
    """babyllama-char105: by construction (states before the target do not move with it) and by every interval."""
    from harness.compare.aligned import align
    from harness.compare.estimates import estimate_task
    from harness.encoder.model import build_encoder
    from harness.metrics import get_metric
    from harness.recipes import Recipe

    folder = shared_data / "models" / "babyllama-char105"
    encoder = build_encoder(folder, Recipe(attention="causal"), seed=None, place=PLACE, name="b", revision="1")
    for name in ("SubjectAnimacyBefore", "ObjectAnimacyBefore", "VerbCausativeBefore", "VerbDynamicBefore"):
        task = SUITE.task(name)
        examples = task.data.words(shared_data / "probes").examples
        some = examples[:20]
        cut = [e.texts[0][: e.spans[0][0]] for e in some]
        before = [blank_spans(text.rstrip())[-1] for text in cut]
        with_target = encoder.word_vectors([e.texts[0] for e in some], before)
        without = encoder.word_vectors([text + "zzz" for text in cut], before)
        np.testing.assert_allclose(with_target, without, atol=1e-5)
        parts, _ = measure_labels(task, examples, encoder)
        outcomes = parts[0].frame().assign(result=1)
        (aligned,) = align(outcomes, metric="accuracy")
        (found,), _ = estimate_task(
            aligned,
            get_metric("accuracy").contributions(aligned),
            metric=get_metric("accuracy"),
            entries=[{None: 0}],
            pairs=[],
            rng=np.random.default_rng(0),
            resamples=2000,
        )
        assert found.interval is not None
        assert found.interval.low < 0.5 < found.interval.high, f"{name}: {found.value}"
