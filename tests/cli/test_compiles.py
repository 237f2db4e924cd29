"""A table and a figure of the tracked results, set by LaTeX."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import library

MISSING = "LaTeX is needed: apt-get install texlive-latex-recommended"
PAPER = r"""\documentclass{article}
\usepackage{booktabs,graphicx}
\begin{document}
\input{table}
\begin{figure}\includegraphics[width=\linewidth]{ladder.pdf}\end{figure}
\end{document}
"""


@pytest.mark.slow
def test_the_tracked_results_compile_into_a_page(harness: Run) -> None:
    library("matplotlib")
    if shutil.which("pdflatex") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    assert harness("regress", "--rebuild", "results.duckdb")[0] == 0
    code, table, _ = harness("table", "--format", "latex")
    assert code == 0
    assert harness("figure", "ladder", "--out", "ladder.pdf")[0] == 0
    Path("table.tex").write_text(table, encoding="utf-8")
    Path("paper.tex").write_text(PAPER, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert Path("paper.pdf").read_bytes().startswith(b"%PDF")
