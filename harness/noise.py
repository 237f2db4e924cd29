"""How far do scores move when nothing changed? The identical system, twice: another batch size, another kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.bases import resolve_base
from harness.encoder.attention import available_kernels
from harness.encoder.placement import Placement
from harness.errors import HarnessError
from harness.outcomes import NoiseFloor
from harness.run.measure import measure
from harness.run.open import open_system
from harness.run.systems import plan_system
from harness.store import Store
from harness.suites.catalog import choose_suite, open_tasks
from harness.suites.retention import RetentionTask
from harness.suites.task import TaskOptions

OTHER_BATCH = 5  # small and odd: other padding for nearly every text
Note = Callable[[str], None]


def measure_noise(
    store: Store,
    *,
    base: str,
    variant: str,
    seed: int,
    suite: str,
    tasks: Sequence[str],
    place: Placement,
    cache: Path,
    note: Note,
) -> list[NoiseFloor]:
    """Measure `variant` as a run does, and again in batches of 5 with another attention kernel; store the difference.

    Where an architecture has one kernel only, the batches alone differ. Neither is stored as a result. The floor holds
    for its task, for every variant of the base: below it, differences are ties. Raises HarnessError for retention (its
    kernel is fixed) and for a variant whose stages are not trained.
    """
    chosen = choose_suite(suite, tasks)
    if any(isinstance(task, RetentionTask) for task in chosen.tasks):
        raise HarnessError("the noise floor is measured for the encoder's tasks; retention has one kernel only")
    opened = open_tasks(chosen.tasks, TaskOptions(cache=cache))
    resolved = resolve_base(base)
    planned = plan_system(variant, resolved, seed=seed)
    if untrained := planned.untrained(cache):
        stages = ", ".join(stage.stage.kind for stage in untrained)
        raise HarnessError(
            f"{planned.label} is not trained yet ({stages}); run it first: harness run --variant {variant}"
        )
    encoder = open_system(planned, place=place, cache=cache).encoder
    usual = str(encoder.backbone.config._attn_implementation)
    quick = {"eager", "sdpa"} & set(available_kernels(encoder.backbone))  # the other ones have to be compiled
    other = min(quick - {usual}, default=usual)
    system_id = store.add_system(planned.record(cache))
    found = []
    for task in opened:
        note(f"{planned.label} · {task.name}")
        as_run = measure(encoder, task).results
        with encoder.computed_otherwise(batch_size=OTHER_BATCH, kernel=other) as computed_otherwise:
            again = measure(computed_otherwise, task).results
        of_task = [
            NoiseFloor(
                system_id=system_id,
                base_revision=resolved.revision,
                key=first.key,
                dtype=place.dtype,
                device=place.device,
                scores={f"batches of a run, {usual}": first.score, f"batches of {OTHER_BATCH}, {other}": second.score},
            )
            for first, second in zip(as_run, again, strict=True)
        ]
        store.add_noise_floors(of_task)
        found += of_task
    return found
