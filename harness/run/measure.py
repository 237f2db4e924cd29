"""One encoder × one task ─▶ results. Nothing is written and nothing is printed here."""

from __future__ import annotations

from dataclasses import dataclass

from harness.encoder.protocol import TextEncoder
from harness.errors import HarnessError
from harness.outcomes import TaskResult
from harness.records import Cost
from harness.run.cost import metered
from harness.suites.task import Task


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one task gave: a result for each split and subset. It can be pickled.

    `cut` says how many of the texts were cut at the encoder's limit; it is empty if none was. `cost` is what it took.
    """

    results: tuple[TaskResult, ...]
    cut: str = ""
    cost: Cost | None = None


def measure(encoder: TextEncoder, task: Task) -> Measured:
    """Run `task` on `encoder`, with the same results whatever tasks were run before it.

    Raises HarnessError if its data cannot be had, an embedding is not finite, or a library cannot evaluate it.
    """
    encoder.forget()
    try:
        with metered(encoder) as meter:
            results = tuple(task.run(encoder))
    except HarnessError:
        raise
    except Exception as error:  # scikit-learn, mteb and datasets raise all kinds
        said = " ".join(str(error).split())[:200] or "without a message"
        raise HarnessError(f"{task.name} cannot be measured ({type(error).__name__}: {said})") from error
    return Measured(results=results, cut=encoder.truncation_note(), cost=meter.cost)
