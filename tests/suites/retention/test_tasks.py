"""The retention suite: per-document outcomes of one language model, and nothing computed twice."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from harness.encoder.attention import set_attention
from harness.encoder.model import Encoder, build_encoder
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskResult, row_ids
from harness.recipes import Recipe
from harness.suites.mini.baseline import BagOfWords
from harness.suites.retention import SUITE, TASKS
from harness.suites.retention.tasks import ngram_counts
from harness.suites.retention.text import open_text
from harness.suites.task import TaskOptions
from harness.text_to_vector import Attention
from tests.adapters import make_lineage

LONG = "the old man saw her and ran to the big red tree in the road and the cat sat on the mat"
DOCUMENTS = [LONG, "a dog", f"{LONG} and {LONG} and {LONG} and {LONG}", LONG.replace("cat", "bird")]


def encoder(checkpoint: Path, base: Path, *adapters: Path, attention: Attention = "bidirectional") -> Encoder:
    return build_encoder(
        checkpoint,
        Recipe(attention=attention),
        seed=None,
        place=Placement(device="cpu", dtype="float32"),
        name="tiny",
        revision="1",
        language_model=base,
        adapters=adapters,
    )


def run_all(system: Encoder) -> dict[str, TaskResult]:
    Path("text.txt").write_text("\n\n".join(DOCUMENTS))
    options = TaskOptions(text=open_text("text.txt"))
    (results,) = zip(*(task.chosen(options).run(system) for task in TASKS), strict=True)
    return {result.key.task: result for result in results}


@pytest.mark.slow
def test_every_measure_is_the_aggregate_of_its_documents(tiny_base: Path) -> None:
    stages = make_lineage(tiny_base, Path("lineage"))
    base, trained = (
        run_all(system)
        for system in (
            encoder(tiny_base, tiny_base),
            encoder(stages[-1], tiny_base, *(stage / "adapter" for stage in stages)),
        )
    )
    losses = encoder(tiny_base, tiny_base).language_model().losses(DOCUMENTS)
    assert base["RetentionBits"].score == pytest.approx(losses.bits.sum() / losses.bytes.sum())
    assert base["RetentionPerplexity"].score == pytest.approx(math.exp(losses.nats.sum() / losses.tokens.sum()))
    for found in (base, trained):
        for result in found.values():
            assert score_outcomes(result.key.metric, result.outcomes) == result.score
            assert (result.key.subset, result.key.split, result.task_type) == ("text", "test", "Retention")
        assert found["RetentionBits"].outcomes["example_id"].tolist() == row_ids(DOCUMENTS)
        assert found["RetentionBits"].note == "1 of 4 texts cut at 64 tokens"
        # "a dog" is too short to prompt with
        assert found["RetentionRepeatsGreedy"].outcomes["example_id"].tolist() == [
            row_ids(DOCUMENTS)[row] for row in (0, 2, 3)
        ]
        assert found["RetentionRepeatsGreedy"].note == "3 continuations of 47 tokens"
        assert found["RetentionAdaptersOff"].score == 0.0
    asked = ["example_id", "unit", "trial", "gold_score"]
    for name in base:
        pd.testing.assert_frame_equal(base[name].outcomes[asked], trained[name].outcomes[asked])
    assert trained["RetentionBits"].score != pytest.approx(base["RetentionBits"].score, abs=1e-3)
    assert (base["RetentionSameText"].score, base["RetentionSameTokens"].score) == (1.0, 1.0)
    assert trained["RetentionSameTokens"].score < 1.0


def test_continuations_are_compared_with_the_bases_up_to_the_first_difference(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = encoder(tiny_base, tiny_base)
    model = system.language_model()
    plain = model.of_base

    def later(prompts, *, new_tokens: int) -> np.ndarray:
        made = plain(prompts, new_tokens=new_tokens).copy()
        made[1, 10] += 1  # the second text differs in one token, and is the base's again behind it
        return made

    monkeypatch.setattr(model, "of_base", later)
    results = run_all(system)
    assert results["RetentionSameText"].outcomes["predicted_score"].tolist() == [1.0, 0.0, 1.0]
    assert results["RetentionSameText"].score == pytest.approx(2 / 3)
    assert results["RetentionSameTokens"].outcomes["predicted_score"].tolist() == [47.0, 10.0, 47.0]
    assert results["RetentionSameTokens"].score == pytest.approx((47 + 10 + 47) / (3 * 47))


@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
def test_hidden_tokens_are_predicted_with_the_systems_own_mask(tiny_base: Path, attention: Attention) -> None:
    text = " ".join([LONG] * 2)
    Path("text.txt").write_text(f"{text}\n\n{LONG}")
    task = SUITE.task("RetentionMasked").chosen(TaskOptions(text=open_text("text.txt")))
    system = encoder(tiny_base, tiny_base, attention=attention)
    for layer in system.backbone.layers:  # a small random model says the same everywhere: let its states differ more
        layer.self_attn.o_proj.weight.data *= 50
    (result,) = task.run(system)
    assert result.note == "6 of 32 tokens hidden in each of 1 texts"
    model, tokenizer = system.language_model().model, system.model.tokenizer
    ids = [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"][:32]]
    places = 2 + np.random.default_rng([0, 0]).choice(31, size=6, replace=False)
    masked = torch.tensor([ids])
    masked[0, places] = tokenizer.convert_tokens_to_ids("_")
    set_attention(model.base_model, attention)
    with torch.inference_mode():
        logits = model(input_ids=masked, attention_mask=torch.ones_like(masked)).logits[0, places - 1]
    set_attention(model.base_model, "causal")
    assert result.score == pytest.approx(int((logits.argmax(-1) == torch.tensor(ids)[places]).sum()) / 6)


def test_repetition_is_counted_in_the_continuation_that_was_made(tiny_base: Path) -> None:
    system = encoder(tiny_base, tiny_base)
    results = run_all(system)
    model = system.language_model()
    prompts = [
        model.tokenizer(text, add_special_tokens=False)["input_ids"][:16] for text in DOCUMENTS if text != "a dog"
    ]
    for way, seed in (("Greedy", None), ("Sampled", 0)):
        made = model.continuations(prompts, new_tokens=47, sample_seed=seed).tolist()
        for measure, n in (("Distinct", 2), ("Repeats", 4)):
            distinct = [len({tuple(row[i : i + n]) for i in range(len(row) - n + 1)}) for row in made]
            share = sum(distinct) / (len(made) * (47 - n + 1))
            score = results[f"Retention{measure}{way}"].score
            assert score == pytest.approx(share if measure == "Distinct" else 1 - share, abs=1e-12)


def test_ngrams_by_hand() -> None:
    assert ngram_counts([1, 1, 1, 1, 1], 4) == (2, 1)
    assert ngram_counts([1, 2, 3, 1, 2], 2) == (4, 3)
    assert ngram_counts([1, 2], 4) == (0, 0)


def test_one_forward_pass_serves_every_measure(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("text_losses", "continue_texts"):
        made = getattr(__import__("harness.encoder.language_model", fromlist=[name]), name)
        monkeypatch.setattr(
            f"harness.encoder.language_model.{name}",
            lambda *args, _made=made, _name=name, **options: (calls.append(_name), _made(*args, **options))[1],
        )
    run_all(encoder(tiny_base, tiny_base))
    assert sorted(calls) == ["continue_texts"] * 3 + ["text_losses"] * 2  # the variant's, and the base's to compare


def test_what_has_no_language_model_says_so(tiny_base: Path) -> None:
    Path("text.txt").write_text("a dog\nthe cat")
    options = TaskOptions(text=open_text("text.txt"))
    with pytest.raises(HarnessError, match="a bag of words is not a language model"):
        SUITE.task("RetentionBits").chosen(options).run(BagOfWords())
    with pytest.raises(HarnessError, match="has the 16 tokens of a prompt"):
        SUITE.task("RetentionRepeatsGreedy").chosen(options).run(encoder(tiny_base, tiny_base))


def test_the_catalogue_knows_the_suite_without_a_text() -> None:
    for task in TASKS:
        assert (task.info.metric, task.info.task_type) == (task.metric, "Retention")
    with pytest.raises(HarnessError, match="did you mean RetentionBits"):
        SUITE.task("RetentionBit")


def test_losses_are_finite_or_refused(tiny_base: Path) -> None:
    system = encoder(tiny_base, tiny_base)
    model = system.language_model()
    model.model.lm_head.weight.data[0] = np.nan
    with pytest.raises(HarnessError, match="not a finite number"):
        model.losses(DOCUMENTS)
