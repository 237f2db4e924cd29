"""What made a number: versions, commit, machine. Collected once a run and stored with it."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import harness
from harness.records import Provenance

# What the project's own tests ran with; `harness doctor` compares.
TESTED = {
    "torch": "2.13.0",
    "transformers": "5.23.0",
    "sentence-transformers": "6.2.0",
    "mteb": "2.26.24",
    "peft": "0.21.2",
    "datasets": "5.2.0",
    "duckdb": "2.0.0",
    "numpy": "2.4.6",
    "scikit-learn": "1.9.1",
    "scipy": "1.17.1",
}


def versions() -> dict[str, str]:
    """Installed versions of the libraries that can move a number."""
    return {name: importlib.metadata.version(name) for name in TESTED}


@functools.cache
def commit() -> str | None:
    """The commit of the source tree this package runs from, `+changes` if it is not clean; None outside one."""
    root = Path(harness.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if dirty.strip() else "")


def collect(*, device: str, dtype: str) -> Provenance:
    """Everything about this process that a reader needs to run it again. Needs torch."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    return Provenance(
        version=1,
        harness=harness.__version__,
        commit=commit(),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        versions=versions(),
        device=device,
        device_name=name,
        dtype=dtype,
        threads=torch.get_num_threads(),
        cpus=os.cpu_count(),
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    )
