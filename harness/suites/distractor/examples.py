"""A task of mteb's ─▶ its examples with what distracts from each, and back: the task on any texts in their place."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.outcomes import content_id
from harness.suites.distractor import TEXTS, DistractorTask
from harness.suites.distractor.texts import Condition, Example, Pool
from harness.suites.mteb import MtebTask
from harness.suites.mteb.loading import Choice, load

Texts = Sequence[tuple[str, ...]]  # of each example


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The examples of `task` (of mteb's, loaded); `data` are their rows, `columns` those that hold texts.

    `note` says how many examples are left out, and why.
    """

    task: Any
    split: str
    data: Any
    train: Any
    columns: tuple[str, ...]
    examples: tuple[Example, ...]
    note: str

    def on(self, texts: Mapping[str, Texts], *, name: str, revision: str) -> MtebTask:
        """The task with `texts` in place of its own: a subset each, all with the same training texts."""
        return MtebTask(name=name, make=partial(self._make, texts, name, revision), choice=Choice(subsets=tuple(texts)))

    def _make(self, texts: Mapping[str, Texts], name: str, revision: str) -> Any:
        from datasets import Dataset, DatasetDict

        task = copy.copy(self.task)
        task.metadata = self.task.metadata.model_copy(
            update={
                "name": name,
                "dataset": {**self.task.metadata.dataset, "revision": revision},
                "eval_splits": [self.split],
                "eval_langs": {subset: ["eng-Latn"] for subset in texts},
            }
        )
        rest = {column: list(self.data[column]) for column in self.data.column_names if column not in self.columns}
        train = {} if self.train is None else {task.train_split: self.train}
        task.dataset = {
            subset: DatasetDict(
                {
                    self.split: Dataset.from_dict(
                        rest | {column: [row[side] for row in rows] for side, column in enumerate(self.columns)}
                    )
                }
                | train
            )
            for subset, rows in texts.items()
        }
        task.data_loaded, task.load_data = True, lambda **_: None
        return task


def load_examples(task: DistractorTask, encoder: TextEncoder, conditions: Sequence[Condition]) -> Examples:
    """The first TEXTS examples by the hash of their texts that `encoder` reads to the end under all `conditions`.

    Raises HarnessError where none is left.
    """
    made = Choice().narrow(task.make())
    load(made)
    (subset,), (split,) = made.hf_subsets, made.eval_splits
    splits = made.dataset.get(subset, made.dataset)
    data, columns = splits[split], _columns(made, task)
    rows = list(zip(*(map(str, data[column]) for column in columns), strict=True))
    topics = _topics(made, data, task)
    pool = Pool(
        texts=tuple(text for row in rows for text in row),
        topics=tuple(topic for row, topic in zip(rows, topics, strict=True) for _ in row),
    )
    chosen: list[int] = []
    examples: list[Example] = []
    left_out = 0
    order = sorted(range(len(rows)), key=lambda row: (content_id(chr(0).join(rows[row])), row))
    order = [row for row in order if all(text.strip() for text in rows[row])]
    for row in order:
        example = Example(texts=rows[row], donors=pool.donors(rows[row], topics[row]))
        longest = [text for condition in conditions for text in example.distracted(condition)]
        if max(encoder.count_tokens(longest)) + 1 >= encoder.max_tokens:  # one more for the beginning of the sequence
            left_out += 1
            continue
        chosen.append(row)
        examples.append(example)
        if len(chosen) == TEXTS:
            break
    if len(chosen) < 2:
        raise HarnessError(
            f"{len(chosen)} examples of {task.of} fit with their distractors into the {encoder.max_tokens} tokens that "
            f"this base reads; leave {task.name} out with --tasks"
        )
    return Examples(
        task=made,
        split=split,
        data=data.select(chosen),
        train=splits[made.train_split] if not task.pairs else None,
        columns=columns,
        examples=tuple(examples),
        note=f"{left_out} examples left out: too long with a distractor" if left_out else "",
    )


def _columns(made: Any, task: DistractorTask) -> tuple[str, ...]:
    return tuple(made.column_names) if task.pairs else (made.input_column_name,)


def _topics(made: Any, data: Any, task: DistractorTask) -> list[object]:
    """The topic of each example: its label, or what the mini language says; None where nothing is known."""
    from harness.suites.distractor.generated import TOPIC

    if not task.pairs:
        return list(data[made.label_column_name])
    return list(data[TOPIC]) if TOPIC in data.column_names else [None] * len(data)
