"""Context probes: five-word sentences `the NOUN VERB the NOUN`, the label a property of one of the words.

Lines are `sentence,label`. The file does not name its target: it is the word at the position that the data set says.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.suites.words.data.examples import Part, WordExample, WordSet, blank_spans, repeats
from harness.suites.words.data.sources import DataSet, feng_file
from harness.suites.words.probe import WordProbe

WORDS = 5
_PARTS: tuple[Part, ...] = ("train", "test")


def parse_context(data: DataSet, folder: Path, *, target: int, labels: tuple[str, str]) -> WordSet:
    """The sentences of one subtask, training file first. `target` counts words from 0, `labels` are of 0 and 1."""
    examples = tuple(
        _example(line, data.name, part, number, target=target, labels=labels)
        for part, text in zip(_PARTS, data.texts(folder), strict=True)
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


def _example(line: str, name: str, part: Part, number: int, *, target: int, labels: tuple[str, str]) -> WordExample:
    sentence, _, label = line.rpartition(",")
    spans = blank_spans(sentence)
    if len(spans) != WORDS or label not in ("0", "1"):
        raise HarnessError(
            f"{name}, {part} file, line {number + 1}: not a sentence of five words and a label: {line!r}"
        )
    span = spans[target]
    return WordExample(
        example_id=f"{part}:{number}",
        texts=(sentence,),
        spans=(span,),
        word=sentence[slice(*span)],
        label=labels[int(label)],
        part=part,
    )


def _data(name: str, target: int, labels: tuple[str, str], *, train: str, test: str) -> DataSet:
    folder = f"Task1_Context-probes/{name}"
    return DataSet(
        name=name,
        source="Feng et al. 2025 (arXiv 2510.01652)",
        files=(feng_file(f"{folder}/train.txt", train), feng_file(f"{folder}/test.txt", test)),
        n_texts=5000,
        parse=partial(parse_context, target=target, labels=labels),
    )


def _probes(name: str, data: DataSet, what: str, *, target: int) -> list[WordProbe]:
    """The question `what` to the words before, at and after word `target` of a sentence, where there are any."""
    sides = {
        "Before": (tuple(range(-target, 0)), f"{what}, read from the words before it"),
        "At": ((0,), f"{what}, read from the word itself"),
        "After": (tuple(range(1, WORDS - target)), f"{what}, read from the words after it"),
    }
    return [
        WordProbe(
            name=f"{name}{side}",
            task_type="ContextProbe",
            metric="accuracy",
            about=f"{about}; chance 1/2",
            data=data,
            positions=positions,
        )
        for side, (positions, about) in sides.items()
        if positions
    ]


SUBJECT_ANIMACY = _data(
    "subject_animacy",
    1,
    ("inanimate", "animate"),
    train="903b00d857796eb2d1295b8167de9ac17f954295db179f4ccb91cf8add1805e7",
    test="cc766c2b02c21520b238cb4d5cf3639c7ce7a05da3f2fcb2d748be014030315b",
)
OBJECT_ANIMACY = _data(
    "object_animacy",
    4,
    ("inanimate", "animate"),
    train="2392a0c921d1c4180e3549fb85f1d14b48ea2dbca671b29280947e3c4cceb154",
    test="32fb776531d083900e62b22c8cf9fe22b2cef8c19dc40457880cbedad6594f8f",
)
VERB_CAUSATIVE = _data(
    "verb_causative",
    2,
    ("not causative", "causative"),
    train="d9d573571efc6b6d0f34c83520ed56da1cf2311f7ef9d87e33387ac0fca82225",
    test="c4313deb2d27c69e5f4e517fde197061c7c3a55d47b2caf9f2111b01bdd60e94",
)
VERB_DYNAMIC = _data(
    "verb_dynamic",
    2,
    ("stative", "dynamic"),
    train="fa827149a92755d6e0d794a7444a15d4ec164f695c4acdf7c42f4fb8347ba7c4",
    test="22ed540044518a01453bb499347ce8eae1814a869629becc987cbdd6f9de127e",
)
DATA_SETS = (SUBJECT_ANIMACY, OBJECT_ANIMACY, VERB_CAUSATIVE, VERB_DYNAMIC)
TASKS = (
    *_probes("SubjectAnimacy", SUBJECT_ANIMACY, "is the subject animate", target=1),
    *_probes("ObjectAnimacy", OBJECT_ANIMACY, "is the object animate", target=4),
    *_probes("VerbCausative", VERB_CAUSATIVE, "does the verb alternate (causative-inchoative)", target=2),
    *_probes("VerbDynamic", VERB_DYNAMIC, "is the verb dynamic", target=2),
)
