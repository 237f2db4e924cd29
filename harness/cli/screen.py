"""What a person sees while a run goes: bars with ETA on a terminal, a line per step where there is none."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Column
from rich.text import Text

from harness.cli.pulse import Pulse, duration, left_words
from harness.cli.streams import visible
from harness.run.forecast import Forecast

if TYPE_CHECKING:
    from harness.encoder.mask_proof import MaskProof
    from harness.encoder.reader import EncodingProgress
    from harness.outcomes import TaskResult
    from harness.run.cells import RunCell
    from harness.run.plan import RunPlan
    from harness.store import Store
    from harness.training.lineage import PlannedStage
    from harness.training.watch import OnStep, Step

_TIMED_STEPS = 3  # of a training, before it is said how long the rest takes
_LONG_S = 600.0  # a training that is to take longer is announced


class _Console(Console):
    """A console to which text is text: it has no markup and no emoji, and its control characters are shown."""

    def __init__(self, **how: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **how)

    @property
    def file(self) -> Any:
        """The stream itself. A bar puts a stream before ours, and ours would show the codes that move the bar."""
        found = Console.file.fget(self)  # type: ignore[attr-defined]
        while (behind := getattr(found, "rich_proxied_file", None)) is not None:
            found = behind
        return found

    @file.setter
    def file(self, new: Any) -> None:
        Console.file.fset(self, new)  # type: ignore[attr-defined]

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for each in super().render(renderable, options):
            yield each if each.control else Segment(visible(each.text), each.style)


# Where nobody looks (a pipe, a file), lines are long rather than folded.
out = _Console(width=None if sys.stdout.isatty() else 200)
err = _Console(stderr=True, soft_wrap=not sys.stderr.isatty())


def say(text: str) -> None:
    """Print sentences: on a terminal they are broken between words, elsewhere they stay as long as they are."""
    out.print(text, soft_wrap=not out.is_terminal)


class _Said(logging.Handler):
    """Shows what the rooms log: work that takes seconds, before there is a screen for it."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(record.getMessage())


