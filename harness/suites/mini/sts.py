"""The similarity tasks, as mteb's own kind of task. The pairs and their gold scores come from pairs.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from mteb.abstasks.sts import AbsTaskSTS

from harness.mini.lexicon import load_lexicon
from harness.suites.mini import Draw
from harness.suites.mini.metadata import draw_rng, sentence_metadata
from harness.suites.mini.pairs import MAX_SCORE, ScoredPair, graded_pairs, paraphrase_pairs, role_pairs


class _PairTask(AbsTaskSTS):
    """A similarity task whose pairs are generated when it is loaded."""

    n_pairs: ClassVar[int]
    write: ClassVar[Callable[..., list[ScoredPair]]]

    def __init__(self, draw: Draw = "test", seed: int = 42, **kwargs: Any) -> None:
        self.draw = draw
        self.metadata = sentence_metadata(type(self).__name__, ["Textual Entailment"], draw)
        super().__init__(seed=seed, **kwargs)

    def load_data(self, **_: Any) -> None:
        """Generate the pairs of the draw: columns sentence1, sentence2, score (`min_score` to `max_score`)."""
        from datasets import Dataset, DatasetDict

        pairs = _pairs(type(self).__name__, type(self).write, self.n_pairs, self.draw)
        columns = {
            "sentence1": [pair.first for pair in pairs],
            "sentence2": [pair.second for pair in pairs],
            "score": [pair.score for pair in pairs],
        }
        self.dataset = {"default": DatasetDict({"test": Dataset.from_dict(columns)})}
        self.data_loaded = True


@cache
def _pairs(name: str, write: Callable[..., list[ScoredPair]], n: int, draw: Draw) -> tuple[ScoredPair, ...]:
    """The pairs of a draw, made once a process: every system gets a task object of its own."""
    return tuple(write(load_lexicon(), draw_rng(name, draw), n))


class MiniSTS(_PairTask):
    """Graded similarity of two events of held-out topics, 0 to 5."""

    metadata = sentence_metadata("MiniSTS", ["Textual Entailment"])
    min_score, max_score = 0, int(MAX_SCORE)
    n_pairs = 2000
    write = staticmethod(graded_pairs)


class MiniParaphrase(_PairTask):
    """Paraphrase or near miss, with equal word overlap; a perfect system reaches a Spearman of .866 (ties)."""

    metadata = sentence_metadata("MiniParaphrase", ["Textual Entailment"])
    min_score, max_score = 0, 1
    n_pairs = 4000
    write = staticmethod(paraphrase_pairs)


class MiniRoles(_PairTask):
    """Same roles or swapped ones, with the same words in both; a perfect system reaches a Spearman of .866 (ties)."""

    metadata = sentence_metadata("MiniRoles", ["Textual Entailment"])
    min_score, max_score = 0, 1
    n_pairs = 3000
    write = staticmethod(role_pairs)
