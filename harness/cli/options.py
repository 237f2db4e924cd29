"""Options that several commands share, so that they read and behave the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError

Db = Annotated[Path, typer.Option("--db", help="The results database.", envvar="HARNESS_DB")]
BaseName = Annotated[
    str,
    typer.Option(
        "--base",
        help="The base model: a name (harness ls bases), a folder, a GGUF file, or a hub id (ORG/NAME, "
        "ORG/NAME@REVISION or ORG/NAME:FILE.gguf).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Dtype = Annotated[
    str, typer.Option("--dtype", help="auto, float32, bfloat16 or float16 (auto: float32 on CPU, bfloat16 on CUDA).")
]
MeasuredDtype = Annotated[
    str | None,
    typer.Option("--dtype", help="Use the results in this dtype, where a system was measured in several."),
]
MeasuredDevice = Annotated[
    str | None,
    typer.Option("--device", help="Use the results on this device, where a system was measured on several."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress. Results go to stdout, errors to stderr.")]
Tasks = Annotated[str | None, typer.Option("--tasks", help="Only these tasks, comma-separated.")]
SuiteName = Annotated[str, typer.Option("--suite", help="The suite. `harness ls suites` lists all.")]
SiteFolder = Annotated[Path, typer.Option("--out", help="The folder for the pages.")]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="STAGE=SOURCE",
        help="Train a stage (mntp, simcse, supcon) on this text: a .parquet, .jsonl, .csv, .tsv or .txt file, or "
        "hub:ORG/NAME@COMMIT/PATH. With retention=SOURCE: the text of the retention suite. Repeatable.",
    ),
]

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder with the word-level data (default: where `harness data fetch words` puts them)."
    ),
]

DB = Path("results.duckdb")
SITE = Path("leaderboard/site")


def stage_data(values: list[str] | None) -> dict[str, str]:
    """`--data mntp=FILE` … ─▶ {"mntp": "SOURCE"}."""
    data: dict[str, str] = {}
    for value in values or []:
        stage, sign, path = value.partition("=")
        if not (stage and sign and path):
            raise HarnessError(f"--data {value!r} is not STAGE=SOURCE; write for example --data mntp=corpus.txt")
        data[stage] = path
    return data


def base_at(name: str, db: Path) -> str:
    """`--base NAME` ─▶ the folder of the base that the database calls so; else `name` as it is."""
    from harness.bases import named_bases

    if "/" in name or name in named_bases() or Path(name).expanduser().exists() or not db.exists():
        return name
    from harness.store import Store

    folders = [each.folder for each in Store(db, read_only=True).systems() if each.base == name and not each.lineage]
    return next((folder for folder in reversed(folders) if folder and Path(folder).is_dir()), name)


def names(values: str | None) -> tuple[str, ...] | None:
    """`--tasks A,B` ─▶ ("A", "B"); None where the option was not given."""
    return None if values is None else tuple(name.strip() for name in values.split(",") if name.strip())


def numbers(values: str | None) -> tuple[int, ...]:
    """`--looks 5,7,10` ─▶ (5, 7, 10)."""
    words = names(values) or ()
    if values is not None and not (words and all(word.isdecimal() for word in words)):
        raise HarnessError(f"--looks {values!r} is no list of numbers; write for example --looks 5,7,10")
    return tuple(int(word) for word in words)
