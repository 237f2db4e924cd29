"""The documentation is true: commands parse and, where they are cheap, run; paths exist; the tree is complete."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer

from harness.cards import load_cards, of_all
from harness.cli import app
from tests.cli.test_cli import call
from tests.test_layers import rank_of, room_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("model_cards/*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Commands of the documentation that need no training, no checkpoint and no database.
CHEAP = re.compile(r"harness (ls (variants|bases|suites|tasks)|doctor --kernels sdpa)( --json)?$")


def commands() -> list[str]:
    found: dict[str, None] = {}
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            for part in line.removeprefix("    ").split("&&"):
                words = part.split("#")[0].strip().removeprefix(".venv/bin/")
                if words.startswith("harness "):
                    found[words] = None
            found |= dict.fromkeys(words.split(" && ")[0] for words in re.findall(r"`(harness [a-z][^`…]*)`", line))
    return list(found)


def test_there_are_commands() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize("line", commands())
def test_every_command_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    assert words[0] in group.commands, line
    words = [re.sub(r"^[A-Z_]+$", "x", word) for word in words[1:]]
    required = {
        "export": ["x", "--out", "x"],
        "figure": ["ladder", "--out", "x"],
        "ls": ["variants"],
        "show": ["x"],
        "compare": ["a", "b"],
        "power": ["a", "b"],
        "sql": ["x"],
        "train": ["--variant", "x"],
        "merge": ["x", "--into", "x"],
    }
    if not words:
        words = required.get(line.split()[1], [])
    group.commands[line.split()[1]].make_context(line, words)


@pytest.mark.parametrize("line", [line for line in commands() if CHEAP.match(line)])
def test_cheap_commands_run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(*shlex.split(line)[1:], monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["quick", "whole"])
def test_the_examples_in_python_run(whole: bool) -> None:
    """One after the other, as in a notebook; those that are marked as slow are in the slow set."""
    page, names = (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), {}
    blocks = re.findall(r"^```python( slow)?\n(.*?)^```", page, flags=re.M | re.S)
    assert len(blocks) > 5
    for slow, block in blocks:
        if whole or not slow:
            exec(compile(block, "docs/python.md", "exec"), names)
    assert {"better", "worse"} & {task.verdict for task in names["comparison"].tasks}
    if whole:
        assert names["page"].is_file()
        assert (names["folder"] / "modules.json").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_is_short_and_names_every_variant() -> None:
    assert len(README.split()) <= 1000
    cards = load_cards()
    by_name = "".join(
        (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in ("prompts", "controls", "mask")
    )
    for variant in cards:
        assert f"`{variant}`" in (README if variant in of_all(cards) else by_name)


def test_the_tree_names_every_room_and_no_other() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^ {4}([\w./-]+) +\S", page, flags=re.M)
    rooms = [path for path in (ROOT / "harness").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))]
    there = {f"harness/{path.name}" + "/" * path.is_dir() for path in rooms}
    wrong = [f"add {name}" for name in sorted(there - set(named))]
    wrong += [f"remove {name}" for name in named if not (ROOT / name).exists()]
    wrong += [f"{name} stands there twice" for name in sorted({name for name in named if named.count(name) > 1})]
    assert not wrong, f"docs/architecture.md: {', '.join(wrong)}"
    ranks = [rank_of(room_of(name.strip("/").removesuffix(".py").replace("/", "."))) for name in named if name in there]
    order = ranks[: named.index("harness/__init__.py")]
    assert order == sorted(order), "docs/architecture.md lists a room before one that it imports"


def test_the_list_of_commands_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "cli.py"))["page"]()
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == page, "write it again: python docs/cli.py"


def test_the_two_lines_stand_in_the_readme_as_one_line_each() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv .venv ")]
    assert len(lines) == 2
    assert lines[0].endswith("harness run --variant bidir-supcon")
    assert lines[1].endswith("nox")


def test_no_page_installs_the_project_of_another() -> None:
    for page in PAGES:
        assert not re.search(r"pip install (-\S+ )*harness\b", page.read_text(encoding="utf-8")), page.name


def test_no_page_names_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"/(root|work|tmp|home)/", page.read_text(encoding="utf-8")), page.name
