"""Pairs: two uses of a word (WiC), and two words out of context (similarity)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import HarnessError
from harness.suites.words.data.examples import Part, Span, WordExample, WordSet, blank_spans
from harness.suites.words.data.folder import Row, WordData, read_rows

LABELS = {"T": "same", "F": "different"}


def parse_wic(data: WordData) -> WordSet:
    """WiC's test set, which is all that Feng et al. use: do two uses of a word have the same sense?"""
    return _wic_set(_test(data))


def parse_wic_full(data: WordData) -> WordSet:
    """WiC with its own training and development sets."""
    train, train_gold, dev, dev_gold = data.rows("wic_full")
    return _wic_set([*_wic(train, train_gold, "train"), *_wic(dev, dev_gold, "dev"), *_test(data, "wic_full")])


def parse_similarity(data: WordData, name: str) -> WordSet:
    """Pairs of words with the mean rating of how similar they are; each word is a text of its own."""
    (rows,) = data.rows(name)
    examples = tuple(
        WordExample(
            example_id=f"{number}:{first}:{second}",
            texts=(first, second),
            spans=((0, len(first)), (0, len(second))),
            word=f"{first}:{second}",
            scores=(float(score),),
        )
        for number, (first, second, score) in enumerate(rows)
    )
    same = sum(example.texts[0] == example.texts[1] for example in examples)
    turned = len(examples) - len({frozenset(example.texts) for example in examples})
    return WordSet(
        examples=examples,
        oddities={"pairs of a word with itself, kept": same, "pairs that stand twice, kept": turned},
    )


def _test(data: WordData, name: str = "wic") -> list[WordExample]:
    rows, gold = (read_rows(text) for text in data.texts(name))
    return _wic(rows, gold, "test")


def _wic(rows: Sequence[Row], gold: Sequence[Row], part: Part) -> list[WordExample]:
    if len(rows) != len(gold):
        raise HarnessError(f"WiC's {part} set has {len(rows)} pairs and {len(gold)} labels; fetch it again")
    examples = []
    for number, ((lemma, _, indices, *texts), (label,)) in enumerate(zip(rows, gold, strict=True)):
        spans = [
            _span(text, int(index), f"WiC {part}, line {number + 1}")
            for text, index in zip(texts, indices.split("-"), strict=True)
        ]
        examples.append(
            WordExample(
                example_id=f"{part}:{number}",
                texts=tuple(texts),
                spans=tuple(spans),
                word=lemma.lower(),
                label=LABELS[label],
                part=part,
            )
        )
    return examples


def _span(text: str, index: int, where: str) -> Span:
    spans = blank_spans(text)
    if not 0 <= index < len(spans):
        raise HarnessError(f"{where}: there is no word {index} in {text!r}; fetch the data again")
    return spans[index]


def _wic_set(examples: Sequence[WordExample]) -> WordSet:
    inflected = sum(
        text[slice(*span)].lower() != example.word
        for example in examples
        for text, span in zip(example.texts, example.spans, strict=True)
    )
    parts = {part: {e.word for e in examples if e.part == part} for part in ("train", "test")}
    shared = len(parts["train"] & parts["test"])
    return WordSet(
        examples=tuple(examples),
        oddities={
            "uses in another form than the lemma, taken at the index": inflected,
            "lemmas in both training and test set, kept": shared,
        },
    )
