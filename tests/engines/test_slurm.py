"""The script for Slurm in docs/cluster.md: what it runs, with commands of our own in place of Slurm's and Ray's."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from harness.cli import app
from tests.conftest import library

DOC = Path(__file__).parents[2] / "docs" / "cluster.md"
FAKES = {
    "scontrol": '[ "$*" = "show hostnames node[7-8]" ] && printf "node7\\nnode8\\n"',
    "srun": 'echo "srun: $*"; exec "$@"',
    "ray": 'echo "ray: $*"; while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "harness": 'echo "harness: $*"; env | grep -E "^(HARNESS_CACHE|RAY_AUTH|RAY_USAGE)" | sort',
}


def script() -> str:
    found = re.search(r"    #!/bin/bash\n(?:    .*\n)+", DOC.read_text(encoding="utf-8"))
    assert found, "docs/cluster.md has no script for Slurm"
    return "".join(line.removeprefix("    ") + "\n" for line in found[0].splitlines())


def said(tmp_path: Path) -> dict[str, list[str]]:
    """The words that each command gets."""
    for name, body in FAKES.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "study.sh").write_text(script())
    done = subprocess.run(
        ["bash", "-eu", str(tmp_path / "study.sh")], capture_output=True, text=True, check=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": "/home/me", "SLURM_NNODES": "2",
             "SLURM_JOB_NODELIST": "node[7-8]"},
    )  # fmt: skip
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    environment = [line for line in done.stdout.splitlines() if ": " not in line]
    return {name: shlex.split(words) for name, words in lines.items()} | {"environment": environment}


def test_the_script_starts_ray_on_every_node_and_the_study_on_the_first(tmp_path: Path) -> None:
    found = said(tmp_path)
    assert found["srun"][:2] == ["ray", "symmetric-run"]
    assert found["ray"][:6] == ["symmetric-run", "--address", "node7:6379", "--min-nodes", "2", "--"]
    assert found["harness"][0] == "run"
    assert found["harness"][-4:] == ["--engine", "ray", "--address", "node7:6379"]
    assert "RAY_AUTH_MODE=token" in found["environment"]
    assert "RAY_AUTH_TOKEN_PATH=/home/me/.ray/auth_token" in found["environment"]
    assert any(line.startswith("HARNESS_CACHE=/shared/") for line in found["environment"])


@pytest.mark.slow
def test_ray_and_harness_know_every_option_of_the_script(tmp_path: Path) -> None:
    import typer

    library("ray")
    from ray.scripts.scripts import cli

    found = said(tmp_path)
    known = {
        "ray": {each for option in cli.commands["symmetric-run"].params for each in option.opts},
        "harness": {each for option in typer.main.get_command(app).commands["run"].params for each in option.opts},
    }
    for name, words in (("ray", found["ray"][1 : found["ray"].index("--")]), ("harness", found["harness"])):
        used = {word for word in words if word.startswith("--")}
        assert used <= known[name], used - known[name]
