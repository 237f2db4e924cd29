"""The tasks of the retention suite: a document is an example, and a unit in every resampling.

Everything is asked of the causal language model inside the encoder, so tasks of one system share what it computed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.contamination.texts import text_hashes
from harness.encoder.language_model import LanguageModel
from harness.encoder.losses import TextLosses
from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.suites.retention import TASK_TYPE, RetentionEntry
from harness.suites.retention.ngrams import ngram_counts
from harness.suites.retention.text import RetentionText
from harness.suites.task import TaskInfo

PROMPT_TOKENS = 16
NEW_TOKENS = 64  # or as many as the model's limit leaves
LEAST_NEW_TOKENS = 16
MAX_PROMPTS = 200
SAMPLE_SEED = 0


@dataclass(frozen=True)
class RetentionTask:
    """One measure of the suite on one text."""

    entry: RetentionEntry
    text: RetentionText

    @property
    def info(self) -> TaskInfo:
        """The task as a run plans it: its revision is the text's."""
        return TaskInfo(
            name=self.entry.name,
            task_type=TASK_TYPE,
            metric=self.entry.metric,
            revision=self.text.revision,
            about=self.entry.about,
        )

    def run(self, encoder: TextEncoder) -> list[TaskResult]:
        """Measure and return one result; its subset is the text's name."""
        started = time.monotonic()
        model = encoder.language_model()
        documents = self.text.documents()
        if self.entry.measure in ("distinct", "repeated"):
            columns, note = self._repetition(model, documents)
        else:
            columns, note = self._losses(model, documents)
        outcomes = make_outcomes(columns, len(list(columns["example_id"])))  # type: ignore[call-overload]
        key = TaskKey(
            task=self.entry.name,
            split="test",
            subset=self.text.name,
            revision=self.text.revision,
            metric=self.entry.metric,
        )
        return [
            TaskResult(
                key=key,
                task_type=TASK_TYPE,
                score=score_outcomes(self.entry.metric, outcomes),
                outcomes=outcomes,
                seconds=time.monotonic() - started,
                note=note,
                texts=text_hashes(documents),
            )
        ]

    def _losses(self, model: LanguageModel, documents: Sequence[str]) -> tuple[dict[str, object], str]:
        found = model.losses(documents)
        columns: dict[str, object] = {"example_id": document_ids(documents)}
        if self.entry.measure == "perplexity":
            columns |= {"gold_score": found.tokens, "predicted_score": found.nats}
        elif self.entry.measure == "bits":
            columns |= {"gold_score": found.bytes, "predicted_score": found.bits}
        else:
            switched = model.without_adapters(documents)
            columns |= {"gold_score": found.bytes, "predicted_score": abs(switched.off.bits - switched.base.bits)}
        return columns, _cut(found)

    def _repetition(self, model: LanguageModel, documents: Sequence[str]) -> tuple[dict[str, object], str]:
        encoded = model.tokenizer(list(documents), add_special_tokens=False)["input_ids"]
        chosen = [row for row, ids in enumerate(encoded) if len(ids) >= PROMPT_TOKENS][:MAX_PROMPTS]
        if not chosen:
            raise HarnessError(
                f"no document of the text {self.text.name} has the {PROMPT_TOKENS} tokens of a prompt; give longer ones"
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
            sample_seed=SAMPLE_SEED if self.entry.sampled else None,
        )
        n = 2 if self.entry.measure == "distinct" else 4
        counts = [ngram_counts(tokens, n) for tokens in made.tolist()]
        ids = document_ids(documents)
        columns: dict[str, object] = {
            "example_id": [ids[row] for row in chosen],
            "gold_score": [total for total, _ in counts],
            "predicted_score": [
                distinct if self.entry.measure == "distinct" else total - distinct for total, distinct in counts
            ],
        }
        return columns, f"{len(chosen)} continuations of {new_tokens} tokens"


def document_ids(documents: Sequence[str]) -> list[str]:
    """Row number and content hash: stable while the text is, and different when a document changes."""
    return [f"{row}:{hashlib.sha256(text.encode()).hexdigest()[:12]}" for row, text in enumerate(documents)]


def _cut(losses: TextLosses) -> str:
    total = len(losses.nats)
    if not losses.cut:
        return f"{total} texts, none cut"
    return f"{losses.cut} of {total} texts cut at {losses.limit} tokens"
