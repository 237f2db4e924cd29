"""Overlaps by task, and their wording, which is the same in the terminal, on the page and in a model card."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from harness.records import Overlap


@dataclass(frozen=True, kw_only=True)
class TaskOverlap:
    """All that is recorded of one task (at one revision) and the stages that made one system or several seeds of it."""

    task: str
    revision: str
    measured: tuple[Overlap, ...]
    declared: tuple[Overlap, ...]

    @property
    def share(self) -> float | None:
        """The largest measured share of the task's texts among the texts of one stage; None if not measured."""
        return max((each.share for each in self.measured if each.share is not None), default=None)

    @property
    def overlaps(self) -> bool:
        """Whether a text is shared or an overlap declared."""
        return bool(self.declared) or bool(self.share)

    @property
    def short(self) -> str:
        """For a narrow column: the measured share, else that it is declared.

        >>> TaskOverlap(task="STS16", revision="1", measured=(), declared=()).short
        'not measured'
        """
        if self.share is not None and (self.share or not self.declared):
            return percent(self.share)
        return "declared" if self.declared else "not measured"

    @property
    def sentence(self) -> str:
        """What was counted and what is declared, with sources."""
        parts = [f"{how_measured(each)} ({each.source})" for each in _distinct(self.measured)]
        parts += [f"declared: {each.note}" for each in _distinct(self.declared)]
        return "; ".join(parts)


def by_task(overlaps: Iterable[Overlap]) -> list[TaskOverlap]:
    groups: dict[tuple[str, str], list[Overlap]] = {}
    for each in overlaps:
        groups.setdefault((each.task, each.revision), []).append(each)
    return [
        TaskOverlap(
            task=task,
            revision=revision,
            measured=tuple(each for each in found if each.how == "measured"),
            declared=tuple(each for each in found if each.how == "declared"),
        )
        for (task, revision), found in sorted(groups.items())
    ]


def summary(stages: Collection[str], overlaps: Iterable[Overlap], tasks: Collection[tuple[str, str]]) -> str:
    """A system in a few words: of its measured `tasks` (name, revision), how many overlap what `stages` trained on.

    >>> summary([], [], {("STS16", "1")})
    'nothing trained'
    """
    if not stages:
        return "nothing trained"
    recorded = [each for each in by_task(overlaps) if (each.task, each.revision) in tasks]
    if not recorded:
        return "not recorded"
    left = len(tasks) - len(recorded)
    count = f"{sum(each.overlaps for each in recorded)} of {len(recorded)} tasks"
    return count + (f", {left} not recorded" if left else "")


def how_measured(overlap: Overlap) -> str:
    if not overlap.n_shared:
        return f"none of {overlap.n_texts:,} texts is in the training texts"
    verb = "is" if overlap.n_shared == 1 else "are"
    share = percent(overlap.share or 0.0)
    return f"{overlap.n_shared:,} of {overlap.n_texts:,} texts ({share}) {verb} also in the training texts"


def percent(share: float) -> str:
    """A share with enough digits that something is never shown as nothing.

    >>> [percent(share) for share in (0.0, 0.00002, 0.0106, 0.5)]
    ['0 %', '< 0.1 %', '1.1 %', '50.0 %']
    """
    if not share:
        return "0 %"
    return "< 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _distinct(overlaps: Sequence[Overlap]) -> list[Overlap]:
    """One of those that would read the same: the seeds of a system are trained on the same texts."""
    return list({(each.source, each.n_shared, each.n_texts, each.note): each for each in overlaps}.values())
