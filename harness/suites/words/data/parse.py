"""A data set by name ─▶ its examples."""

from __future__ import annotations

from functools import cache

from harness.suites.words.data.aspect import LABELS as ASPECTS
from harness.suites.words.data.aspect import parse_aspect
from harness.suites.words.data.context import TARGET, parse_context
from harness.suites.words.data.examples import WordSet
from harness.suites.words.data.folder import WordData
from harness.suites.words.data.norms import parse_concretext, parse_sensorimotor
from harness.suites.words.data.pairs import parse_similarity, parse_wic, parse_wic_full

_WHOLE = {
    "concretext": parse_concretext,
    "sensorimotor": parse_sensorimotor,
    "wic": parse_wic,
    "wic_full": parse_wic_full,
}


@cache
def parse(data: WordData, name: str) -> WordSet:
    """The data set `name` of the folder, checked and parsed once a process. HarnessError if something is wrong."""
    if name in TARGET:
        return parse_context(data, name)
    if name in ASPECTS:
        return parse_aspect(data, name)
    if name in _WHOLE:
        return _WHOLE[name](data)
    return parse_similarity(data, name)
