"""What a benchmark says about the machine, and the rate that its matrix products reach at best."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import torch

from harness.provenance import commit

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def matmul_rate(device: str, dtype: torch.dtype, *, clock: str = "wall", repeats: int = 5) -> float:
    """Floating-point operations a second of the quickest of `repeats` square products of several sizes."""
    best = 0.0
    for size in (4096, 8192) if device == "cuda" else (1024, 2048):
        first, second = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        torch.mm(first, second)
        for _ in range(repeats):
            wait(device)
            start = CLOCKS[clock]()
            torch.mm(first, second)
            wait(device)
            best = max(best, 2 * size**3 / (CLOCKS[clock]() - start))
    return best


def seconds_elsewhere(python: str, script: str, *words: object) -> float:
    """What `script` of this folder, run by another interpreter, prints last: seconds by its own clock."""
    command = [python, "-W", "ignore", str(Path(__file__).with_name(script)), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def wait(device: str) -> None:
    """Until the GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def described(device: str) -> str:
    """Commit, machine, day, and how busy the machine was."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} CPU"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"commit {(commit() or 'unknown')[:7]}, {name}, {torch.get_num_threads()} threads of {os.cpu_count()} cores"
        f"{load}, {date.today()}"
    )
