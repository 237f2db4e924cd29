"""Data and imports go one way: a room imports only rooms to its left."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Left to right. Rooms on one line do not import each other.
ORDER: tuple[tuple[str, ...], ...] = (
    ("harness",),
    ("harness.errors",),
    ("harness.templates", "harness.front_matter", "harness.sentences", "harness.projection", "harness.poolings"),
    ("harness.rereading",),
    ("harness.text_to_vector",),
    ("harness.recipes", "harness.hub", "harness.rows", "harness.outcomes", "harness.records"),
    ("harness.stage_record", "harness.paths"),
    ("harness.fingerprint", "harness.provenance", "harness.packages", "harness.mini", "harness.stats"),
    ("harness.gguf",),
    ("harness.metrics", "harness.bases", "harness.contamination"),
    ("harness.encoder", "harness.probes", "harness.models"),
    ("harness.training",),
    ("harness.suites", "harness.store", "harness.cards"),
    ("harness.compare",),
    ("harness.run",),
    ("harness.engines",),
    (
        *(
            "harness.noise",
            "harness.doctor",
            "harness.export",
            "harness.reference",
            "harness.calibration",
        ),
        *("harness.interchange", "harness.reproduce"),
    ),
    ("harness.gate",),
    ("leaderboard",),
    ("harness.api",),
    ("harness.cli",),
    ("harness.__main__",),
)
# What a room may not import from outside: statistics know no torch, mteb or DuckDB; only the store speaks SQL.
FORBIDDEN = {
    "harness.stats": {"torch", "mteb", "duckdb", "pandas", "transformers", "sentence_transformers"},
    "harness.calibration": {"torch", "mteb", "duckdb"},
    "leaderboard": {"torch", "mteb", "duckdb", "transformers", "sentence_transformers"},
    "harness.api": {"torch", "mteb", "duckdb", "transformers", "sentence_transformers"},
    "harness.compare": {"torch", "mteb", "duckdb"},
    "harness.mini": {"mteb", "duckdb", "sentence_transformers"},
}
ONLY = {"duckdb": "harness.store", "ray": "harness.engines"}  # libraries that one room alone imports


def room_of(module: str) -> str:
    rooms = [name for line in ORDER for name in line]
    fitting = [name for name in rooms if module == name or module.startswith(name + ".")]
    return max(fitting, key=len)


def rank_of(room: str) -> int:
    return next(rank for rank, line in enumerate(ORDER) if room in line)


def _modules() -> list[tuple[str, Path]]:
    files = [*ROOT.glob("harness/**/*.py"), *ROOT.glob("leaderboard/**/*.py")]
    return [(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path) for path in files]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_imports_only_rooms_to_its_left() -> None:
    wrong = []
    for module, path in _modules():
        room = room_of(module)
        assert room != "harness" or module == "harness", f"{module} belongs to no room; add it to ORDER"
        if module == "harness":  # what it names for type checkers is not imported when it is
            continue
        for name in _imports(path):
            if name.split(".")[0] in {"harness", "leaderboard"}:
                other = room_of(name)
                if other != room and rank_of(other) >= rank_of(room):
                    wrong.append(f"{module} imports {name}, which is not to its left")
    assert wrong == []


def test_the_package_itself_imports_no_room() -> None:
    program = "import sys, harness; print(*sorted(n for n in sys.modules if n.startswith(('harness', 'leaderboard'))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["harness"]


def test_outside_libraries_stay_in_their_rooms() -> None:
    wrong = []
    for module, path in _modules():
        outside = {name.split(".")[0] for name in _imports(path)}
        for room, forbidden in FORBIDDEN.items():
            if module == room or module.startswith(room + "."):
                wrong += [f"{module} imports {name}" for name in sorted(outside & forbidden)]
        wrong += [f"{module} imports {name}" for name in outside & ONLY.keys() if not module.startswith(ONLY[name])]
    assert wrong == []
