"""The tasks of the retention suite: a document is an example, and a unit in every resampling.

Everything is asked of the causal language model inside the encoder, so tasks of one system share what it computed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.contamination.texts import text_hashes
from harness.encoder.language_model import LanguageModel
from harness.encoder.losses import TextLosses
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes, row_ids
from harness.suites.retention import RetentionTask
from harness.suites.retention.text import RetentionText

PROMPT_TOKENS = 16
NEW_TOKENS = 64  # or as many as the model's limit leaves
LEAST_NEW_TOKENS = 16
MAX_PROMPTS = 200
SAMPLE_SEED = 0


def measure(task: RetentionTask, text: RetentionText, model: LanguageModel) -> list[TaskResult]:
    """What `task` measures of `model` on `text`: one result; its subset is the text's name."""
    started = time.monotonic()
    documents = text.documents()
    if task.metric in ("distinct_2", "repeated_4"):
        columns, note = _repetition(task, text, model, documents)
    else:
        columns, note = _losses(task, model, documents)
    outcomes = make_outcomes(columns, len(list(columns["example_id"])))  # type: ignore[call-overload]
    key = TaskKey(task=task.name, split="test", subset=text.name, revision=text.revision, metric=task.metric)
    return [
        TaskResult(
            key=key,
            task_type=task.task_type,
            score=score_outcomes(task.metric, outcomes),
            outcomes=outcomes,
            seconds=time.monotonic() - started,
            note=note,
            texts=text_hashes(documents),
        )
    ]


def _losses(task: RetentionTask, model: LanguageModel, documents: Sequence[str]) -> tuple[dict[str, object], str]:
    found = model.losses(documents)
    columns: dict[str, object] = {"example_id": row_ids(documents)}
    if task.metric == "perplexity":
        columns |= {"gold_score": found.tokens, "predicted_score": found.nats}
    elif task.metric == "bits_per_byte":
        columns |= {"gold_score": found.bytes, "predicted_score": found.bits}
    else:
        switched = model.without_adapters(documents)
        columns |= {"gold_score": found.bytes, "predicted_score": abs(switched.off.bits - switched.base.bits)}
    return columns, _cut(found)


def _repetition(
    task: RetentionTask, text: RetentionText, model: LanguageModel, documents: Sequence[str]
) -> tuple[dict[str, object], str]:
    encoded = model.tokenizer(list(documents), add_special_tokens=False)["input_ids"]
    chosen = [row for row, ids in enumerate(encoded) if len(ids) >= PROMPT_TOKENS][:MAX_PROMPTS]
    if not chosen:
        raise HarnessError(
            f"no document of the text {text.name} has the {PROMPT_TOKENS} tokens of a prompt; give longer documents"
        )
    new_tokens = min(NEW_TOKENS, model.limit - 1 - PROMPT_TOKENS)
    if new_tokens < LEAST_NEW_TOKENS:
        raise HarnessError(
            f"this base reads {model.limit} tokens, too few for a prompt of {PROMPT_TOKENS} and a continuation of "
            f"{LEAST_NEW_TOKENS}; leave the repetition tasks out with --tasks"
        )
    made = model.continuations(
        [encoded[row][:PROMPT_TOKENS] for row in chosen],
        new_tokens=new_tokens,
        sample_seed=SAMPLE_SEED if task.sampled else None,
    )
    distinct = task.metric == "distinct_2"
    counts = [ngram_counts(tokens, 2 if distinct else 4) for tokens in made.tolist()]
    ids = row_ids(documents)
    columns: dict[str, object] = {
        "example_id": [ids[row] for row in chosen],
        "gold_score": [total for total, _ in counts],
        "predicted_score": [different if distinct else total - different for total, different in counts],
    }
    return columns, f"{len(chosen)} continuations of {new_tokens} tokens"


def ngram_counts(tokens: Sequence[int], n: int) -> tuple[int, int]:
    """How many n-grams the token ids of one continuation have, and how many distinct ones among them.

    distinct-n is the second over the first (Li et al. 2016, here within one text); one minus that is seq-rep-n
    (Welleck et al. 2020, section 6.1).

    >>> ngram_counts([1, 2, 1, 2, 1], 2)
    (4, 2)
    """
    found = list(zip(*(tokens[start:] for start in range(n)), strict=False))
    return len(found), len(set(found))


def _cut(losses: TextLosses) -> str:
    total = len(losses.nats)
    if not losses.cut:
        return f"{total} texts, none cut"
    return f"{losses.cut} of {total} texts cut at {losses.limit} tokens"
