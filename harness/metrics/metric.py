"""What a metric is: how outcomes become a score, how two scores are compared, and how a score is read and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.answers import Aligned, AnswerKind

if TYPE_CHECKING:  # the statistics take a second to import, and a score needs none of them
    from harness.stats.contrast import Contrast
    from harness.stats.contributions import Contributions
    from harness.stats.estimate import DrawSpread, Estimate, Interval
    from harness.stats.mcnemar import McNemar

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was estimated of one score or one difference; `estimate` is None where nothing is tested."""

    value: float
    interval: Interval | None = None
    spread: DrawSpread | None = None
    p: float | None = None
    mde: float | None = None
    method: str = "descriptive: no test"
    estimate: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be estimated: contrasts of the columns of `data`; `table` is what `Metric.split` made of `data`."""

    data: Aligned
    contrasts: Sequence[Contrast]
    table: Contributions | None
    rng: np.random.Generator
    resamples: int

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weight of each column in each contrast (contrasts, k)."""
        k = self.data.answer_nk.shape[1]
        return np.array([contrast.weight_k for contrast in self.contrasts]).reshape(len(self.contrasts), k)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A way to make one number of a trial's outcomes, and all that follows from it.

    `of` makes the score of one trial. `answers` says what an answer is: a label, a cluster or a score. `estimate`
    estimates contrasts of systems, all on the same resamples. `split` says what each unit of examples adds to a score;
    without it nothing is tested: a difference is described, and never called better or worse. The same holds where
    neither direction is `better`. `change` estimates first minus second (columns 0 and 1) for the regression gate; a
    metric has it where the gate has a standard error and a comparison has none. `mcnemar` is the exact check of right
    and wrong between columns. `redraw` gives the values (n, k), and the gold scores where they are needed, that a
    calibration on measured outcomes draws from again (harness.calibration).

    `scale` turns a stored score into the `unit` that people read; `least_span` is the smallest width, in that unit,
    that a chart's axis has. `adjective` goes before the tasks of this metric where tasks are counted. A score is
    `undefined_if_constant` where all predictions may be equal and the score then does not exist.
    """

    name: str
    answers: AnswerKind
    of: Callable[[pd.DataFrame], float]
    estimate: Callable[[Asked], list[Found]]
    split: Callable[[Aligned], Contributions] | None = None
    change: Callable[[Aligned], Found] | None = None
    mcnemar: Callable[[Aligned, Sequence[int], Sequence[int]], McNemar | None] | None = None
    redraw: Callable[[Aligned], tuple[NDArray[np.float64], NDArray[np.float64] | None]] | None = None
    better: Better = "higher"
    scale: float = 100.0
    digits: int = 1
    unit: str = "points"
    least_span: float = 1.0
    adjective: str = ""
    undefined_if_constant: bool = False

    @property
    def tested(self) -> bool:
        """Whether a difference is tested, not only described."""
        return self.split is not None

    def contributions(self, data: Aligned) -> Contributions | None:
        """Split each column's score over units; None where nothing is tested."""
        return None if self.split is None else self.split(data)

    def gain(self, difference: float) -> float:
        """A difference (first minus second) counted so that more is better; 0 where neither direction is.

        >>> from harness.metrics import get_metric
        >>> [get_metric(name).gain(0.5) for name in ("accuracy", "bits_per_byte", "distinct_2")]
        [0.5, -0.5, 0.0]
        """
        return difference * {"higher": 1.0, "lower": -1.0, "neither": 0.0}[self.better]

    def improves(self, difference: float) -> bool:
        """Whether a difference (first minus second) is to the first's good."""
        return self.gain(difference) > 0

    def estimate_change(self, data: Aligned, *, rng: np.random.Generator, resamples: int) -> Found:
        """Estimate column 0 minus column 1 of `data`, two checkpoints as they are: what the regression gate asks."""
        from harness.stats.contrast import make_contrast

        if self.change is not None:
            return self.change(data)
        pair = [make_contrast({0: 0}, {0: 1}, columns=2)]
        table = self.contributions(data)
        (found,) = self.estimate(Asked(data=data, contrasts=pair, table=table, rng=rng, resamples=resamples))
        return found

    def write(self, score: float, *, more_digits: int = 0) -> str:
        """The score as it is shown, without its unit.

        >>> from harness.metrics import get_metric
        >>> get_metric("accuracy").write(0.69041), get_metric("bits_per_byte").write(0.69041)
        ('69.0', '0.690')
        """
        return f"{self.scale * score:z.{self.digits + more_digits}f}"  # no negative zero

    def write_change(self, difference: float, *, more_digits: int = 0) -> str:
        """A difference of two scores, with its sign.

        >>> from harness.metrics import get_metric
        >>> get_metric("accuracy").write_change(0.015), get_metric("perplexity").write_change(-1)
        ('+1.5', '-1.00')
        """
        return f"{self.scale * difference:+.{self.digits + more_digits}f}"

    @property
    def described(self) -> str:
        """Name and, where it is not the usual one, direction: a table's heading."""
        return f"{self.name}, lower is better" if self.better == "lower" else self.name


def tested(estimate: Estimate) -> Found:
    """Return `estimate` with the smallest difference that it could have detected, and its method in words."""
    from harness.stats.power import minimum_detectable_effect

    words = interval_words(estimate.interval)
    return Found(
        value=estimate.value,
        interval=estimate.interval,
        p=estimate.p,
        mde=minimum_detectable_effect(estimate),
        method=f"{estimate.test}; {words}" if estimate.test else words,
        estimate=estimate,
    )


def interval_words(interval: Interval | None) -> str:
    """Name an interval by how it was made."""
    return f"{interval.method} interval" if interval else "no interval"


def scores_of(rows: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gold and the predicted scores of `rows`, each (n,)."""
    return rows["gold_score"].to_numpy(dtype=float), rows["predicted_score"].to_numpy(dtype=float)
