"""Sessions: `nox` passes the tests; `nox -l` lists the rest. All but lint and wheel share one environment."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "docs"]
nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = False

SHARED = ".nox/shared"


def install(session: nox.Session) -> None:
    """The project itself with all that its tests and checks need."""
    groups = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test", "types")
    session.install("-e", ".", *groups)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely mistakes: ruff."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(venv_location=SHARED)
def types(session: nox.Session) -> None:
    """mypy, strict."""
    install(session)
    session.run("mypy")


@nox.session(venv_location=SHARED)
def tests(session: nox.Session) -> None:
    """The default tests: offline, under 90 seconds on two cores, coverage shown."""
    install(session)
    session.run("pytest", "--cov", "--cov-report=term:skip-covered", *session.posargs)


@nox.session(venv_location=SHARED)
def docs(session: nox.Session) -> None:
    """Examples in docstrings and commands in the documentation are run."""
    install(session)
    session.run("pytest", "--doctest-modules", "harness", "leaderboard", "tests/docs", *session.posargs)


@nox.session(venv_location=SHARED)
def slow(session: nox.Session) -> None:
    """Minutes rather than seconds: the whole ladder, real checkpoints on real tasks, kills in the middle."""
    install(session)
    session.run("pytest", "-m", "slow", "--durations=10", *session.posargs)


@nox.session(venv_location=SHARED)
def browser(session: nox.Session) -> None:
    """The built page in headless Chromium."""
    install(session)
    session.run("pytest", "-m", "browser", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel, in an environment without the source tree, answers --help and runs."""
    session.install("build")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--wheel", "--outdir", folder, ".")
        (built,) = Path(folder).glob("*.whl")
        session.install(str(built))
        session.chdir(folder)
        places = {"HARNESS_CACHE": str(Path(folder, "cache")), "HF_HUB_OFFLINE": "1"}
        session.run("harness", "--help", env=places, silent=True)
        session.run(
            "harness", "run", "--variant", "bidir-mntp", "--tasks", "MiniWiCRight,MiniTopicClustering", env=places
        )
        session.run("harness", "verify", env=places)
        if not Path(folder, "leaderboard", "site", "index.html").is_file() or not any(Path(folder, "cache").iterdir()):
            session.error("the wheel made no page")
