"""Lexical aspect: verbs in running sentences, telic or atelic, stative or durative.

Lines are `id, sentence, verb, index, label` parted by tabs, without heading or quoting. What a label means is
written down nowhere; it was read off the verbs (telicity 0: said, took, opened, 1: sitting, standing, is; duration 0:
was, is, know, 1: sitting, said, walking).
"""

from __future__ import annotations

from harness.errors import HarnessError
from harness.suites.words.data.examples import Span, WordExample, WordSet, blank_spans, repeats
from harness.suites.words.data.folder import WordData, read_rows

LABELS = {"telicity": ("telic", "atelic"), "duration": ("stative", "durative")}


def parse_aspect(data: WordData, name: str) -> WordSet:
    """The sentences of `telicity` or `duration`.

    Where the given index is not the verb, its occurrence nearest to the index is taken and the row counted.
    """
    (text,) = data.texts(name)
    examples, moved = [], 0
    for number, row in enumerate(read_rows(text)):
        if len(row) != 5 or row[4] not in ("0", "1"):
            raise HarnessError(f"{name}, line {number + 1}: not the five cells id, sentence, verb, index, label: {row}")
        _, sentence, verb, index, label = row
        span, as_given = _locate(sentence, verb, int(index))
        moved += not as_given
        examples.append(
            WordExample(
                example_id=str(number),
                texts=(sentence,),
                spans=(span,),
                word=verb.lower(),
                label=LABELS[name][int(label)],
            )
        )
    found = tuple(examples)
    return WordSet(
        examples=found,
        oddities={
            "verbs that are not at the index given, taken where they stand nearest to it": moved,
            "targets without a letter, kept as they are": sum(not any(map(str.isalpha, e.word)) for e in found),
            "sentences that repeat an earlier one, kept (they share a fold)": repeats(found),
        },
    )


def _locate(sentence: str, verb: str, index: int) -> tuple[Span, bool]:
    spans = [span for span in blank_spans(sentence) if span[0] < span[1]]  # here an index counts no empty pieces
    places = [place for place, span in enumerate(spans) if sentence[slice(*span)] == verb]
    if not places:
        raise HarnessError(f"the verb {verb!r} does not stand in its sentence {sentence[:60]!r}; mend the data")
    nearest = min(places, key=lambda place: (abs(place - index), place))
    return spans[nearest], nearest == index
