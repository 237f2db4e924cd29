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
def test_encoding_benchmark_prints_its_table_and_what_its_time_goes_into() -> None:
    said = rows_of("encode.py", "--small", "--clock", "cpu", "--threads", "1", "--profile", begin="")
    rows = [line for line in said if line.startswith("| ")]
    assert [row.split(" |")[0] for row in rows[2:]] == ["| matmul limit", "| harness", "| sentence-transformers"]
    assert float(rows[-1].split("|")[-2]) < 1e-5
    (shares,) = [line for line in said if line.startswith("our operations")]
    products, attention, rest = (int(part.split()[-2]) for part in shares.split(","))
    assert min(products, attention, rest) > 0
    assert products > attention
    assert 98 <= products + attention + rest <= 102


@pytest.mark.slow
def test_statistics_benchmark_prints_its_table() -> None:
    rows = rows_of("stats.py", "--small", begin="| all")
    assert len(rows) == 1
    assert rows[0].endswith("× |")


@pytest.mark.slow
def test_looks_benchmark_prints_its_table() -> None:
    """What is added up errs in at most 5 % whatever the family; the joint limits err more with 100 tests."""
    rows = {tuple(r.split(" | ")[:2]): r.split(" | ") for r in rows_of("looks.py", "--small", begin="| 5")}
    assert len(rows) == 6
    errors = {key: [float(x) for x in row[3:6]] for key, row in rows.items()}
    assert max(max(each) for (_, way), each in errors.items() if way == "added") < 5.0 + 3 * 0.9
    assert errors["| 5, 6, 7, 8, 9, 10", "added"][0] < errors["| 5, 6, 7, 8, 9, 10", "joint"][0]


@pytest.mark.slow
def test_ranks_of_the_hierarchical_model_are_uniform() -> None:
    """Simulation-based calibration with few data sets; docs/statistics.md has the table with many."""
    rows = rows_of("sbc.py", "--small", begin="| ")[2:]
    assert len(rows) == 6 + 4 + 7 + 6
    assert all(float(row.split("|")[5]) > 0.001 for row in rows)
    assert all(float(row.split("|")[6]) >= 70 for row in rows)


@pytest.mark.slow
def test_figures_of_scale_say_whether_they_were_measured() -> None:
    rows = rows_of("scale.py", "--quick", begin="| ")[2:]
    assert len(rows) == 13
    told = {row.split(" | ")[0]: row.split(" | ")[1].removesuffix(" |") for row in rows[1:]}
    assert all(figure[-2:] in {" m", " c"} for figure in told.values())
    memory = {
        name: float(figure[:-2]) for name, figure in told.items() if name.startswith(("| **memory", "| probes, one"))
    }
    assert len(memory) == 2
    assert all(0.1 < gigabytes < 2 for gigabytes in memory.values())


@pytest.mark.slow
def test_everything_for_a_gpu_runs_on_a_cpu_at_a_reduced_size(tmp_path: Path) -> None:
    """Proofs, halving, encoding, both training steps and probes end well and leave a table each."""
    rows = rows_of("gpu.py", "--small", "--out", str(tmp_path), begin="")
    parts = ("proofs", "memory", "encode", "train", "mntp", "probes")
    assert [row.split(",")[0] for row in rows if row] == [f"{part}: done" for part in parts]
    tables = {part: (tmp_path / f"{part}.md").read_text() for part in parts}
    assert tables["proofs"].count("lowest cosine") == 6
    assert "out of GPU memory; going on with" in tables["memory"]
    assert all("sentence-transformers" in tables[part] for part in ("encode", "train"))
    assert "| transformers |" in tables["mntp"]
    probes = [row.split("|")[1].strip() for row in tables["probes"].splitlines() if " × |" in row]
    assert probes == ["logistic", "ridge", "ridge, scikit-learn's targets together"]


@pytest.mark.slow
def test_family_benchmark_finds_the_same_p_values() -> None:
    rows = rows_of("family.py", "--small", begin="| ")
    assert [row.split(" |")[0] for row in rows[2:]] == ["| blocks", "| all at once"]
    assert all(row.endswith("| yes |") for row in rows[2:])


@pytest.mark.slow
def test_verify_benchmark_prints_its_line() -> None:
    (row,) = rows_of("verify.py", "--scores", "200", begin="200 scores")
    assert "one opening a score" in row
