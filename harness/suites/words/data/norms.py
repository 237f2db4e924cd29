"""Norms: how concrete a word is in its sentence (CONcreTEXT), and how it is perceived and acted on (sensorimotor)."""

from __future__ import annotations

import csv
import io
import re
from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.suites.words.data.examples import Span, WordExample, WordSet, blank_spans, repeats
from harness.suites.words.data.sources import DataSet, feng_file
from harness.suites.words.probe import WordProbe

DIMENSIONS = (
    "Vision",
    "Hearing",
    "Olfaction",
    "Interoception",
    "Taste",
    "Touch",
    "Foot_leg",
    "Mouth_throat",
    "Torso",
    "Head",
    "Hand_arm",
)
# Forms that no rule makes, for the words of the sensorimotor norms.
_IRREGULAR = {"break": ("broke",), "draw": ("drew",), "run": ("ran",), "sing": ("sang",)}


def parse_concretext(data: DataSet, folder: Path) -> WordSet:
    """CONcreTEXT: one mean rating, 1 (abstract) to 7 (concrete). The file names a lemma and the index of its form."""
    (text,) = data.texts(folder)
    examples, inflected = [], 0
    for row in csv.DictReader(io.StringIO(text), delimiter="\t"):
        spans = blank_spans(row["TEXT"])
        index = int(row["INDEX"])
        if not 0 <= index < len(spans):
            raise HarnessError(f"concretext, row {row['testset_idx']}: there is no word {index} in {row['TEXT']!r}")
        lemma = row["TARGET"].lower()
        inflected += row["TEXT"][slice(*spans[index])].lower() != lemma
        examples.append(
            WordExample(
                example_id=row["testset_idx"],
                texts=(row["TEXT"],),
                spans=(spans[index],),
                word=lemma,
                scores=(float(row["AVG"]),),
            )
        )
    found = tuple(examples)
    return WordSet(
        examples=found,
        oddities={
            "targets in another form than the lemma given, taken at the index": inflected,
            "sentences that repeat an earlier one, kept (they share a fold)": repeats(found),
        },
    )


def parse_sensorimotor(data: DataSet, folder: Path) -> WordSet:
    """Contextualized sensorimotor norms: eleven mean ratings (`DIMENSIONS`), 0 to 5.

    The file gives the word, not its place: the span is the word's one occurrence in the sentence, in the form given or,
    where that does not occur, in an inflected one.
    """
    (text,) = data.texts(folder)
    examples, inflected = [], 0
    for number, row in enumerate(csv.DictReader(io.StringIO(text))):
        span, as_given = _locate(row["sentence"], row["word"])
        inflected += not as_given
        examples.append(
            WordExample(
                example_id=f"{number}:{row['word']}:{row['context']}",
                texts=(row["sentence"],),
                spans=(span,),
                word=row["word"],
                scores=tuple(float(row[f"{name}.M"]) for name in DIMENSIONS),
            )
        )
    return WordSet(
        examples=tuple(examples),
        oddities={"words that are inflected in their sentence, located by their forms": inflected},
    )


def _locate(sentence: str, word: str) -> tuple[Span, bool]:
    words = [match.span() for match in re.finditer(r"[A-Za-z]+", sentence)]
    for forms, as_given in (((word,), True), (inflections(word), False)):
        found = [span for span in words if sentence[slice(*span)].lower() in forms]
        if len(found) == 1:
            return found[0], as_given
        if found:
            raise HarnessError(f"{word!r} is in {sentence!r} more than once; correct the data")
    raise HarnessError(f"{word!r} is not in {sentence!r}; correct the data")


def inflections(word: str) -> tuple[str, ...]:
    """Forms that an English noun or verb may have besides `word`.

    >>> "lapped" in inflections("lap"), "baking" in inflections("bake"), "ran" in inflections("run")
    (True, True, True)
    """
    bare = word.removesuffix("e")
    soft = word[:-1] + "i" if word.endswith("y") else word
    stems = {word, bare, soft, word + word[-1]}
    return (*_IRREGULAR.get(word, ()), *(stem + end for stem in sorted(stems) for end in ("s", "es", "d", "ed", "ing")))


CONCRETEXT = DataSet(
    name="concretext",
    source="CONcreTEXT, EVALITA 2020 (Gregori et al.), the English test file",
    files=(
        feng_file(
            "Task3_CONcreTEXT/CONcreTEXT_test_EN.txt",
            "6716baf9af44d8decc03d2ee152b3b79af5f2bf9de7b6b46637bcbdffc76fb74",
        ),
    ),
    n_texts=434,
    parse=parse_concretext,
)
_NORMS = "contextualized_sensorimotor_norms_with_ls.txt"
SENSORIMOTOR = DataSet(
    name="sensorimotor",
    source="Contextualized sensorimotor norms (Trott and Bergen 2022)",
    files=(
        feng_file(
            f"Task4_Sensorimotor_norms/{_NORMS}",
            "464257a98a3d56e6d5a0f1873022ed03c606150a998da86cba73616baf2e1e7f",
            upstream=f"Task4_Sensorimotor norms/{_NORMS}",
        ),
    ),
    n_texts=448,
    parse=parse_sensorimotor,
)
DATA_SETS = (CONCRETEXT, SENSORIMOTOR)
_probe = partial(WordProbe, task_type="WordNorms", metric="pearson")
TASKS = (
    _probe(name="ConcreteText", data=CONCRETEXT, about="how concrete a word is in its sentence (CONcreTEXT)"),
    _probe(
        name="SensorimotorNorms",
        data=SENSORIMOTOR,
        about="how a word's meaning in its sentence is perceived and acted on, mean of 11 dimensions",
    ),
)
