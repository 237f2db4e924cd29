"""Score = metric(outcomes). The same functions make a score, check it against mteb's, and recompute it later.

Each metric also says which way is better, whether differences in it are tested, and how it is written: nothing else
in the house knows one metric from another by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from harness.errors import HarnessError, near_names

TOLERANCE = 1e-6
Kind = Literal[
    "accuracy", "macro_f1", "v_measure", "correlation", "average_precision", "mean", "ratio", "log_ratio", "largest"
]
Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A way to make one number of a trial's outcomes, and how that number is read and written.

    `kind` says what is aggregated, and with it which paired test applies (harness.compare). `scale` turns a stored
    score into the `unit` that people read; `least_span` is the smallest width, in that unit, that a chart's axis has.
    Where not `tested`, a difference is described and never called better or worse; nor can it be where neither
    direction is better.
    """

    name: str
    of: Callable[[pd.DataFrame], float]
    kind: Kind
    better: Better = "higher"
    tested: bool = True
    scale: float = 100.0
    digits: int = 1
    unit: str = "points"
    least_span: float = 1.0

    def improves(self, difference: float) -> bool:
        """Whether a difference (first minus second) is to the first's good."""
        return difference > 0 if self.better == "higher" else difference < 0 and self.better == "lower"

    def write(self, score: float, *, more_digits: int = 0) -> str:
        """The score as it is shown, without its unit.

        >>> get_metric("accuracy").write(0.69041), get_metric("bits_per_byte").write(0.69041)
        ('69.0', '0.690')
        """
        return f"{self.scale * score:.{self.digits + more_digits}f}"

    def write_change(self, difference: float) -> str:
        """A difference of two scores, with its sign.

        >>> get_metric("accuracy").write_change(0.015), get_metric("perplexity").write_change(-1)
        ('+1.5', '-1.00')
        """
        return f"{self.scale * difference:+.{self.digits}f}"

    @property
    def described(self) -> str:
        """Name and, where it is not the usual one, direction: a table's heading."""
        return f"{self.name}, lower is better" if self.better == "lower" else self.name


def get_metric(name: str) -> Metric:
    """The metric called `name`; HarnessError if there is none."""
    try:
        return METRICS[name]
    except KeyError:
        raise HarnessError(f"unknown metric {name!r}; {near_names(name, METRICS)}") from None


def score_outcomes(metric: str, outcomes: pd.DataFrame) -> float:
    """Aggregate `outcomes` (columns as harness.outcomes) into one number.

    accuracy, v_measure: mean over trials of the trial's value (mteb's convention for its draws); spearman,
    pearson: correlation of gold and predicted scores over all examples, mean over trials. Within a trial
    accuracy is taken per (layer, position) cell and averaged, so cells of unequal size weigh the same.
    macro_f1: mean over classes of F1, mean over trials; average_precision: of the pairs in order of predicted score,
    gold 1 or 0 (Manning, Raghavan and Schuetze 2008, section 8.4, without interpolation); ndcg_at_k and the other
    metrics of rankings: mean over queries of the predicted score, to five decimals as mteb rounds it.
    bits_per_byte, distinct_2, repeated_4: sum of predicted over sum of gold scores (bits over bytes, n-grams over
    n-grams); selectivity, codelength, cosine, pull: the same, over examples; perplexity: exp of that ratio (nats over
    tokens); largest_change: the largest predicted score.
    Raises HarnessError for an unknown metric or a value that is not finite (constant predictions).
    """
    of = get_metric(metric).of
    score = float(np.mean([of(rows) for _, rows in outcomes.groupby("trial", sort=True)]))
    if not math.isfinite(score):
        raise HarnessError(f"{metric} is not defined on these outcomes: the predictions or the labels are constant")
    return score


def _accuracy(rows: pd.DataFrame) -> float:
    correct = (rows["gold_label"] == rows["predicted_label"]).astype(float)
    cells = [rows["layer"].fillna(-1), rows["position"].fillna(0)]
    return float(correct.groupby(cells).mean().mean())


def _macro_f1(rows: pd.DataFrame) -> float:
    from sklearn.metrics import f1_score

    gold, said = rows["gold_label"].to_numpy(dtype=object), rows["predicted_label"].to_numpy(dtype=object)
    return float(f1_score(gold, said, average="macro", zero_division=0.0))


def _v_measure(rows: pd.DataFrame) -> float:
    from sklearn.metrics import v_measure_score

    return float(v_measure_score(rows["gold_label"].to_numpy(), rows["predicted_label"].to_numpy()))


