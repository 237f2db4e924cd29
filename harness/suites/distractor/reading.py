"""An encoder × distracted examples ─▶ a result for each condition and row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.contamination.texts import text_hashes
from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes
from harness.rereading import deduplicate, score_and_drop
from harness.sentences import split_sentences
from harness.suites.distractor import (
    BY_LANGUAGE_MODEL,
    BY_SYSTEM,
    CLEAN,
    COST,
    DEDUPLICATED,
    DIRTY,
    DROPPED,
    EXTRACT,
    GATE,
    RANDOM,
    REGENERATED,
    TASK_TYPE,
    TRUNCATED,
    DistractorTask,
    cures,
    parts_of,
    subset_of,
)
from harness.suites.distractor.examples import Examples, Texts, load_examples
from harness.suites.distractor.texts import FIRST, Condition, conditions, passage_of, with_language_model

OracleCure = Callable[
    [Sequence[str], Sequence[int]], list[str]
]  # texts and their clean lengths in words ─▶ cured texts


@dataclass(eq=False, kw_only=True)
class Cures:
    """The cures as `encoder` carries them out; those that need what it lacks are left out, and `notes` say why.

    What was done to a text is kept. `spent` counts the tokens that a cure read and wrote for a text.
    """

    encoder: TextEncoder
    notes: list[str] = field(default_factory=list)
    spent: dict[tuple[str, str], int] = field(default_factory=dict)
    _done: dict[tuple[str, str, int], str] = field(default_factory=dict, repr=False)

    def of(self, row: str) -> OracleCure | None:
        """The cure of a row; None where this system cannot carry it out."""
        plain: dict[str, OracleCure] = {
            TRUNCATED: lambda texts, lengths: list(map(cures.truncate, texts, lengths)),
            EXTRACT: self._extract,
            RANDOM: lambda texts, lengths: list(map(cures.random_extract, texts, lengths)),
            DEDUPLICATED: lambda texts, _: list(map(deduplicate, texts)),
        }
        if row in plain:
            return plain[row]
        try:
            model = self.encoder.language_model()
            if row == REGENERATED:
                from harness.encoder.rewriting import instruction_tokenizer

                instruction_tokenizer(model.base, name="the base")
        except HarnessError as error:
            self.notes.append(f"no {row}: {error}")
            return None
        return self._drop if row == DROPPED else self._regenerate

    def apply(self, row: str, cure: OracleCure, texts: Texts, clean: Texts) -> Texts:
        """What `cure` makes of every text, each with the length of its clean one."""
        flat = [(row, text, cures.words(own)) for pair in zip(texts, clean, strict=True) for text, own in zip(*pair)]  # noqa: B905
        new = [each for each in dict.fromkeys(flat) if each not in self._done]
        if new:
            made = cure([text for _, text, _ in new], [length for _, _, length in new])
            self._done |= dict(zip(new, made, strict=True))
        answers = iter([self._done[each] for each in flat])
        return [tuple(next(answers) for _ in each) for each in texts]

    def _extract(self, texts: Sequence[str], lengths: Sequence[int]) -> list[str]:
        self._count(EXTRACT, texts, lambda read, _: read)
        return cures.extract(texts, lengths, lambda every: self.encoder.encode(every))

    def _drop(self, texts: Sequence[str], _: Sequence[int]) -> list[str]:
        from harness.encoder.losses import text_losses

        model = self.encoder.language_model()
        # Each sentence is read alone and in front of the rest, and the rest alone.
        self._count(DROPPED, texts, lambda read, parts: 2 * parts * read)
        return score_and_drop(
            texts, lambda every: text_losses(model.model, model.tokenizer, every, limit=model.limit).nats
        )

    def _regenerate(self, texts: Sequence[str], _: Sequence[int]) -> list[str]:
        from harness.encoder.rewriting import rewrite

        made = rewrite(self.encoder.language_model(), texts, name="the base")
        self.spent |= {(REGENERATED, text): tokens for text, tokens in zip(texts, made.tokens, strict=True)}
        return made.texts

    def _count(self, row: str, texts: Sequence[str], spent: Callable[[int, int], int]) -> None:
        for text, tokens in zip(texts, self.encoder.count_tokens(texts), strict=True):
            parts = len(split_sentences(text))
            self.spent[row, text] = spent(tokens, parts) if parts > 1 else 0


def measure_distractors(task: DistractorTask, encoder: TextEncoder) -> list[TaskResult]:
    """A result for each condition and row, the first one of FIRST and dirty; then the gate and the tokens.

    Raises HarnessError where no example fits into what the encoder reads.
    """
    started = time.monotonic()
    every = conditions(pairs=task.pairs)
    found = load_examples(task, encoder, every)
    healer = Cures(encoder=encoder)
    subsets, gate = _all_texts(found, every, healer)
    results = [
        result for texts in subsets for result in found.on(texts, name=task.name, revision=task.revision).run(encoder)
    ]
    ids = dict(enumerate(results[0].outcomes["example_id"].drop_duplicates()))
    hashes = text_hashes([text for example in found.examples for text in example.texts])
    one = sum(len(split_sentences(example.texts[0])) == 1 for example in found.examples)
    notes = [
        f"{len(found.examples)} examples, {one} with a text of one sentence",
        *filter(None, [found.note]),
        *healer.notes,
        *(f"{name} {100 * np.mean(values):.0f} %" for name, values in gate.items() if name.startswith("gate")),
    ]
    seconds = (time.monotonic() - started) / len(results)
    made = [
        replace(
            _named(result, ids),
            task_type=TASK_TYPE,
            texts=hashes,
            seconds=seconds,
            note="; ".join(notes) if result.key.subset == "default" else "",
        )
        for result in results
    ]
    return made + [_diagnostic(task, made[0], name, values) for name, values in gate.items()]


def _all_texts(
    found: Examples, every: Sequence[Condition], healer: Cures
) -> tuple[list[dict[str, Texts]], dict[str, Sequence[float]]]:
    """The texts of each subset, a row's together, FIRST's dirty ones as the task's own; and the gate and the costs.

    mteb writes the predictions of all subsets of a task anew after each of them, so that many would take long.
    """
    clean: Texts = [example.texts for example in found.examples]
    dirty = {each: [example.distracted(each) for example in found.examples] for each in every}
    others = {subset_of(each.name, DIRTY): dirty[each] for each in every if each != FIRST}
    made: list[dict[str, Texts]] = [{"default": dirty[FIRST], CLEAN: clean} | others]
    measured: dict[str, Sequence[float]] = {}
    if healer.encoder.as_read(()) is not None:
        healer.notes.append("no cure beside the system's own, which reads every text anew")
        return made, measured
    for row in (TRUNCATED, EXTRACT, RANDOM, DEDUPLICATED, DROPPED, REGENERATED):
        cure = healer.of(row)
        if cure is None:
            continue
        first = healer.apply(row, cure, dirty[FIRST], clean)
        subsets: dict[str, Texts] = {subset_of(FIRST.name, row): first}
        made.append(subsets)
        if row in BY_SYSTEM:
            measured[f"{COST}{row}"] = [
                float(sum(healer.spent.get((row, text), 0) for text in texts)) for texts in dirty[FIRST]
            ]
        if row == REGENERATED:
            gate = _gate(found, first)
            measured |= gate
            text, passage = (float(np.mean(gate[name])) for name in GATE)
            least, most = GATE.values()
            if text < least or passage > most:
                healer.notes.append(
                    f"regenerate keeps {text:.0%} of the text and {passage:.0%} of the passage, and the gate asks for "
                    f"{least:.0%} or more and {most:.0%} or less: it is measured at {FIRST.name} alone"
                )
                continue
        for each in every:
            if each != FIRST and (row not in BY_LANGUAGE_MODEL or with_language_model(each)):
                subsets[subset_of(each.name, row)] = healer.apply(row, cure, dirty[each], clean)
    return made, measured


def _gate(found: Examples, answers: Texts) -> dict[str, Sequence[float]]:
    """How much of each text and of its passage an answer keeps; and of the passage, what the clean text has anyway."""
    from harness.encoder.rewriting import kept_of

    texts = [example.texts[0] for example in found.examples]
    passages = [
        " ".join(passage_of(example.donors[0], max(2, round(FIRST.amount * cures.words(text)))))
        for example, text in zip(found.examples, texts, strict=True)
    ]
    said = [answer[0] for answer in answers]
    kept, drawn = GATE
    return {
        kept: list(map(kept_of, texts, said)),
        drawn: list(map(kept_of, passages, said)),
        f"{drawn} by the clean text": list(map(kept_of, passages, texts)),
    }


def _named(result: TaskResult, ids: dict[int, str]) -> TaskResult:
    """The result with the names of the examples that all subsets share: a row of each is the same example."""
    own = list(dict.fromkeys(result.outcomes["example_id"]))
    name = {old: ids[place] for place, old in enumerate(own)}
    rows = result.outcomes.assign(
        example_id=result.outcomes["example_id"].map(name).astype("string"),
        unit=result.outcomes["unit"].map(name).astype("string"),
    )
    shown, made = (told and {name[old]: text for old, text in told.items()} for told in (result.shown, result.made))
    parts = parts_of(result.key.subset)
    if parts and parts[1] in BY_SYSTEM:  # each system has texts of its own there
        shown, made = None, shown
    return replace(result, outcomes=rows, shown=shown, made=made)


def _diagnostic(task: DistractorTask, like: TaskResult, name: str, values: Sequence[float]) -> TaskResult:
    metric = "tokens_spent" if name.startswith(COST) else "kept_words"
    ids = list(dict.fromkeys(like.outcomes["example_id"]))
    outcomes = make_outcomes(
        {"example_id": ids, "gold_score": np.ones(len(ids)), "predicted_score": np.asarray(values, float)}, len(ids)
    )
    key = TaskKey(task=task.name, split=like.key.split, subset=name, revision=like.key.revision, metric=metric)
    return TaskResult(
        key=key, task_type=TASK_TYPE, score=score_outcomes(metric, outcomes), outcomes=outcomes, seconds=0.0
    )