def prepare(*, quiet: bool = False) -> None:
    """Set the libraries' threads and silence their bars; errors still show. Call it before anything imports torch."""
    from harness.encoder.placement import start_with_one_thread

    start_with_one_thread()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore")
    for name in ("mteb", "datasets", "transformers", "sentence_transformers", "httpx", "accelerate", "torch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ours = logging.getLogger("harness")
    ours.setLevel(logging.WARNING if quiet else logging.INFO)
    ours.handlers = [_Said()]


def print_json(value: Any) -> None:
    """Print `value` as JSON, which has no NaN and no infinity: they become null."""
    print(json.dumps(_finite(value), indent=2, default=_plain, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, (list, tuple)) else value


def _plain(value: Any) -> Any:
    """What JSON has no word for: numbers and arrays of numpy as their like in Python, anything else as text."""
    return _finite(value.tolist()) if hasattr(value, "tolist") else str(value)


class _LeftColumn(TimeRemainingColumn):
    """The time left by the pace of a bar, or as the field `left` of its task says it."""

    def render(self, task: Task) -> Text:
        left = task.fields.get("left")
        return super().render(task) if left is None else Text(left(), style="progress.remaining")


class _Bars:
    """Bars on stderr while the block lasts; `_live` where somebody can see them move. None if `quiet`."""

    def __init__(self, *, description_first: bool, quiet: bool = False) -> None:
        # On a narrow terminal only the description goes over several lines: counts and times are never cut.
        narrow, whole = err.width < 100, Column(no_wrap=True)
        said = TextColumn("{task.description}", markup=False, table_column=Column())
        left = (TextColumn("left"), _LeftColumn(table_column=Column(min_width=12)))
        passed = () if narrow else (TimeElapsedColumn(),)
        bar = (
            BarColumn(bar_width=10 if narrow else 24, table_column=whole),
            MofNCompleteColumn(table_column=copy(whole)), *passed, *left,
        )  # fmt: skip
        columns: tuple[ProgressColumn, ...] = (said, *bar) if description_first else (*bar, said)
        self._live = err.is_terminal and not quiet
        self._progress = Progress(*columns, console=err, transient=True, disable=not self._live)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()


class RunScreen(_Bars):
    """A harness.run.Listener on the terminal; if `quiet`, one that keeps it all to itself."""

    def __init__(self, tasks: int, *, quiet: bool = False) -> None:
        super().__init__(description_first=True, quiet=quiet)
        self._quiet = quiet
        self._all = self._progress.add_task("all tasks", total=tasks, visible=tasks > 0)
        self._stage = self._progress.add_task("", total=None, visible=False)
        self._texts = self._progress.add_task("", total=None, visible=False)
        self._read_s = 0.0
        self._pulse: Pulse | None = None
        self._started = time.monotonic()

    def __exit__(self, *error: object) -> None:
        if self._pulse is not None:
            self._pulse.stop()
        super().__exit__(*error)

    def begin(self, plan: RunPlan, store: Store) -> None:
        say = None if self._live else self.note
        pulse = self._pulse = Pulse(Forecast.of(plan, store), store.path, say)

        def left() -> str:
            there = pulse.forecast.left()
            return left_words(there.seconds, there.unknown, short=True)

        self._progress.update(self._all, total=pulse.forecast.all_tasks, left=left)

    def begun(self, cell: RunCell) -> None:
        if self._pulse is not None:
            self._pulse.forecast.begun(cell)
            self._now()

    def ended(self, cell: RunCell) -> None:
        if self._pulse is not None:
            self._pulse.forecast.ended(cell)
            self._progress.update(self._all, completed=self._pulse.forecast.done_tasks)
            self._now()

    def _now(self) -> None:
        """Say which cells are at work."""
        assert self._pulse is not None
        if doing := self._pulse.forecast.at_work:
            self._pulse.doing = doing
            self._progress.update(self._all, description=doing)

    def note(self, message: str) -> None:
        if self._quiet:
            return
        err.print(Text.assemble((self._clock(), "dim"), f"  {message}"))

    def stage(self, label: str, planned: PlannedStage) -> OnStep:
        from harness.training.processes import Processes

        stage, what = planned.stage, f"{label} · {planned.name}"
        together = f" on {processes} processes" if (processes := Processes.here().size) > 1 else ""
        self.note(f"{label} · {stage.doing}{together}")
        if self._pulse is not None:
            self._pulse.forecast.stage(planned)
            self._pulse.doing = what
        self._progress.reset(self._stage, total=stage.total_steps, visible=stage.total_steps > 0, description=what)

        def on_step(step: Step) -> None:
            if step.first and step.done == step.first + 1:
                self.note(f"{what}: going on after step {step.first}, where an earlier run was stopped")
            pace = f"{step.examples_per_s:.0f} examples/s" + ("" if step.loss is None else f", loss {step.loss:.3f}")
            self._progress.update(
                self._stage,
                completed=step.done,
                total=step.total,
                visible=step.done < step.total,
                description=f"{what} · {pace}",
            )
            if self._pulse is not None:
                self._pulse.forecast.step(step)
                self._pulse.doing = f"{what}, step {step.done} of {step.total}"
            at = f"{step.done} of {step.total} steps, {pace}, about {duration(step.left_s)} left"
            if step.done - step.first == _TIMED_STEPS and step.left_s > _LONG_S:
                self.note(f"{what}: {at}; lower steps, batch_size or max_length in the card if that is too long")
            elif not self._live and step.total >= 100 and step.done < step.total and not step.done % (step.total // 5):
                self.note(f"{what}: {at}")

        return on_step

    def proof(self, label: str, proof: MaskProof) -> None:
        self.note(f"{label} · mask proven {proof.said} ({len(proof.checks)} checks)")

    def task(self, label: str, name: str, number: int, total: int) -> None:
        self._progress.update(self._all, description=f"{label} · {name}")
        if self._pulse is not None:
            self._pulse.forecast.task(label, name)
            self._pulse.doing = f"{label} · {name}"

    def reading(self, reading: EncodingProgress) -> None:
        if reading.seconds < self._read_s:  # another read has begun: forget the pace of the last
            self._progress.reset(self._texts)
        self._read_s = reading.seconds
        pace = reading.texts / max(reading.seconds, 1e-9)
        # The longest texts come first, so the bar and the time left go by tokens.
        self._progress.update(
            self._texts,
            completed=reading.tokens,
            total=reading.all_tokens,
            visible=reading.tokens < reading.all_tokens,
            description=f"{reading.texts:,} of {reading.all_texts:,} texts, {pace:,.0f} texts/s; tokens",
        )

    def result(self, label: str, result: TaskResult) -> None:
        from harness.metrics import get_metric
        from harness.outcomes import DIAGNOSTIC_TYPES

        key = result.key
        if self._pulse is not None:
            self._pulse.forecast.result(label, result)
        if result.task_type in DIAGNOSTIC_TYPES and key.subset not in ("default", "linear", "MLP"):
            return  # controls: a dozen a task
        if self._pulse is None:
            self._progress.advance(self._all)
        part = "" if key.subset == "default" else f" ({key.subset})"
        said = f"; {result.note}" if result.note else ""
        score = get_metric(key.metric).write(result.score)
        self.note(f"{label} · {key.task}{part}: {key.metric} {score}  in {result.seconds:.0f} s{said}")

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._started)
        return f"{seconds // 60:3d}:{seconds % 60:02d}"


class CountScreen(_Bars):
    """So many of so many, and which one: a bar on a terminal, a line every so often where there is none."""

    def __init__(self, *, every_s: float = 30.0) -> None:
        super().__init__(description_first=False)
        self._bar = self._progress.add_task("", total=None)
        self._every_s, self._said = every_s, time.monotonic()

    def count(self, done: int, total: int, what: str) -> None:
        """`done` of `total` are done; `what` is the one that is worked on or was finished last."""
        self._progress.update(self._bar, completed=done, total=total, description=what)
        if not self._live and time.monotonic() - self._said > self._every_s:
            self._said = time.monotonic()
            err.print(f"{done} of {total} done ({what})")
