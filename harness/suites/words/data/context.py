"""Context probes: five-word sentences `the NOUN VERB the NOUN`, the label a property of one of the words.

Lines are `sentence,label`. The file does not name its target: it is the word at the position that the data set's
name says.
"""

from __future__ import annotations

from harness.errors import HarnessError
from harness.suites.words.data.examples import Part, WordExample, WordSet, blank_spans, repeats
from harness.suites.words.data.folder import WordData

TARGET = {"subject_animacy": 1, "object_animacy": 4, "verb_causative": 2, "verb_dynamic": 2}
LABELS = {
    "subject_animacy": ("inanimate", "animate"),
    "object_animacy": ("inanimate", "animate"),
    "verb_causative": ("not causative", "causative"),
    "verb_dynamic": ("stative", "dynamic"),
}
WORDS = 5
_PARTS: tuple[Part, ...] = ("train", "test")


def parse_context(data: WordData, name: str) -> WordSet:
    """The sentences of one subtask, training file first; target and label as `TARGET` and `LABELS` say."""
    examples = tuple(
        _example(line, name, part, number)
        for part, text in zip(_PARTS, data.texts(name), strict=True)
        for number, line in enumerate(text.splitlines())
    )
    shared = set.intersection(*({e.word for e in examples if e.part == part} for part in _PARTS))
    return WordSet(
        examples=examples,
        oddities={
            "sentences that repeat an earlier one, kept (they share a fold)": repeats(examples),
            "target words in both of the set's own parts, kept (a word is in one fold only)": len(shared),
        },
    )


def _example(line: str, name: str, part: Part, number: int) -> WordExample:
    sentence, _, label = line.rpartition(",")
    spans = blank_spans(sentence)
    if len(spans) != WORDS or label not in ("0", "1"):
        raise HarnessError(
            f"{name}, {part} file, line {number + 1}: not a sentence of five words and a label: {line!r}"
        )
    span = spans[TARGET[name]]
    return WordExample(
        example_id=f"{part}:{number}",
        texts=(sentence,),
        spans=(span,),
        word=sentence[slice(*span)],
        label=LABELS[name][int(label)],
        part=part,
    )
