"""What is in a task of a card, and what it can show, before anything is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.bases import Base
from harness.contamination.texts import Hashes, count_shared, normalised, text_hashes
from harness.metrics import get_metric
from harness.stats.power import detectable_difference
from harness.suites.own.card import TaskCard
from harness.suites.own.table import CardRows, labels_of, rows_of
from harness.suites.own.task import OwnTask

SHOWN_LABELS = 10
_DIFFERENT = (0.1, 0.2, 0.4)  # shares of the examples that two variants may answer differently
_WITH_GOLD, _WITH_EACH_OTHER = 0.7, 0.9  # correlations that two variants may have


@dataclass(frozen=True, kw_only=True)
class PartReport:
    """One file: how many rows, rows whose texts stand in an earlier row, texts that are cut, and the answers."""

    part: str
    rows: int
    units: int
    repeated: int
    cut: int
    labels: Mapping[str, int]
    scores: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class CardReport:
    """`shared` counts the different test texts that training has too; `chance` is what a constant answer scores.

    `detectable` are the smallest differences, in the unit of the metric, that the test finds with a power of 80 %, each
    under an assumption. `margin` is the card's own, and so is what is `declared` as chance. `limit` is how many tokens
    the base reads of a text.
    """

    task: str
    about: str
    type: str
    metric: str
    revision: str
    publish: str
    parts: tuple[PartReport, ...]
    shared: int | None
    chance: float
    margin: float | None
    declared: bool
    base: str
    limit: int
    tested: str
    detectable: Mapping[str, float]


def report(task: OwnTask, base: Base) -> CardReport:
    """What is in `task`, whose texts are counted as `base` reads them. Raises HarnessError as measuring it would."""
    card, info = task.card, task.info
    lengths, limit = _reader(base)
    rows = {part: rows_of(card, part) for part in card.tables}
    train = rows.get("train")
    metric = get_metric(info.metric)
    n = rows["test"].n
    units = len(set(rows["test"].together)) or n
    return CardReport(
        task=task.name,
        about=info.about,
        type=card.type,
        metric=info.metric,
        revision=info.revision,
        publish=card.publish,
        parts=tuple(_part(part, each, card, lengths, limit) for part, each in rows.items()),
        shared=None if train is None else count_shared(_hashes(rows["test"]), _hashes(train)),
        chance=metric.scale * _chance(info.metric, rows["test"]) if card.chance is None else card.chance,
        margin=card.margin,
        declared=card.chance is not None,
        base=base.name,
        limit=limit,
        tested=_tested(card, units, tested=metric.tested),
        detectable={why: metric.scale * found for why, found in _detectable(card, n, units).items()},
    )


def _reader(base: Base) -> tuple[Callable[[Sequence[str]], list[int]], int]:
    """What counts tokens as `base` has them, and how many of them a variant reads that its card does not limit."""
    from transformers import AutoConfig

    from harness.encoder.opening import most_tokens
    from harness.encoder.tokenizer import load_tokenizer
    from harness.encoder.tokens import count_tokens
    from harness.text_to_vector import TextToVector

    tokenizer = load_tokenizer(base.folder, name=base.name)
    config = AutoConfig.from_pretrained(str(base.folder), trust_remote_code=False)
    whole = int(TextToVector.model_fields["max_length"].default)
    special = int(tokenizer.num_special_tokens_to_add())
    return lambda texts: [n + special for n in count_tokens(tokenizer, texts)], min(whole, most_tokens(config) or whole)


def _part(
    part: str, rows: CardRows, card: TaskCard, lengths: Callable[[Sequence[str]], list[int]], limit: int
) -> PartReport:
    texts, sets = sorted(rows.every_text), card.kind.answer == "labels"
    seen = Counter(
        zip(*([normalised(text) for text in column] for column in rows.texts.values()), *rows.spans, strict=True)
    )
    return PartReport(
        part=part,
        rows=rows.n,
        units=len(set(rows.together)) or rows.n,
        repeated=rows.n - len(seen),
        cut=sum(n > limit for n in lengths(texts)),
        labels=dict(Counter(each for own in labels_of(rows, sets=sets) for each in own).most_common()),
        scores=(min(rows.scores), max(rows.scores)) if rows.scores else None,
    )


def _hashes(rows: CardRows) -> Hashes:
    return text_hashes(rows.every_text)


def _chance(metric: str, rows: CardRows) -> float:
    if metric == "accuracy":
        return Counter(rows.labels).most_common(1)[0][1] / rows.n
    if metric == "average_precision":
        from harness.suites.own.table import truths

        return sum(truths(rows)) / rows.n
    return 0.0


def _tested(card: TaskCard, units: int, *, tested: bool) -> str:
    what = f"{card.group!r}" if card.group else card.kind.unit
    if not tested:
        return f"no difference of {card.kind.metric} is tested: it is described"
    few = "; fewer than 50 are outside what is calibrated" if units < 50 else ""
    return f"differences of {card.kind.metric}, paired over {units} units (one for each {what}){few}"


def _detectable(card: TaskCard, n: int, units: int) -> dict[str, float]:
    """Of `n` examples in `units`, those of a unit taken as independent: the truth is no less."""
    of_unit = units / n  # of an example's variance
    if card.kind.metric in ("accuracy", "weighted_f1"):
        found = {
            f"if two variants answer {100 * share:.0f} % of the examples differently": detectable_difference(
                share * of_unit, n_units=units
            )
            for share in _DIFFERENT
        }
    elif card.kind.metric in ("spearman", "pearson") and card.type != "summarization":  # a mean of correlations
        r, s = _WITH_GOLD, _WITH_EACH_OTHER
        # Pearson and Filon: the covariance of two correlations that share a variable; ranks spread a little more.
        shared = s * (1 - 2 * r**2) - r**2 * (1 - 2 * r**2 - s**2) / 2
        variance = 2 * ((1 - r**2) ** 2 - shared) * (1.06 if card.kind.metric == "spearman" else 1.0)
        why = f"if two variants correlate at {r} with the scores and at {s} with each other"
        found = {why: detectable_difference(variance * of_unit, n_units=units)}
    else:
        return {}
    return {why: value for why, value in found.items() if value is not None}
