"""The tasks of the retention suite: a document is an example, and a unit in every resampling.

Everything is asked of the causal language model inside the encoder, so tasks of one system share what it computed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.contamination.texts import text_hashes
from harness.encoder.language_model import LanguageModel
from harness.encoder.losses import TextLosses
from harness.encoder.protocol import TextEncoder
from harness.encoder.tokenizer import front_tokens
from harness.encoder.tokens import mask_token
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
WINDOW_TOKENS = 32  # of a document whose tokens are hidden; less where the model reads less
MASK_SHARE = 0.2  # as in MNTP


def measure(task: RetentionTask, text: RetentionText, encoder: TextEncoder) -> list[TaskResult]:
    """What `task` measures of the language model in `encoder` on `text`: one result; its subset is the text's name."""
    started = time.monotonic()
    documents = text.documents()
    columns, note = _OF_METRIC.get(task.metric, _losses)(task, text, encoder, documents)
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


def _losses(
    task: RetentionTask, text: RetentionText, encoder: TextEncoder, documents: Sequence[str]
) -> tuple[dict[str, object], str]:
    model = encoder.language_model()
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
    task: RetentionTask, text: RetentionText, encoder: TextEncoder, documents: Sequence[str]
) -> tuple[dict[str, object], str]:
    model = encoder.language_model()
    asked = _prompts(text, model, documents)
    seed = SAMPLE_SEED if task.sampled else None
    made = model.continuations(asked.prompts, new_tokens=asked.new_tokens, sample_seed=seed)
    distinct = task.metric == "distinct_2"
    counts = [ngram_counts(tokens, 2 if distinct else 4) for tokens in made.tolist()]
    columns: dict[str, object] = {
        "example_id": asked.ids,
        "gold_score": [total for total, _ in counts],
        "predicted_score": [different if distinct else total - different for total, different in counts],
    }
    return columns, asked.note


def _same(
    task: RetentionTask, text: RetentionText, encoder: TextEncoder, documents: Sequence[str]
) -> tuple[dict[str, object], str]:
    model = encoder.language_model()
    asked = _prompts(text, model, documents)
    made = model.continuations(asked.prompts, new_tokens=asked.new_tokens)
    same_NT = made == model.of_base(asked.prompts, new_tokens=asked.new_tokens)
    kept_N = np.cumprod(same_NT, axis=1).sum(axis=1)  # tokens before the first difference
    whole = task.metric == "same_text"
    columns: dict[str, object] = {
        "example_id": asked.ids,
        "gold_score": np.full(len(kept_N), 1 if whole else asked.new_tokens),
        "predicted_score": kept_N == asked.new_tokens if whole else kept_N,
    }
    return columns, asked.note


def _masked(
    task: RetentionTask, text: RetentionText, encoder: TextEncoder, documents: Sequence[str]
) -> tuple[dict[str, object], str]:
    """Hide the same tokens from every system, and take the likeliest token at the state before each (as MNTP does)."""
    import torch

    model = encoder.language_model()
    front = front_tokens(model.tokenizer)
    ids = model.tokenizer(list(documents), add_special_tokens=False, verbose=False)["input_ids"]
    width = min(WINDOW_TOKENS, model.limit - len(front))
    chosen = [row for row, each in enumerate(ids) if len(each) >= width][:MAX_PROMPTS]
    if not chosen or width < LEAST_NEW_TOKENS:
        raise HarnessError(
            f"no document of the text {text.name} has {width} tokens, or the base reads fewer than {LEAST_NEW_TOKENS}; "
            "give longer documents, or leave RetentionMasked out with --tasks"
        )
    hidden = int(model.tokenizer.convert_tokens_to_ids(mask_token(model.tokenizer, "_")))
    count = round(MASK_SHARE * width)
    right = []
    for row in chosen:
        # The first token of a text is left out: where nothing stands before it, nothing can predict it.
        places = 1 + np.random.default_rng([SAMPLE_SEED, row]).choice(width - 1, size=count, replace=False)
        whole_1T = torch.tensor([front + ids[row][:width]])
        at_S = torch.tensor(places + len(front))
        masked_1T = whole_1T.clone()
        masked_1T[0, at_S] = hidden
        with torch.inference_mode():
            states_SD = encoder.token_states(masked_1T)[-1, 0, (at_S - 1)]
            guess_S = model.read_out(states_SD).argmax(dim=-1).cpu()
        right.append(int((guess_S == whole_1T[0, at_S]).sum()))
    columns: dict[str, object] = {
        "example_id": [row_ids(documents)[row] for row in chosen],
        "gold_score": [count] * len(chosen),
        "predicted_score": right,
    }
    return columns, f"{count} of {width} tokens hidden in each of {len(chosen)} texts"


_OF_METRIC = {
    "distinct_2": _repetition,
    "repeated_4": _repetition,
    "same_text": _same,
    "same_tokens": _same,
    "masked_accuracy": _masked,
}


@dataclass(frozen=True, kw_only=True)
class _Prompts:
    """Beginnings of documents, by the names of these."""

    ids: list[str]
    prompts: list[list[int]]
    new_tokens: int

    @property
    def note(self) -> str:
        return f"{len(self.ids)} continuations of {self.new_tokens} tokens"


def _prompts(text: RetentionText, model: LanguageModel, documents: Sequence[str]) -> _Prompts:
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
            f"{LEAST_NEW_TOKENS}; leave the tasks on continuations out with --tasks"
        )
    ids = row_ids(documents)
    return _Prompts(
        ids=[ids[row] for row in chosen],
        prompts=[encoded[row][:PROMPT_TOKENS] for row in chosen],
        new_tokens=new_tokens,
    )


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
