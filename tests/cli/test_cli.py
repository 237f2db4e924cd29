"""The command line as a user meets it: its surface, its sentences, its exit codes."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.cli import main


def call(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["harness", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        code = call(*words, monkeypatch=monkeypatch)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


COMMANDS = {
    "run": "--variant --all --model --base --suite --tasks --task --languages --subsets --at --seed --seeds --data "
    "--data-dir --device --dtype --db --site --force --strict --shard --engine --address --cell --quiet --json",
    "status": "--db --json --sweep",
    "merge": "--into --json",
    "dose": "--variant --base --tasks --ahead --from-layer --seeds --data --device --dtype --db --site --strict "
    "--quiet --json",
    "train": "--variant --base --seed --data --device --quiet",
    "ls": "--suite --base --db --json",
    "show": "--db --json",
    "export": "--out --format --seed --base --db",
    "compare": "--base --tasks --flips --exit-code --looks --bayes --wide --dtype --device --db --json",
    "axis": "--base --axes --width --tasks --interactions --dtype --device --db --json",
    "rank": "--base --suite --tasks --dtype --device --db --json",
    "power": "--base --task --tasks --effect --db --json",
    "table": "--variant --against --format --base --tasks --db",
    "figure": "--out --base --tasks --db",
    "sql": "--db --json --csv",
    "noise": "--variant --base --suite --tasks --seed --device --dtype --db --json",
    "doctor": "--base --device --dtype --kernels --json",
    "verify": "--db --json",
    "site": "--db --out --publish --url --serve --port",
    "calibrate": "--quick --db --json",
    "regress": "--variant --all --tasks --update --rebuild --from --reference --suite --base --cached --json",
    "data fetch": "--out --from",
    "reproduce": "--base --variant --tasks --beside --data --data-dir --device --dtype --db --json",
    "new task": "--type --name",
    "check task": "--base --json",
    "words": "--base --tasks --variant --show --db --json",
    "layers": "--base --variant --measure --layer --db --json",
    "repetition": "--base --variant --measure --layer --db --json",
    "distractors": "--base --variant --tasks --condition --against --examples --db --json",
    "cache ls": "--db --json",
    "cache prune": "--yes --older-than --db --json",
}


def test_the_surface_is_frozen() -> None:
    """A command or an option that comes or goes is a decision, made here too."""
    import typer

    from harness.cli import app

    def commands(group, name: str = ""):
        for word, command in group.commands.items():
            yield from commands(command, f"{name}{word} ") if hasattr(command, "commands") else [(name + word, command)]

    found = {
        name: " ".join(option for parameter in command.params for option in parameter.opts if option[:2] == "--")
        for name, command in commands(typer.main.get_command(app))
    }
    assert found == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lines_end_at_the_width_of_the_terminal(name: str) -> None:
    """Each paragraph is filled: no line ends where a line of the source ends."""
    from typer.testing import CliRunner

    from harness.cli import app

    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"}).stdout
    lines = [line.strip() for line in shown.split("╭")[0].splitlines() if "Usage:" not in line]
    assert any(lines)
    for line, following in itertools.pairwise(lines):
        if line and following:
            assert len(f"{line} {following.split()[0]}") > 78, f"{line!r} ends too early"


def test_the_version_and_the_first_command(harness) -> None:
    code, said, _ = harness("--version")
    assert (code, said.split()[0]) == (0, "harness")
    _, said, _ = harness()
    assert "harness run --variant bidir-supcon" in said
    for group in cli.GROUPS:
        assert f" {group} " in said
    assert "--install-completion" in said


def test_json_has_no_nan_and_no_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    from harness.cli.screen import print_json

    print_json({"a": [float("nan"), (np.float64("inf"),)], "n": np.int64(5), "v": np.array([1.5, np.nan])})
    assert json.loads(capsys.readouterr().out) == {"a": [None, [None]], "n": 5, "v": [1.5, None]}


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, harness.cli; "
        "print([name for name in ('torch', 'mteb', 'transformers', 'pandas', 'duckdb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_nothing_heavy_is_imported_before_the_libraries_are_silenced() -> None:
    """What a command imports before `prepare()` imports neither torch nor tqdm: both read their settings once."""
    modules = set()
    for source in Path(cli.__file__).parent.glob("*.py"):
        before, called, _ = source.read_text().partition("\n    prepare()")
        modules |= set(re.findall(r"^    from (harness[\w.]+) import", before if called else "", re.MULTILINE))
    assert "harness.paths" in modules
    code = f"import sys, {', '.join(modules)}; print(*{{'torch', 'tqdm', 'transformers'}} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []


def test_variants_as_json(harness) -> None:
    code, out, err = harness("ls", "variants", "--json")
    assert (code, err) == (0, "")
    assert {row["variant"] for row in json.loads(out)} >= {"causal", "bidir-supcon", "random"}


@pytest.mark.parametrize("what", ["variants", "bases", "suites", "tasks"])
def test_lists_need_no_database(harness, what: str) -> None:
    code, out, _ = harness("ls", what)
    assert code == 0
    assert len(out.splitlines()) > 1


def corrupt(folder: Path) -> str:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:500])
    return str(folder)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run",), "name a variant with --variant"),
        (("run", "--all", "--variant", "causal"), "not both"),
        (("run", "--variant", "bidir-supcom"), "did you mean bidir-supcon"),
        (("run", "--variant", "nope"), "there is no variant 'nope'"),
        (("run", "--variant", "bidir", "--base", "./nowhere"), "there is no such folder"),
        (("run", "--variant", "bidir", "--base", "CORRUPT"), "corrupt or cut short"),
        (("run", "--variant", "bidir", "--suite", "minni"), "did you mean mini"),
        (("run", "--variant", "bidir", "--tasks", ""), "--tasks names no task"),
        (("run", "--variant", "bidir", "--tasks", "MiniST"), "did you mean MiniSTS"),
        (("run", "--variant", "bidir", "--seed", "1", "--seeds", "2"), "not both"),
        (("run", "--variant", "bidir", "--data", "mntp"), "is not STAGE=SOURCE"),
        (("run", "--variant", "bidir", "--languages", "deu"), "apply to mteb tasks only"),
        (
            ("run", "--variant", "bidir", "--suite", "feng2025", "--subsets", "x"),
            "apply to mteb tasks only",
        ),
        (("run", "--model", "./nowhere"), "no model './nowhere'"),
        (("run", "--model", "./nowhere", "--data", "mntp=x.txt"), "is for variants, and only --model was given"),
        (("run", "--variant", "bidir", "--tasks", "SummEval"), "of correlations and of their p values"),
        (("run", "--variant", "bidir", "--device", "tpu"), "use auto, cpu, cuda"),
        (("run", "--variant", "bidir", "--db", "absent/results.duckdb"), "absent"),
        (("run", "--variant", "bidir", "--shard", "4/3", "--db", "s.duckdb"), "from 1/40 to 40/40"),
        (("run", "--variant", "bidir", "--shard", "1/3"), "writes to a database of its own; name one with --db"),
        (("merge", "absent.duckdb", "--into", "results.duckdb"), "there is no database at absent.duckdb"),
        (("ls", "varients"), "did you mean variants"),
        (("ls", "tasks", "--base", "mini"), "--base lists bases and no tasks; write `harness ls bases --base mini`"),
        (("ls", "bases", "--base", "nowhere"), "no base 'nowhere'"),
        (("ls", "runs"), "there is no database"),
        (("show", "123"), "there is no database"),
        (("compare", "bidir", "causal"), "there is no database"),
        (("verify",), "there is no database"),
        (("rank",), "there is no database"),
        (("power", "bidir", "causal"), "there is no database"),
        (("power", "bidir", "causal", "--effect", "0"), "no number of examples shows a difference of 0"),
        (("power", "bidir", "causal", "--effect", "inf"), "is no difference"),
        (("sql", "SELECT 1"), "there is no database"),
        (("sql", "SELECT 1", "--json", "--csv"), "not both"),
        (("noise", "--variant", "bidir-supcon"), "is not trained yet"),
        (("noise", "--suite", "retention"), "retention has one kernel only"),
        (("site",), "there is no database"),
        (("train", "--variant", "bidir"), "bidir has no training"),
        (("export", "bidir", "--out", "made"), "there is no database"),
        (("regress", "--variant", "bidir", "--all"), "not both"),
        (("regress", "--base", "other"), "--base is for a suite of your own; name it with --suite"),
        (("regress", "--suite", "mine"), "there is no suite 'mine'"),
        (("regress", "--suite", "words", "--rebuild", "made.duckdb"), "leave out --suite"),
        (("regress", "--reference", "nowhere"), "there is no folder nowhere, and no tracked results of that name"),
        (("regress", "--update", "--tasks", "MiniSTS"), "leave out --tasks with --update"),
        (("regress", "--rebuild", "made.duckdb", "--update"), "give no other option except --reference"),
        (("regress", "--rebuild", "made.duckdb", "--reference", "nowhere"), "there is no folder nowhere"),
        (("regress", "--update", "--from", "absent.duckdb", "--reference", "nowhere"), "there is no database"),
        (("regress", "--update", "--variant", "bidri", "--reference", "nowhere"), "did you mean bidir"),
        (("calibrate", "--db", "absent/results.duckdb"), "absent"),
        (("reproduce", "feng2024"), "did you mean feng2025"),
        (("reproduce", "feng2025", "--base", "mini", "--beside", "Llama-2-7b"), "did you mean Llama-2-7B"),
        (("reproduce", "feng2025", "--tasks", "Telicity"), "did you mean Feng2025Telicity"),
        (("reproduce", "feng2025", "--base", "mini", "--data-dir", "nowhere"), "are not at nowhere; fetch them"),
        (("words",), "there is no database"),
        (("words", "--show", "layer"), "did you mean layers"),
        (("words", "--tasks", "SubjectAnimacy"), "did you mean SubjectAnimacyA"),
        (("run", "--variant", "bidir", "--suite", "words", "--data-dir", "nowhere"), "are not at nowhere; fetch them"),
        (("run", "--variant", "bidir", "--data-dir", "nowhere"), "is for the words suite"),
        (("doctor", "--kernels", "sdpaa"), "did you mean sdpa"),
        (("data", "fetch", "wrods"), "did you mean words"),
        (("data", "fetch", "words", "--from", "file:///nowhere"), "could not be fetched from file:///nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_sentence_and_an_exit_code(harness, tiny_base: Path, words, sentence: str) -> None:
    copy = Path(shutil.copytree(tiny_base, "copy"))
    code, _, err = harness(*(corrupt(copy) if word == "CORRUPT" else word for word in words))
    last = err.strip().splitlines()[-1]
    assert code == 2
    assert last.startswith("harness: ")
    assert sentence in last
    assert not Path("results.duckdb").exists()


def test_the_parameters_of_a_base_are_listed(harness, tiny_base: Path) -> None:
    code, out, err = harness("ls", "bases", "--base", "mini", "--base", str(tiny_base))
    assert (code, err) == (0, "")
    assert [line.split()[:6] for line in out.splitlines()[1:2]] == [["mini", "4", "×", "128", "779,392", "1,041,536"]]
    assert out.splitlines()[2].startswith("tiny  2 × 16")
    _, out, _ = harness("ls", "bases", "--json")
    sizes = {row["base"]: row["parameters without embedding"] for row in json.loads(out)}
    assert (sizes["mini"], sizes["FOLDER"]) == (779_392, None)


def test_doctor_finds_a_sound_installation(harness, tiny_base: Path) -> None:
    code, out, _ = harness("doctor", "--base", str(tiny_base), "--kernels", "eager,sdpa", "--json")
    findings = {row["what"]: row for row in json.loads(out)}
    assert code == 0
    assert {"torch", "free disk", "determinism", "sdpa, causal", "eager, bidirectional, adapter merged"} <= set(
        findings
    )
    assert not [row for row in findings.values() if row["state"] == "failed"]
    assert findings["size"]["found"].startswith("2 × 16; ")


@pytest.mark.slow
def test_doctor_fails_on_a_dead_switch(harness, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.encoder.model.set_attention", lambda model, attention: None)
    code, out, err = harness("doctor", "--base", str(tiny_base), "--kernels", "sdpa")
    assert code == 4
    assert "FAILED" in out
    assert "sdpa, bidirectional" in err


@pytest.mark.slow
def test_questions_to_the_store(harness) -> None:
    """compare, rank, power and sql on one database: tables for people, JSON for programs, exit codes on request."""
    from tests.factory import TASKS, fill

    fill(Path("results.duckdb"), variants=("causal", "bidir", "bidir-mntp", "bidir-supcon"), tasks=(TASKS[0], TASKS[4]))
    code, out, _ = harness("compare", "bidir-supcon", "bidir-mntp", "--tasks", "MiniSTS,MiniContext", "--flips", "2")
    assert code == 0
    assert "p (adj.)" in out
    assert "MDE" in out
    assert "right only with bidir-supcon" in out
    assert "To claim something about the recipe, train at least 5 seeds" in out
    code, out, _ = harness("compare", "causal", "bidir-supcon", "--tasks", "MiniSTS", "--exit-code", "--json")
    found = json.loads(out)
    assert code == 1
    assert (found["family"], found["tasks"][0]["verdict"]) == ("declared", "worse")
    assert len(found["contrasts_sha256"]) == 64
    assert harness("compare", "bidir-supcon", "causal", "--tasks", "MiniSTS", "--exit-code")[0] == 0

    code, out, _ = harness("rank", "--tasks", "MiniSTS,MiniContext")
    assert (code, out.split()[:2]) == (0, ["task", "bidir-supcon"])
    assert "mean of 2 tasks" in out
    code, out, _ = harness("power", "bidir-mntp", "bidir", "--task", "MiniSTS", "--effect", "3")
    assert code == 0
    assert "+3.0" in out
    assert "the recipe" in out

    sql = "SELECT variant, seed, count(*) AS n FROM result GROUP BY ALL ORDER BY ALL LIMIT 1"
    assert harness("sql", sql)[1].split() == ["variant", "seed", "n", "bidir", "–", "2"]
    assert json.loads(harness("sql", sql, "--json")[1]) == [{"variant": "bidir", "seed": None, "n": 2}]
    assert harness("sql", sql, "--csv")[1].splitlines() == ["variant,seed,n", "bidir,,2"]
    code, _, err = harness("sql", "DROP TABLE score")
    assert (code, err.strip()) == (
        2,
        "harness: this command only reads the database, and DROP is not allowed; give a SELECT",
    )


def test_ctrl_c_says_what_became_of_the_work(harness, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.suites.catalog.suites", pressed)
    code, _, error = harness("ls", "suites")
    assert code == 130
    assert error.startswith("\nharness: stopped; finished results and stages are kept, and the same command")
    assert "a stage in training from its last checkpoint" in error