def _pearson(rows: pd.DataFrame) -> float:
    gold, predicted = _scores(rows)
    if gold.std() == 0 or predicted.std() == 0:
        return math.nan
    return float(np.corrcoef(gold, predicted)[0, 1])


def _spearman(rows: pd.DataFrame) -> float:
    from scipy.stats import rankdata

    gold, predicted = (rankdata(x) for x in _scores(rows))
    if gold.std() == 0 or predicted.std() == 0:
        return math.nan
    return float(np.corrcoef(gold, predicted)[0, 1])


def _average_precision(rows: pd.DataFrame) -> float:
    from sklearn.metrics import average_precision_score

    gold, predicted = _scores(rows)
    return float(average_precision_score(gold, predicted)) if 0 < gold.sum() < len(gold) else math.nan


def _mean(rows: pd.DataFrame) -> float:
    values = _scores(rows)[1].tolist()
    return sum(values) / len(values)


def _rounded_mean(rows: pd.DataFrame) -> float:
    return round(_mean(rows), 5)


def _ratio(rows: pd.DataFrame) -> float:
    gold, predicted = _scores(rows)
    return float(predicted.sum() / gold.sum()) if gold.sum() > 0 else math.nan


def _exp_ratio(rows: pd.DataFrame) -> float:
    return math.exp(min(_ratio(rows), 700.0))  # e^700 is the last that a float holds


def _largest(rows: pd.DataFrame) -> float:
    return float(_scores(rows)[1].max())


def _scores(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows["gold_score"].to_numpy(dtype=float), rows["predicted_score"].to_numpy(dtype=float)


def _in_units(
    name: str,
    of: Callable[[pd.DataFrame], float],
    *,
    kind: Kind,
    better: Better,
    unit: str,
    tested: bool = False,
    digits: int = 3,
    least_span: float = 0.01,
) -> Metric:
    """A metric that is no share of 1: it is read in the unit that it is stored in. Described unless it is `tested`."""
    return Metric(
        name=name, of=of, kind=kind, better=better, tested=tested,
        scale=1.0, digits=digits, unit=unit, least_span=least_span,
    )  # fmt: skip


CUTS = (1, 2, 3, 5, 10, 20, 100, 1000)  # of a ranking; mteb's main scores use these
_RANKINGS = [
    Metric(name=f"{name}_at_{cut}", of=of, kind="mean")
    for name, of in (
        *((name, _rounded_mean) for name in ("ndcg", "map", "recall", "precision", "hit_rate")),
        ("mrr", _mean),  # the one that mteb does not round
    )
    for cut in CUTS
]
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *_RANKINGS,
        Metric(name="accuracy", of=_accuracy, kind="accuracy"),
        # A mean over classes of a ratio of counts: no mean over examples, and no test of it is made here.
        Metric(name="macro_f1", of=_macro_f1, kind="macro_f1", tested=False),
        Metric(name="v_measure", of=_v_measure, kind="v_measure", tested=False),
        Metric(name="average_precision", of=_average_precision, kind="average_precision"),
        Metric(name="pearson", of=_pearson, kind="correlation"),
        Metric(name="spearman", of=_spearman, kind="correlation"),
        # Of controls and diagnostics, which are described and never tested (outcomes.BESIDE_TYPES).
        Metric(name="selectivity", of=_ratio, kind="ratio", tested=False),
        _in_units("cosine", _ratio, kind="ratio", better="neither", unit="cosine"),
        _in_units("pull", _ratio, kind="ratio", better="neither", unit="cosine"),
        _in_units("codelength", _ratio, kind="ratio", better="lower", unit="bits a label"),
        _in_units("bits_per_byte", _ratio, kind="ratio", better="lower", unit="bits a byte", tested=True),
        # The same losses as bits_per_byte, over tokens in place of bytes: testing both would count one finding twice.
        _in_units(
            "perplexity", _exp_ratio, kind="log_ratio", better="lower", unit="perplexity", digits=2, least_span=0.1
        ),
        # More repetition than the base's is a cost, but less is no gain: random weights repeat less than it, too.
        Metric(name="distinct_2", of=_ratio, kind="ratio", better="neither", tested=False, unit="% of 2-grams"),
        Metric(name="repeated_4", of=_ratio, kind="ratio", better="neither", tested=False, unit="% of 4-grams"),
        _in_units("largest_change", _largest, kind="largest", better="lower", unit="bits"),
    )
}
