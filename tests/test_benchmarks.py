"""The benchmark scripts run."""

import subprocess
import sys
from pathlib import Path

import pytest


def rows_of(script: str, *options: str, begin: str) -> list[str]:
    """The lines of a benchmark's table that begin so."""
    path = Path(__file__).parents[1] / "benchmarks" / script
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path), *options], capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if line.startswith(begin)]


@pytest.mark.slow
def test_encoding_benchmark_prints_its_table() -> None:
    rows = rows_of("encode.py", "--small", "--clock", "cpu", "--threads", "1", begin="| ")
    assert [row.split(" |")[0] for row in rows[2:]] == ["| matmul limit", "| harness", "| sentence-transformers"]
    assert float(rows[-1].split("|")[-2]) < 1e-5


@pytest.mark.slow
def test_encoding_benchmark_says_what_its_time_goes_into() -> None:
    (said,) = rows_of("encode.py", "--small", "--clock", "cpu", "--threads", "1", "--profile", begin="our operations")
    products, attention, rest = (int(part.split()[-2]) for part in said.split(","))
    assert min(products, attention, rest) > 0
    assert products > attention
    assert 98 <= products + attention + rest <= 102


@pytest.mark.slow
def test_statistics_benchmark_prints_its_table() -> None:
    rows = rows_of("stats.py", "--small", begin="| all")
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
