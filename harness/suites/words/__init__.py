"""The words suite: what an encoder's word vectors tell of words and their context (Feng et al. 2025), with controls.

This module is cheap: it names the tasks and reads no data and no torch until a task is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.errors import HarnessError
from harness.suites.lookup import entry_named

if TYPE_CHECKING:
    from harness.suites.words.data.folder import WordData

Kind = Literal["context", "aspect", "norms", "wic", "similarity", "geometry", "repetition"]
Features = Literal["", "cosine", "difference", "concatenation", "official"]

# Diagnostics beside the scores: their results are in no comparison.
DIAGNOSTICS: tuple[Kind, ...] = ("geometry", "repetition")
# Raise when the same system on the same data would score otherwise.
SUITE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class WordEntry:
    """A task of the suite before it is made.

    `data` is the data set; `positions`, of context probes, are the words read, counted from the target; `features`, of
    WiC, is what a probe sees of the two uses.
    """

    name: str
    task_type: str
    metric: str
    about: str
    data: str
    kind: Kind
    positions: tuple[int, ...] = (0,)
    features: Features = ""


def _context(name: str, data: str, what: str, *, target: int) -> list[WordEntry]:
    # Sentences have five words, the target is number `target`.
    sides = {
        "Before": (tuple(range(-target, 0)), f"{what}, read from the words before it"),
        "At": ((0,), f"{what}, read from the word itself"),
        "After": (tuple(range(1, 5 - target)), f"{what}, read from the words after it"),
    }
    return [
        WordEntry(
            name=f"{name}{side}",
            task_type="ContextProbe",
            metric="accuracy",
            about=f"{about}; chance 1/2",
            data=data,
            kind="context",
            positions=positions,
        )
        for side, (positions, about) in sides.items()
        if positions
    ]


def _similarity(name: str, data: str, about: str) -> WordEntry:
    return WordEntry(
        name=name, task_type="WordSimilarity", metric="spearman", about=about, data=data, kind="similarity"
    )


def _wic(name: str, features: Features, about: str, *, data: str = "wic") -> WordEntry:
    return WordEntry(
        name=name, task_type="WiC", metric="accuracy", about=about, data=data, kind="wic", features=features
    )


TASKS: tuple[WordEntry, ...] = (
    *_context("SubjectAnimacy", "subject_animacy", "is the subject animate", target=1),
    *_context("ObjectAnimacy", "object_animacy", "is the object animate", target=4),
    *_context("VerbCausative", "verb_causative", "does the verb alternate (causative-inchoative)", target=2),
    *_context("VerbDynamic", "verb_dynamic", "is the verb dynamic", target=2),
    WordEntry(
        name="Telicity",
        task_type="LexicalAspect",
        metric="accuracy",
        about="is the verb telic in its sentence",
        data="telicity",
        kind="aspect",
    ),
    WordEntry(
        name="Duration",
        task_type="LexicalAspect",
        metric="accuracy",
        about="is the verb stative or durative in its sentence",
        data="duration",
        kind="aspect",
    ),
    WordEntry(
        name="ConcreteText",
        task_type="WordNorms",
        metric="pearson",
        about="how concrete a word is in its sentence (CONcreTEXT)",
        data="concretext",
        kind="norms",
    ),
    WordEntry(
        name="SensorimotorNorms",
        task_type="WordNorms",
        metric="pearson",
        about="how a word's meaning in its sentence is perceived and acted on, mean of 11 dimensions",
        data="sensorimotor",
        kind="norms",
    ),
    _wic("WiCCosine", "cosine", "same sense in two sentences? A threshold on the cosine; chance 1/2"),
    _wic("WiCDifference", "difference", "the same, a probe on the absolute difference of the two vectors"),
    _wic("WiCConcatenation", "concatenation", "the same, a probe on the two vectors together"),
    _wic("WiCFull", "official", "the same, the threshold chosen on WiC's training set", data="wic_full"),
    _similarity("RG65", "rg65", "similarity of two nouns out of context"),
    _similarity("WordSim353", "wordsim353", "similarity or relatedness of two words out of context"),
    _similarity("SimLex999", "simlex999", "similarity, not relatedness, of two words out of context"),
    _similarity("SimVerb3500", "simverb3500", "similarity of two verbs out of context"),
    WordEntry(
        name="WordGeometry",
        task_type="Geometry",
        metric="cosine",
        about="mean cosine of unrelated words and of words of one sentence, by layer; a diagnostic, not a score",
        data="wic",
        kind="geometry",
    ),
    WordEntry(
        name="RepeatedPassage",
        task_type="Attention",
        metric="pull",
        about="how far a repeated passage pulls a text's embedding beyond its share of tokens; a diagnostic",
        data="wic",
        kind="repetition",
    ),
)


@dataclass(frozen=True, kw_only=True)
class PaperEntry:
    """A task as Feng et al. 2025 measure it: `figures_task` and `subtask` are its names in their tables.

    `hidden`, `batch_size` and `rate` are of their MLP.
    """

    name: str
    data: str
    figures_task: str
    subtask: str
    hidden: tuple[int, ...]
    batch_size: int
    rate: float
    metric: str = "accuracy"
    positions: tuple[int, ...] = (0,)
    features: Features = ""


PAPER_TYPE = "Reproduction"
_DEEP = ((20, 10), 16, 2e-5)


def _paper(
    name: str,
    data: str,
    task: str,
    subtask: str,
    mlp: tuple[tuple[int, ...], int, float],
    *,
    metric: str = "accuracy",
    positions: tuple[int, ...] = (0,),
    features: Features = "",
) -> PaperEntry:
    hidden, batch_size, rate = mlp
    return PaperEntry(
        name=f"Feng2025{name}",
        data=data,
        figures_task=task,
        subtask=subtask,
        hidden=hidden,
        batch_size=batch_size,
        rate=rate,
        metric=metric,
        positions=positions,
        features=features,
    )


_CONTEXT, _ASPECT = "context probes", "lexical aspect, WiC"
PAPER_TASKS: tuple[PaperEntry, ...] = (
    _paper("SubjectAnimacy", "subject_animacy", _CONTEXT, "subject animacy", _DEEP, positions=(-1, 0, 1, 2, 3)),
    _paper("VerbCausative", "verb_causative", _CONTEXT, "verb causative", _DEEP, positions=(-2, -1, 0, 1, 2)),
    _paper("VerbDynamic", "verb_dynamic", _CONTEXT, "verb dynamic", _DEEP, positions=(-2, -1, 0, 1, 2)),
    _paper("ObjectAnimacy", "object_animacy", _CONTEXT, "object animacy", _DEEP, positions=(-4, -3, -2, -1, 0)),
    _paper("Telicity", "telicity", _ASPECT, "telicity", _DEEP),
    _paper("Duration", "duration", _ASPECT, "duration", _DEEP),
    _paper("ConcreteText", "concretext", "CONcreTEXT", "", ((40, 20), 8, 2e-3), metric="pearson"),
    _paper(
        "SensorimotorNorms",
        "sensorimotor",
        "sensorimotor norms (mean of 11)",
        "",
        ((40, 20), 16, 2e-3),
        metric="pearson",
    ),
    _paper("WiCCosine", "wic", _ASPECT, "WiC cosine", ((5, 2), 8, 1e-3), features="cosine"),
    _paper("WiCDifference", "wic", _ASPECT, "WiC absolute difference", ((20, 10), 16, 1e-5), features="difference"),
    _paper("WiCConcatenation", "wic", _ASPECT, "WiC concatenation", ((20, 10), 16, 1.5e-5), features="concatenation"),
)


def paper_names() -> tuple[str, ...]:
    """The names of the paper's tasks."""
    return tuple(entry.name for entry in PAPER_TASKS)


