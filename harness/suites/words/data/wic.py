"""WiC: do two uses of a word have the same sense? Lines are `lemma, part of speech, indices, sentence, sentence`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.suites.words.data.examples import Part, Span, WordExample, WordSet, blank_spans
from harness.suites.words.data.sources import DataSet, SourceFile, TextRow, feng_file, read_rows
from harness.suites.words.probe import Features, WordProbe

LABELS = {"T": "same", "F": "different"}


def parse_wic(data: DataSet, folder: Path) -> WordSet:
    """WiC's test set, which is all that Feng et al. use."""
    return _wic_set(_test(data, folder))


def parse_wic_full(data: DataSet, folder: Path) -> WordSet:
    """WiC with its own training and development sets."""
    train, train_gold, dev, dev_gold = data.rows(folder)
    return _wic_set([*_wic(train, train_gold, "train"), *_wic(dev, dev_gold, "dev"), *_test(data, folder)])


def _test(data: DataSet, folder: Path) -> list[WordExample]:
    rows, gold = (read_rows(text) for text in data.texts(folder))
    return _wic(rows, gold, "test")


def _wic(rows: Sequence[TextRow], gold: Sequence[TextRow], part: Part) -> list[WordExample]:
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


def _file(part: str, kind: str, rows_sha256: str) -> SourceFile:
    return SourceFile(
        path=f"original/WiC_dataset/{part}/{part}.{kind}.txt",
        repository="Wenxin-Jiang/CS577-NLP",
        commit="17fb8ca981698024599b423ad140f1ac36608529",
        upstream=f"HW2/WiC_dataset/{part}/{part}.{kind}.txt",
        rows_sha256=rows_sha256,
        table=f"task5_wic/wic_{part}.tsv",
    )


def _probe(name: str, features: Features, about: str, *, data: DataSet) -> WordProbe:
    return WordProbe(name=name, task_type="WiC", metric="accuracy", about=about, data=data, features=features)


_TEST = (
    feng_file(
        "Task5_Word-in-context/test.data.txt", "28befe601f5bdbc8e452e9538f6d3582a164647ad5949a9808a74908e70031f7"
    ),
    feng_file(
        "Task5_Word-in-context/test.gold.txt", "a69386c579762d9ddf988a61896a2e912f402410185f5e8316007093799b341f"
    ),
)
WIC = DataSet(
    name="wic",
    source="WiC (Pilehvar and Camacho-Collados 2019), its test set",
    files=_TEST,
    n_texts=2800,
    parse=parse_wic,
)
WIC_FULL = DataSet(
    name="wic_full",
    source="WiC (Pilehvar and Camacho-Collados 2019), training, development and test set",
    files=(
        _file("train", "data", "3a56ff8285ca9703d6c91dfb7cc79760171899c560bb6a8698fa4559a71b160d"),
        _file("train", "gold", "3f614ca12c03a90fecc34471d8ae666f924a3c657b5620fcfb46d9b2b50bb7b2"),
        _file("dev", "data", "1c360246ffa3904fc1d8f6f16bb7ae0d7980a1a27e9200e9b43c32fd35af11e7"),
        _file("dev", "gold", "665ee959c2cf7db2a4255b7a049bdfa165b970482145cfd2ac456007d4dcf1d6"),
        *_TEST,
    ),
    n_texts=14932,
    parse=parse_wic_full,
)
DATA_SETS = (WIC, WIC_FULL)
TASKS = (
    _probe("WiCCosine", "cosine", "same sense in two sentences? A threshold on the cosine; chance 1/2", data=WIC),
    _probe("WiCDifference", "difference", "the same, a probe on the absolute difference of the two vectors", data=WIC),
    _probe("WiCConcatenation", "concatenation", "the same, a probe on the two vectors together", data=WIC),
    _probe("WiCFull", "official", "the same, the threshold chosen on WiC's training set", data=WIC_FULL),
)
