"""What storing one finished cell takes: in one transaction, and call by call with the scores of the run read before.

python benchmarks/store.py                                         # in a new database, and beside 20 million outcomes
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cluster import SleepingTask, study
from machine import described

from harness.outcomes import TaskResult
from harness.provenance import collect
from harness.records import Cost, Run
from harness.store import Store
from harness.store.connection import writing

TASKS = 60
_FILL = """
    INSERT INTO score SELECT nextval('result_number'), run_id, 'Task' || t, 'test', 'default', '1', 'accuracy',
        'Classification', 0.5, {outcomes}, 1, 2.0, now()::TIMESTAMP FROM run, range({tasks}) x(t)
        WHERE run_id <> 'last';
    INSERT INTO outcome SELECT result, 'example-' || e, 'example-' || e, 0, NULL, NULL, CASE e % 2 WHEN 0 THEN 'no'
        ELSE 'yes' END, CASE WHEN e % 4 < 2 THEN 'yes' ELSE 'no' END, NULL, NULL FROM score, range({outcomes}) y(e);
"""


def call_by_call(store: Store, run_id: str, result: TaskResult) -> None:
    """Each call opens the database, and all scores of the run are read to see what it holds."""
    store.add_cost(run_id, result.key.task, Cost(seconds=2.0))
    if result.key.task not in set(store.scores(run_id=run_id, diagnostics=True)["task"]):
        store.add_result(run_id, result, again=False)


def at_once(store: Store, run_id: str, result: TaskResult) -> None:
    """One transaction, and what the run holds of this task is asked in it."""
    store.add_task(run_id, result.key.task, [result], cost=Cost(seconds=2.0), again=False)


def filled(path: Path, systems: int, outcomes: int) -> Store:
    """A database with so many systems and sixty tasks of each, and an empty run called last."""
    store, plan = Store(path), study(TASKS * (systems + 1), seconds=0, outcomes=outcomes, cache=path.parent)
    with store.together():
        for job in plan.jobs:
            name = "last" if job is plan.jobs[-1] else job.label
            store.add_system(job.record)
            store.add_run(
                Run(system_id=job.record.system_id, suite="simulated", dtype="float32", device="cpu", evaluation="1",
                    provenance=collect(device="cpu", dtype="float32"), run_id=name)
            )  # fmt: skip
    with writing(path, wait_s=60, on_wait=None) as connection:
        connection.execute(_FILL.format(outcomes=outcomes, tasks=TASKS))
    return store


def cpu_ms(way: Callable[[Store, str, TaskResult], None], store: Store, result: TaskResult) -> float:
    """CPU milliseconds of one call."""
    start = time.process_time()
    way(store, "last", result)
    return 1000 * (time.process_time() - start)


def main() -> None:
    """Print a row for each size of the database."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--systems", default="0,20,180", help="systems in the database, comma-separated")
    options.add_argument("--outcomes", type=int, default=1852, help="outcomes a cell")
    options.add_argument("--cells", type=int, default=20, help="cells stored in each way")
    asked = options.parse_args()
    print(described("cpu"))
    print("| cells there | outcomes there | call by call, CPU ms | at once, CPU ms | quicker |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for systems in map(int, asked.systems.split(",")):
        task = SleepingTask(
            name="", task_type="Classification", metric="accuracy", about="", seconds=0, outcomes=asked.outcomes
        )
        with tempfile.TemporaryDirectory() as folder:
            store = filled(Path(folder, "results.duckdb"), systems, asked.outcomes)
            took: dict[Callable[[Store, str, TaskResult], None], list[float]] = {call_by_call: [], at_once: []}
            for number in range(asked.cells):
                for way in took:  # by turns
                    [result] = replace(task, name=f"{way.__name__} {number}").run(None)
                    took[way].append(cpu_ms(way, store, result))
        before, after = (statistics.median(each) for each in took.values())
        print(
            f"| {systems * TASKS} | {systems * TASKS * asked.outcomes} | {before:.0f} | {after:.0f} | "
            f"{before / after:.1f} × |", flush=True
        )  # fmt: skip


if __name__ == "__main__":
    main()
