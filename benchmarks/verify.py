"""What `harness verify` takes on many scores: all of them, and some of them with one opening of the database a score.

python benchmarks/verify.py                    # 18,000 scores of 250 outcomes: half accuracies, half correlations
python benchmarks/verify.py --scores 600       # the same path in seconds

Seconds are those of this process on one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from machine import described

from harness.metrics import score_outcomes
from harness.outcomes import OUTCOME_COLUMNS, make_outcomes
from harness.records import Provenance, Run, System
from harness.store import Store
from harness.store.connection import writing
from harness.store.verify import check_scores

TASKS = 100
ONE_BY_ONE = 60


def fill(path: Path, scores: int, outcomes: int) -> None:
    """Make a database: TASKS results a system, every second one an accuracy, all of a kind with the same outcomes."""
    rng = np.random.default_rng(0)
    ids = {"example_id": [f"{i:06d}" for i in range(outcomes)]}
    gold, other = rng.integers(0, 3, (2, outcomes)).astype(str)
    worlds = {
        "accuracy": make_outcomes({**ids, "gold_label": gold, "predicted_label": other}, outcomes),
        "spearman": make_outcomes(
            {**ids, "gold_score": rng.uniform(0, 5, outcomes), "predicted_score": rng.normal(size=outcomes)}, outcomes
        ),
    }
    store = Store(path)
    names = ", ".join(OUTCOME_COLUMNS)
    for number in range(scores // TASKS):
        system = System(base="bench", base_revision="0", variant=f"v{number}", card_hash="c")
        store.add_system(system)
        store.add_run(
            Run(
                system_id=system.system_id,
                suite="bench",
                dtype="float32",
                device="cpu",
                evaluation="1",
                provenance=Provenance(),
                mask_proof={"passed": True},
            )
        )
    with writing(path, wait_s=60, on_wait=None) as connection:
        for kind, (metric, rows) in enumerate(worlds.items()):
            connection.register("rows", rows)
            connection.execute(
                "INSERT INTO score SELECT nextval('result_number'), run_id, 'Task' || t, 'test', 'default', '1', ?, "
                "'Bench', ?, ?, 1, 1.0, now()::TIMESTAMP FROM run, range(?) x(t) WHERE t % 2 = ?",
                [metric, score_outcomes(metric, rows), outcomes, TASKS, kind],
            )
            connection.execute(
                f"INSERT INTO outcome (result, {names}) SELECT result, {names} FROM score, rows WHERE metric = ?",
                [metric],
            )
            connection.unregister("rows")


def one_by_one(store: Store, rows: pd.DataFrame) -> None:
    """Open the database for every score."""
    for row in rows.to_dict("records"):
        assert all(check.ok for check in check_scores([row], store.outcomes(results=[row["result"]])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=18_000, help="how many scores")
    parser.add_argument("--outcomes", type=int, default=250, help="outcomes of a score")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.duckdb")
        fill(path, asked.scores, asked.outcomes)
        store = Store(path, read_only=True)
        started = time.process_time()
        checks = list(store.verify())
        whole = time.process_time() - started
        assert all(check.ok for check in checks), next(check.problem for check in checks if not check.ok)
        rows = store.scores(current=False)[:: max(1, len(checks) // ONE_BY_ONE)]
        started = time.process_time()
        one_by_one(store, rows)
        single = (time.process_time() - started) / len(rows)
    each = whole / len(checks)
    print(
        f"{described('cpu')}\n{len(checks):,} scores of {asked.outcomes} outcomes: {whole:.1f} s of processor time, ",
        end="",
    )
    print(f"{1000 * each:.2f} ms a score; one opening a score: {1000 * single:.1f} ms, {single / each:.0f} × as much")


if __name__ == "__main__":
    main()