def paper_entry(name: str) -> PaperEntry:
    """The entry of the paper's task called `name`. Raises HarnessError if there is none."""
    return entry_named(name, PAPER_TASKS, of="the paper")


def paper_revision(entry: PaperEntry) -> str:
    """What identifies the examples and the protocol."""
    from harness.suites.words.data.sources import get_data_set

    return f"{SUITE_VERSION}.paper.{get_data_set(entry.data).revision}"


def task_names() -> tuple[str, ...]:
    """The names of the suite's tasks."""
    return tuple(entry.name for entry in TASKS)


def task_entry(name: str) -> WordEntry:
    """The entry of the task called `name`. Raises HarnessError if there is none."""
    return entry_named(name, TASKS, of="the words suite")


def task_revision(entry: WordEntry) -> str:
    """What identifies the examples and the protocol: suite version and what the data set's files must hold."""
    from harness.suites.words.data.sources import get_data_set

    return f"{SUITE_VERSION}.cv.{get_data_set(entry.data).revision}"


def choose_word_data(tasks: Sequence[str], folder: Path | None) -> WordData | None:
    """The data for the word-level tasks among `tasks`, checked; None where there is none.

    `folder` is what the user named, None the place of `harness data fetch words`. Raises HarnessError for data that are
    missing or changed, and for a folder that no task needs.
    """
    entries: tuple[WordEntry | PaperEntry, ...] = (*TASKS, *PAPER_TASKS)
    needed = [entry.data for entry in entries if entry.name in tasks]
    if not needed:
        if folder is not None:
            raise HarnessError(
                f"--data-dir {folder} holds word-level data, but no task of the words suite is asked for; "
                "add --suite words"
            )
        return None
    from harness.suites.words.data.folder import open_word_data

    return open_word_data(folder, needed)


def all_positions(data: str) -> tuple[int, ...]:
    """The positions that some task of the suite on the data set reads."""
    return tuple(sorted({position for entry in TASKS if entry.data == data for position in entry.positions}))
