"""Damaged bytes of training text, cards and databases: read, or refused in one sentence, and never a traceback.

`pytest -m slow -s tests/whole/test_fuzz.py tests/encoder/test_folder_states.py` prints what was tried.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.cards import read_card
from harness.errors import HarnessError
from harness.rows import TEXT, read_rows
from harness.store import Store
from tests.encoder.test_folder_states import JUNK, table
from tests.factory import TASKS, add_system

pytestmark = pytest.mark.slow
TRIPLET = (("anchor",), ("positive",), ("negative",))
SECONDS = 60  # for each kind of file
PIECES = (
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b'"',
    b"\\",
    b"{",
    b"]",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999",
    b": ",
)


def damaged(content: bytes, seed: int) -> bytes:
    """`content` with a few changes: bits, pieces put in, parts left out, doubled or moved, the end cut off."""
    draw, made = np.random.default_rng(seed), bytearray(content)
    for _ in range(int(draw.integers(1, 4))):
        at, length = int(draw.integers(len(made) + 1)), int(draw.integers(1, 40))
        part = bytes(made[at : at + length])
        change = int(draw.integers(6))
        if change == 0 and at < len(made):
            made[at] ^= 1 << int(draw.integers(8))
        elif change == 1:
            made[at:at] = PIECES[int(draw.integers(len(PIECES)))]
        elif change == 2:
            del made[at : at + length]
        elif change == 3:
            made[at:at] = part
        elif change == 4:
            made[at : at + length] = draw.bytes(len(part))
        elif draw.random() < 0.3:
            del made[at:]
    return bytes(made)


def inputs(content: bytes, *, most: int = 2000) -> Iterator[bytes]:
    """Damaged copies of `content`, until the time is over."""
    end = time.monotonic() + SECONDS
    for seed in range(most):
        if time.monotonic() > end:
            return
        yield damaged(content, seed)


def one_line(error: HarnessError, what: object) -> None:
    told = str(error)
    assert "\n" not in told, what
    assert 0 < len(told) < 900, what


def _parquet(path: Path, rows: list[dict[str, str]]) -> None:
    pd.DataFrame(rows).to_parquet(path)


def _jsonl(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def _txt(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("\n".join(row["anchor"] for row in rows), encoding="utf-8")


@pytest.mark.parametrize(("name", "write"), [("a.parquet", _parquet), ("a.jsonl", _jsonl), ("a.txt", _txt)])
def test_training_text(name: str, write: Callable[[Path, list[dict[str, str]]], None]) -> None:
    rows = [{"anchor": f"a café {i}", "positive": f"two 🙂 {i}", "negative": f"n{i}"} for i in range(20)]
    path = Path(name)
    write(path, rows)
    found: Counter[str] = Counter()
    for content in inputs(path.read_bytes()):
        path.write_bytes(content)
        try:
            read = list(read_rows(path, TEXT if name == "a.txt" else TRIPLET))
        except HarnessError as error:
            one_line(error, content)
            found["refused in one sentence"] += 1
        else:
            assert all(cell.strip() and cell.encode() for row in read for cell in row), content
            found["read"] += 1
    table(f"training text, {name}", found)


def test_cards() -> None:
    content = (Path(str(files("harness"))).parent / "model_cards" / "bidir-supcon.md").read_bytes()
    content = content.replace(b"bidir-supcon", b"mine")
    folder, found = Path("model_cards"), Counter[str]()
    folder.mkdir()
    front = content.split(b"---")[1].decode()
    keys = [line.split(":")[0] for line in front.splitlines() if line and line[0].isalpha()]
    values = [(key, value) for key in [*keys, "unknown", "task_instructions"] for value in JUNK]
    whole = [f"---\nvariant: mine\ntitle: t\nattention: causal\n{key}: {json.dumps(value)}\n---\n\n# mine\n\nIt is.\n"
             for key, value in values]  # fmt: skip
    for each in (*(text.encode() for text in whole), *inputs(content)):
        (folder / "mine.md").write_bytes(each)
        try:
            card = read_card(folder / "mine.md")
            assert len(card.recipe_on("mini").digest) == 64
        except HarnessError as error:
            one_line(error, each)
            found["refused in one sentence"] += 1
        else:
            found["read"] += 1
    table("cards", found)


_READ = """
import json, sys, traceback
from pathlib import Path
from harness.errors import HarnessError
from harness.store import Store
for name in sys.argv[1:]:
    try:
        store = Store(name, read_only=True)
        rows = store.scores()[["system_id", "task", "score"]]
        sound = all(check.ok for check in store.verify())
        store.runs(), store.stages(), store.overlaps(), store.noise_floors(), store.calibration()
        said = ["read", sorted(rows.values.tolist()), sound]
    except HarnessError as error:
        said = ["refused in one sentence", str(error)]
    except Exception:
        said = ["traceback", traceback.format_exc()]
    print(json.dumps([name, *said]), flush=True)
"""


def test_databases() -> None:
    """In a process of their own, for a library may end it; then that file is said to have."""
    store = Store(Path("right.duckdb"))
    add_system(store, "causal", tasks=TASKS[:2])
    add_system(store, "bidir", tasks=TASKS[:2])
    right = [list(row) for row in sorted(store.scores()[["system_id", "task", "score"]].values.tolist())]
    content, found = store.path.read_bytes(), Counter[str]()
    used = len(content.rstrip(b"\x00"))
    paths = []
    for seed in range(300):
        draw = np.random.default_rng(seed)
        at, size = int(draw.integers(used)), int(draw.integers(1, 64))
        made = bytearray(content)
        made[at : at + size] = draw.bytes(size) if seed % 3 else bytes(size)
        paths.append(Path(f"{seed}.duckdb"))
        paths[-1].write_bytes(made[:at] if seed % 11 == 0 else made)
    end = time.monotonic() + 2 * SECONDS
    while paths and time.monotonic() < end:
        done = subprocess.run(
            [sys.executable, "-c", _READ, *map(str, paths[:50])], capture_output=True, text=True, timeout=300
        )
        said = [json.loads(line) for line in done.stdout.splitlines()]
        for name, kind, *more in said:
            found[kind] += 1
            assert kind != "traceback", f"{name}: {more[0]}"
            if kind.startswith("refused"):
                one_line(HarnessError(more[0]), name)
            elif more[1]:
                assert more[0] == right, f"{name} has other scores, which its outcomes give"
        if done.returncode:
            pytest.fail(f"{paths[len(said)]} ended the process: {done.stderr[-300:]}")
        paths = paths[len(said) :]
    table("databases", found)
