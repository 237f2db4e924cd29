"""What reaches a terminal, a file or a closed stream."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from harness.cli import main
from harness.cli.screen import _Console
from harness.cli.streams import visible
from harness.cli.tables import table
from harness.errors import HarnessError
from harness.store import Store
from leaderboard.tables import plain_cell
from tests.factory import TASKS, add_system

EVIL = "\x1b]0;owned\x07\x1b[31mred\x1b[2J\x9b1m\u202eback[link=http://x]y[/link]"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("db") / "r.duckdb")
    add_system(store, "bidir", tasks=TASKS[:1])
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("UPDATE run SET suite = ?", [EVIL])
    return store.path


def harness(*words: str, redirect: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    command = ["sh", "-c", f'exec "$0" -m harness "$@" {redirect}', sys.executable, *words]
    return subprocess.run(command, capture_output=True, env=os.environ | env, timeout=300)


def test_control_characters_are_written_out() -> None:
    assert visible("\x1b[31m\x9b\u202e a\tb\nc é") == "\\u001b[31m\\u009b\\u202e a\tb\nc é"
    assert json.loads(visible(json.dumps(EVIL, ensure_ascii=False))) == EVIL


@pytest.mark.parametrize("terminal", [True, False])
def test_a_console_obeys_no_text(terminal: bool) -> None:
    """Even on a terminal, where it sends colours of its own."""
    said = io.StringIO()
    console = _Console(file=said, force_terminal=terminal, width=300)
    console.print(EVIL)
    console.print(table(["name"], [[EVIL]]))
    for forbidden in ("\x1b]", "\x1b[31m", "\x1b[2J", "\x07", "\x9b", "\u202e"):
        assert forbidden not in said.getvalue()
    assert said.getvalue().count("\\u001b[31mred") == said.getvalue().count("[link=http://x]") == 2
    assert ("\x1b[1m" in said.getvalue()) == terminal, "the heading is bold"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["ls", "runs"], ["sql", "SELECT suite FROM run"], ["sql", "SELECT suite FROM run", "--json"]]
)
def test_no_command_prints_an_escape(db: Path, words: list[str]) -> None:
    done = harness(*words, "--db", str(db))
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"u001b" in done.stdout


@pytest.mark.slow
def test_json_and_csv_hold_the_same_values(db: Path) -> None:
    query = (
        "SELECT 1e-15::DOUBLE AS tiny, 0.1::DOUBLE + 0.2::DOUBLE AS sum, 9007199254740993 AS large, "
        "1.10::DECIMAL(5,2) AS money, 'nan'::DOUBLE AS nan, NULL AS nothing, started_at AS moment, suite, "
        "[0.1, 1.5] AS list, {'a': 1.10::DECIMAL(5,2)} AS named, 'ab'::BLOB AS bytes FROM run"
    )
    [as_json] = json.loads(harness("sql", query, "--json", "--db", str(db)).stdout)
    [as_csv] = csv.DictReader(io.StringIO(harness("sql", query, "--csv", "--db", str(db)).stdout.decode()))
    for name in ("tiny", "sum", "money"):
        assert as_json[name] == float(as_csv[name])
    assert (as_json["sum"], as_json["large"], as_csv["large"]) == (0.1 + 0.2, 9007199254740993, "9007199254740993")
    assert (as_json["nan"], as_json["nothing"], as_csv["nothing"]) == (None, None, "")
    assert as_json["moment"].replace("T", " ") == as_csv["moment"]
    for name in ("list", "named"):
        assert as_json[name] == json.loads(as_csv[name])
    assert as_json["bytes"] == as_csv["bytes"] == "6162"
    assert as_json["suite"] == as_csv["suite"] == EVIL, "a program gets what is stored"


@pytest.mark.slow
def test_an_encoding_without_our_marks(db: Path) -> None:
    for words in (["ls", "systems"], ["ls", "variants"], ["run", "--help"]):
        done = harness(*words, *(["--db", str(db)] if "systems" in words else []), PYTHONIOENCODING="iso-8859-1")
        assert (done.returncode, done.stderr) == (0, b"")
        done.stdout.decode("iso-8859-1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirect", "code", "words"),
    [(">&-", 0, b""), (">/dev/full", 2, b"cannot write to standard output (No space left"), ("2>&- >&-", 0, b"")],
)
def test_an_output_that_is_closed_or_full(redirect: str, code: int, words: bytes) -> None:
    done = harness("ls", "variants", redirect=redirect)
    assert done.returncode == code
    assert words in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (HarnessError("do this"), 2, "harness: do this"),
        (OSError(28, "No space left on device", "/full/x"), 2, "harness: /full/x: No space left on device; make room"),
        (KeyError("nothing"), 3, "an internal error (KeyError). This is a fault of harness. Report it"),
        (OSError("no number"), 3, "an internal error (OSError)"),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, words: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("harness.cli.app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == code
    assert words in said
    assert ("Traceback" in said) == (code == 3)


def test_no_cell_of_a_table_is_a_formula() -> None:
    for cell in ("=1+2", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"):
        assert plain_cell(cell) == f"'{cell}"
    for cell in ("-1.5", "+3", "1e5", "-inf", "a=b", "", -1.5, None):
        assert plain_cell(cell) == cell


def on_a_terminal(program: str) -> bytes:
    """What `program` sends to a terminal of 60 columns."""
    ours, terminal = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "60"}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as running:
        os.close(terminal)
        seen = b""
        with suppress(OSError), os.fdopen(ours, "rb", buffering=0) as reading:  # OSError: the other end is closed
            while some := reading.read(4096):
                seen += some
        assert running.wait(timeout=60) == 0, seen
    return seen


_BAR = """
from harness.cli.screen import CountScreen, err, say
from harness.cli.streams import safe_streams
with safe_streams():
    with CountScreen() as screen:
        screen.count(1, 2, "a\\x1b]0;name")
        err.print("a line above the bar")
    print("-- sentences")
    err.print(" ".join(["notes"] * 30))
    say(" ".join(["answers"] * 30))
"""


def test_a_terminal_gets_a_bar_that_moves_names_as_text_and_whole_words() -> None:
    """A bar stands before our stream while it moves: its own codes are sent, those of a name are not."""
    seen, sentences = on_a_terminal(_BAR).split(b"-- sentences\r\n")
    lines = sentences.decode().split("\r\n")
    assert {word for line in lines for word in line.split()} == {"notes", "answers"}
    assert max(map(len, lines)) <= 60
    assert b"\x1b[?25l" in seen, "the cursor is hidden while the bar moves"
    assert b"\x1b]0;" not in seen
    assert b"\\u001b[" not in seen, "no code of the bar is shown"
    assert b"a\\u001b]" in seen
    assert b"a line above the bar" in seen
