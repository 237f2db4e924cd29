"""Rows of text from local files: .parquet, .jsonl, and .txt where one column is wanted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError

Columns = tuple[tuple[str, ...], ...]  # one a column: its name, then the names it may have instead
TEXT: Columns = (("text", "sentence"),)
_BATCH = 10_000
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def check_columns(path: Path, columns: Columns) -> None:
    """Raise HarnessError if `path` is missing, of another format, or lacks a column; reads only its beginning."""
    next(iter(read_rows(path, columns)), None)


def read_rows(path: Path, columns: Columns) -> Iterator[tuple[str, ...]]:
    """Yield the rows of `path` in its order, one string a column; rows with an empty or missing one are left out.

    Half of a surrogate pair, which JSON can hold and no text can, becomes U+FFFD. Raises HarnessError for a file that
    cannot be read as what its name says.
    """
    if not path.is_file():
        raise HarnessError(f"there is no file {str(path)!r}; correct the path")
    if path.suffix == ".txt" and len(columns) == 1:
        rows = _lines(path)
    elif path.suffix == ".parquet":
        rows = _parquet(path, columns)
    elif path.suffix == ".jsonl":
        rows = _jsonl(path, columns)
    else:
        wanted = ".parquet, .jsonl or .txt" if len(columns) == 1 else ".parquet or .jsonl"
        raise HarnessError(f"{path} has an unsupported file type; give {wanted}")
    for row in rows:
        if all(isinstance(cell, str) and cell.strip() for cell in row):
            yield tuple(_SURROGATE.sub("\ufffd", str(cell)) for cell in row)


def _text(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, without a byte-order mark."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            yield from lines
    except UnicodeDecodeError:
        raise HarnessError(f"{path} is not UTF-8 text; write it again as UTF-8") from None
    except OSError as error:
        raise HarnessError(f"{path} cannot be read ({error.strerror}); check the file") from None


def _lines(path: Path) -> Iterator[tuple[object, ...]]:
    yield from ((line.rstrip("\n"),) for line in _text(path))


def _parquet(path: Path, columns: Columns) -> Iterator[tuple[object, ...]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        raise HarnessError(f"{path} is not a parquet file; write it again") from None
    try:
        names = _names(path, columns, file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_BATCH, columns=names):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise HarnessError(f"{path} is a damaged parquet file; write it again") from None


def _jsonl(path: Path, columns: Columns) -> Iterator[tuple[object, ...]]:
    for number, line in enumerate(_text(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise HarnessError(f"{path}, line {number}, is not JSON; correct that line") from None
        names = _names(path, columns, list(row) if isinstance(row, dict) else [])
        yield tuple(row[name] for name in names)


def _names(path: Path, columns: Columns, found: Sequence[str]) -> list[str]:
    chosen = [next((name for name in names if name in found), None) for names in columns]
    missing = [" or ".join(names) for names, name in zip(columns, chosen, strict=True) if name is None]
    if missing:
        raise HarnessError(
            f"{path} does not have the column {', '.join(missing)}; it has {', '.join(map(str, found)) or 'none'}"
        )
    return [name for name in chosen if name is not None]
