"""A diagnostic suite by layer: one task on a text of the user's, whose measures are the subsets of its result.

What a suite has to say about itself stands in its task. `harness layers`, `harness repetition` and their pages show any
such task (harness.compare.layer_views, leaderboard.layers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.metrics import score_outcomes
from harness.outcomes import TaskKey, TaskResult, make_outcomes, shown_texts
from harness.suites.retention.text import OnText

OWN = "default"  # the subset that is the task's own result


@dataclass(frozen=True)
class Measure:
    """One measure of a layer: the subset of the result that it is stored as, its metric, and what it says."""

    name: str
    metric: str
    about: str


@dataclass(frozen=True, kw_only=True)
class LayeredTask(OnText):
    """Its `measures`, in the order in which they are stored and drawn; `first` is what readers call its own result.

    `protocol` is raised when the same system on the same text would get other values.
    """

    measures: tuple[Measure, ...]
    first: str
    protocol: int = 1

    @property
    def revision(self) -> str:
        """The protocol's and the text's."""
        return f"{self.protocol}.{super().revision}"

    @property
    def suite(self) -> str:
        """The suite that it is, and the command that shows it."""
        return self.task_type.lower()

    def called(self, subset: str) -> str:
        """What readers call a measure."""
        return self.first if subset == OWN else subset

    def results(
        self,
        found: Mapping[str, NDArray[np.float64]],
        *,
        over: Mapping[str, NDArray[np.float64]] = MappingProxyType({}),
        ids: Sequence[str],
        texts: Sequence[str],
        seconds: float,
    ) -> list[TaskResult]:
        """A result for each measure, of its values (layers from 0 on, texts) in `found`, divided by those in `over`.

        The score of a layer is the sum over texts of the first over that of the second, by default 1 for each text. NaN
        stands where a layer does not have a value of a text: it has no outcome. Raises HarnessError where a measure has
        no value at all.
        """
        from harness.contamination.texts import text_hashes

        hashes, shown = text_hashes(texts), shown_texts(ids, texts)
        made = []
        for measure in self.measures:
            values_LN = found[measure.name]
            layer, text = (each.tolist() for each in np.nonzero(~np.isnan(values_LN)))
            if not len(layer):
                raise HarnessError(
                    f"{self.name}: {self.called(measure.name)} has no value at any layer of this system; leave the "
                    f"suite {self.suite} out for it"
                )
            columns: dict[str, object] = {
                "example_id": [ids[n] for n in text],
                "layer": layer,
                "gold_score": over[measure.name][layer, text] if measure.name in over else np.ones(len(layer)),
                "predicted_score": values_LN[layer, text],
            }
            outcomes = make_outcomes(columns, len(layer))
            key = TaskKey(
                task=self.name, split="test", subset=measure.name, revision=self.revision, metric=measure.metric
            )
            made.append(
                TaskResult(
                    key=key,
                    task_type=self.task_type,
                    score=score_outcomes(measure.metric, outcomes),
                    outcomes=outcomes,
                    seconds=seconds / len(self.measures),
                    texts=hashes,
                    shown=shown,
                )
            )
        return made
