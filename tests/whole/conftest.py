"""The installed command in a process of its own, with a database and a cache of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

QUICK = """---
variant: quick
title: "A short training, for tests"
attention: bidirectional
stages:
  - {kind: mntp, examples: 800, steps: 40, batch_size: 16, max_length: 64, learning_rate: 2.0e-3}
---

# quick

The MNTP stage, too short to be useful.
"""


@dataclass
class Command:
    """`harness …` in `folder`; stdout and stderr are kept."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HARNESS_CACHE": str(self.folder / "cache"), **self.environment}
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate()
        assert process.returncode == code, f"harness {' '.join(words)} ended with {process.returncode}:\n{out}\n{err}"
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def kill_when(self, *words: str, seen: Callable[[str], bool], after: float = 0.0) -> str:
        """Start, read stderr until `seen` is true of a line, wait `after` seconds, kill -9; return what was read."""
        process = self.start(*words)
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if seen(line):
                break
        else:
            pytest.fail("the command ended before it could be killed:\n" + "".join(lines))
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            pass
        else:
            pytest.fail("the command ended before it could be killed")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "".join(lines)


@pytest.fixture
def command() -> Command:
    folder = Path.cwd()
    (folder / "model_cards").mkdir()
    (folder / "model_cards" / "quick.md").write_text(QUICK)
    return Command(folder)
