"""A card's examples of words as a task of the words suite: the same probes, folds and controls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.outcomes import row_ids
from harness.suites.own.card import TaskCard
from harness.suites.own.sequences import hidden_tags
from harness.suites.own.table import CardRows, rows_of
from harness.suites.task import TaskOptions
from harness.suites.words.data.examples import Span, WordExample, WordSet, blank_spans
from harness.suites.words.data.sources import DataSet
from harness.suites.words.probe import SUITE_VERSION, WordProbe


@dataclass(frozen=True, kw_only=True)
class ProbeOfCard(WordProbe):
    """A task of the words suite on the examples of a card."""

    of_card: str

    @property
    def revision(self) -> str:
        """That of the card, and of the probes."""
        return f"{self.of_card}.{SUITE_VERSION}"

    def chosen(self, options: TaskOptions) -> ProbeOfCard:
        """The same: a card has its own folder."""
        return self


def make_probe(card: TaskCard) -> ProbeOfCard:
    """The task of a card on words. Raises HarnessError for words that cannot be read."""
    rows = rows_of(card)
    _check_positions(card, rows)
    revision, kind = card.revision, card.kind
    data = DataSet(
        name=f"{card.task} {revision}",  # what is parsed is kept by this name
        source=card.source,
        files=(),
        n_texts=rows.n * len(kind.texts),
        parse=partial(_parse, card),
    )
    return ProbeOfCard(
        name=card.task,
        task_type=kind.task_type,
        metric=kind.metric,
        about=card.about,
        data=data,
        positions=card.positions,
        features=card.features if kind.task_type == "WiC" else "",
        folder=card.folder,
        of_card=revision,
    )


def _parse(card: TaskCard, data: DataSet, folder: Path) -> WordSet:
    rows = rows_of(card)
    texts = list(zip(*rows.texts.values(), strict=True))
    spans = list(zip(*rows.spans, strict=True)) or [tuple((0, len(text)) for text in each) for each in texts]
    sequences, labels = card.kind.sequences, rows.labels
    if sequences and card.publish == "nothing":
        labels = tuple(hidden_tags(labels))
    return WordSet(
        examples=tuple(
            WordExample(
                example_id=name,
                texts=texts[row],
                spans=spans[row],
                word=_word(rows, texts[row], spans[row], row, sequences=sequences),
                group=rows.groups[row] if sequences else "",
                label=labels[row] if labels else "",
                scores=(rows.scores[row],) if rows.scores else (),
            )
            for row, name in enumerate(row_ids("\0".join(each) for each in texts))
        )
    )


def _word(rows: CardRows, texts: tuple[str, ...], spans: tuple[Span, ...], row: int, *, sequences: bool) -> str:
    """The word as control tasks know it: what belongs together; of sentences the word itself, of pairs both."""
    if sequences:
        return texts[0][slice(*spans[0])]
    return rows.together[row] if rows.together else ":".join(texts)


def _check_positions(card: TaskCard, rows: CardRows) -> None:
    """A word beside the target is one between single blanks, as the target is."""
    asked = [position for position in card.positions if position]
    if not asked:
        return
    (texts,), (spans,) = rows.texts.values(), rows.spans
    for row, (text, span) in enumerate(zip(texts, spans, strict=True), start=1):
        words = blank_spans(text)
        if span not in words:
            raise HarnessError(
                f"{rows.where}, row {row}: {text[slice(*span)]!r} does not stand between blanks, so the words "
                "beside it cannot be counted; take `positions` out, or give the spans of whole words"
            )
        at = words.index(span)
        for position in asked:
            if not 0 <= at + position < len(words):
                raise HarnessError(
                    f"{rows.where}, row {row}: there is no word at position {position} from {text[slice(*span)]!r}; "
                    "take the position or the row out"
                )
