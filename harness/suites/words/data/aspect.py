"""Lexical aspect: verbs in running sentences, telic or atelic, stative or durative.

Lines are `id, sentence, verb, index, label` parted by tabs, without heading or quoting. What a label means is
written down nowhere; it was read off the verbs (telicity 0: said, took, opened, 1: sitting, standing, is; duration 0:
was, is, know, 1: sitting, said, walking).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.suites.words.data.examples import Span, WordExample, WordSet, blank_spans, repeats
from harness.suites.words.data.sources import DataSet, SourceFile, read_rows
from harness.suites.words.probe import WordProbe


def parse_aspect(data: DataSet, folder: Path, *, labels: tuple[str, str]) -> WordSet:
    """The sentences, labelled by the first of `labels` for 0 and the second for 1.

    Where the given index is not the verb, its occurrence nearest to the index is taken and the row counted.
    """
    (text,) = data.texts(folder)
    examples, moved = [], 0
    for number, row in enumerate(read_rows(text)):
        if len(row) != 5 or row[4] not in ("0", "1"):
            raise HarnessError(
                f"{data.name}, line {number + 1}: not the five cells id, sentence, verb, index, label: {row}"
            )
        _, sentence, verb, index, label = row
        span, as_given = _locate(sentence, verb, int(index))
        moved += not as_given
        examples.append(
            WordExample(
                example_id=str(number),
                texts=(sentence,),
                spans=(span,),
                word=verb.lower(),
                label=labels[int(label)],
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
        raise HarnessError(f"the verb {verb!r} is not in its sentence {sentence[:60]!r}; correct the data")
    nearest = min(places, key=lambda place: (abs(place - index), place))
    return spans[nearest], nearest == index


def _data(name: str, sha256: str, *, n_texts: int, labels: tuple[str, str], source: str) -> DataSet:
    # Byte for byte what Feng et al. use, from the repository of its authors, whose licence (MIT) is stated.
    file = SourceFile(
        path=f"original/Task2_Lexical_aspect_binary_classification/{name}_train.txt",
        repository="lenakmeth/telicity_classification",
        commit="98949ede6b1fdb51e2b36656853e30ce13f1a038",
        upstream=f"data/en/{name}_train.tsv",
        sha256=sha256,
    )
    return DataSet(name=name, source=source, files=(file,), n_texts=n_texts, parse=partial(parse_aspect, labels=labels))


TELICITY = _data(
    "telicity",
    "4271fc9ea990329e723d4ecaf4f9ffe2aef3a060d659f085d798241ae8e256b0",
    n_texts=4940,
    labels=("telic", "atelic"),
    source="Metheniti et al. 2022, annotated captions and MASC; the training file that Feng et al. 2025 use",
)
DURATION = _data(
    "duration",
    "2df882c3ff88c11a51aef964accea8c016823d7452a167b51e856927d87f5547",
    n_texts=3267,
    labels=("stative", "durative"),
    source="Metheniti et al. 2022; the training file that Feng et al. 2025 use",
)
DATA_SETS = (TELICITY, DURATION)
_probe = partial(WordProbe, task_type="LexicalAspect", metric="accuracy")
TASKS = (
    _probe(name="Telicity", data=TELICITY, about="is the verb telic in its sentence"),
    _probe(name="Duration", data=DURATION, about="is the verb stative or durative in its sentence"),
)
