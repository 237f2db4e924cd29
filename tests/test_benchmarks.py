"""The benchmark scripts run."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_statistics_benchmark_prints_its_table() -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "stats.py"
    done = subprocess.run([sys.executable, str(script), "--small"], capture_output=True, text=True, check=True)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| all")]
    assert len(rows) == 1
    assert rows[0].endswith("× |")


@pytest.mark.slow
def test_probes_benchmark_prints_its_table() -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "probes.py"
    done = subprocess.run([sys.executable, str(script), "--small"], capture_output=True, text=True, check=True)
    rows = [line for line in done.stdout.splitlines() if " × |" in line]
    assert [row.split("|")[1].strip() for row in rows] == [
        "logistic",
        "ridge",
        "ridge, scikit-learn's targets together",
    ]
