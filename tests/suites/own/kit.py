"""Cards and files of a user's own."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harness.rows import format_of
from harness.suites.own import card_task
from harness.suites.own.task import OwnTask

Table = Mapping[str, Sequence[Any]]


def write_table(path: Path, table: Table) -> Path:
    """The table in the format that the name says."""
    frame = pd.DataFrame({name: list(values) for name, values in table.items()})
    packed = "gzip" if path.suffix == ".gz" else None
    kind = format_of(path).removeprefix(".")
    if kind == "parquet":
        frame.to_parquet(path.with_suffix("") if packed else path, index=False)
        if packed:
            path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    elif kind == "jsonl":
        lines = "".join(json.dumps(row) + "\n" for row in frame.to_dict("records"))
        path.write_bytes(gzip.compress(lines.encode()) if packed else lines.encode())
    else:
        separator = "\t" if kind == "tsv" else ","
        frame.to_csv(path, index=False, sep=separator, compression=packed, quoting=csv.QUOTE_MINIMAL)
    return path


def write_card(name: str, fields: str, folder: Path = Path()) -> Path:
    """A card of these fields beside the name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(f"---\ntask: {name}\n{fields}\n---\n\nA task for tests.\n", "utf-8")
    return path


def own(name: str, fields: str, files: Mapping[str, Table]) -> OwnTask:
    """The task of a new card whose files are these tables."""
    for file, table in files.items():
        write_table(Path(file), table)
    return card_task(str(write_card(name, fields)))
