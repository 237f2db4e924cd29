"""Rows of local files: .csv, .tsv, .jsonl and .parquet, and .txt where one column is wanted; each also as .gz."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.errors import HarnessError, near_names

Columns = tuple[tuple[str, ...], ...]  # one a column: its name, then the names it may have instead
TEXT: Columns = (("text", "sentence"),)
FORMATS = (".parquet", ".jsonl", ".csv", ".tsv", ".txt")
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
    for row in read_cells(path, columns):
        if all(isinstance(cell, str) and cell.strip() for cell in row):
            yield tuple(str(cell) for cell in row)


def read_cells(path: Path, columns: Columns) -> Iterator[tuple[object, ...]]:
    """Yield all rows of `path`: what each cell holds (in .csv and .tsv text), of any type. Else as `read_rows`."""
    if not path.is_file():
        raise HarnessError(f"there is no file {str(path)!r}; correct the path")
    kind = format_of(path)
    if kind == ".txt" and len(columns) == 1:
        rows = _lines(path)
    elif kind in _READERS:
        rows = _READERS[kind](path, columns)
    else:
        known = [each for each in FORMATS if each in _READERS or len(columns) == 1]
        raise HarnessError(f"{path} has an unsupported file type; give {', '.join(known[:-1])} or {known[-1]}")
    for row in rows:
        yield tuple(_SURROGATE.sub("\ufffd", cell) if isinstance(cell, str) else cell for cell in row)


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, whatever its ending, without their ends. Else as `read_rows`."""
    if not path.is_file():
        raise HarnessError(f"there is no file {str(path)!r}; correct the path")
    for (line,) in _lines(path):
        yield _SURROGATE.sub("\ufffd", str(line))


def column_names(path: Path) -> list[str]:
    """The columns that `path` has, by its heading or its first row. Raises HarnessError as `read_rows` does."""
    if not path.is_file():
        raise HarnessError(f"there is no file {str(path)!r}; correct the path")
    if format_of(path) == ".parquet":
        import pyarrow.parquet as pq

        with _parquet_errors(path), _binary(path) as file:
            return [str(name) for name in pq.ParquetFile(file).schema_arrow.names]
    if format_of(path) == ".jsonl":
        return next((list(row) for _, row in _objects(path)), [])
    if format_of(path) in (".csv", ".tsv"):
        with _text(path, newline="") as lines:
            return _heading(path, lines)[1]
    return ["text"]


def format_of(path: Path) -> str:
    """The ending that says how `path` is read, without .gz: `.csv` of `pairs.csv.gz`."""
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix


@contextmanager
def _text(path: Path, *, newline: str | None = None) -> Iterator[IO[str]]:
    """The open UTF-8 file, without a byte-order mark."""
    packed = path.suffix == ".gz"
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
            if packed
            else path.open(encoding="utf-8-sig", newline=newline)
        ) as lines:
            yield lines
    except UnicodeDecodeError:
        raise HarnessError(f"{path} is not UTF-8 text; write it again as UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise HarnessError(f"{path} is a damaged gzip file; write it again") from None
    except OSError as error:
        raise HarnessError(f"{path} cannot be read ({error.strerror}); check the file") from None


def _lines(path: Path) -> Iterator[tuple[object, ...]]:
    with _text(path) as lines:
        yield from ((line.rstrip("\n"),) for line in lines)


@contextmanager
def _binary(path: Path) -> Iterator[Any]:
    """What pyarrow reads: the path, or the unpacked bytes."""
    if path.suffix != ".gz":
        yield path
        return
    import pyarrow as pa

    try:
        content = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise HarnessError(f"{path} is a damaged gzip file; write it again") from None
    yield pa.BufferReader(content)


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError):
        raise HarnessError(f"{path} is not a parquet file; write it again") from None


def _parquet(path: Path, columns: Columns) -> Iterator[tuple[object, ...]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _binary(path) as source:
        with _parquet_errors(path):
            file = pq.ParquetFile(source, page_checksum_verification=True)
        try:
            names = _names(path, columns, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=_BATCH, columns=names):
                yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            raise HarnessError(f"{path} is a damaged parquet file; write it again") from None


def _objects(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    with _text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise HarnessError(f"{path}, line {number}, is not JSON; correct that line") from None
            yield number, row if isinstance(row, dict) else {}


def _jsonl(path: Path, columns: Columns) -> Iterator[tuple[object, ...]]:
    for _, row in _objects(path):
        names = _names(path, columns, list(row))
        yield tuple(row[name] for name in names)


def _heading(path: Path, lines: Iterator[str]) -> tuple[Iterator[list[str]], list[str]]:
    """The rows behind the heading, and the heading. A .csv whose heading has semicolons alone is parted by them."""
    first = next(lines, "")
    plain = format_of(path) == ".csv"
    separator = "\t" if not plain else ";" if ";" in first and "," not in first else ","
    heading = next(csv.reader([first], delimiter=separator, strict=True), [])
    return csv.reader(lines, delimiter=separator, strict=True), heading


def _csv(path: Path, columns: Columns) -> Iterator[tuple[object, ...]]:
    with _text(path, newline="") as lines:
        try:
            rows, heading = _heading(path, lines)
            names = _names(path, columns, heading)
            if len(set(heading)) < len(heading):
                twice = next(name for name in heading if heading.count(name) > 1)
                raise HarnessError(f"{path} has two columns {twice!r}; rename one of them")
            places = [heading.index(name) for name in names]
            for number, row in enumerate(rows, start=1):
                if row and len(row) != len(heading):
                    raise HarnessError(
                        f"{path}, row {number}, has {len(row)} cells, and the heading has {len(heading)}; put "
                        "quotation marks around a text that holds the separator"
                    )
                if row:
                    yield tuple(row[place] for place in places)
        except csv.Error as error:
            raise HarnessError(
                f"{path} cannot be read as a table ({error}); write it again with quoted texts"
            ) from None


_READERS: dict[str, Callable[[Path, Columns], Iterator[tuple[object, ...]]]] = {
    ".parquet": _parquet,
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
}


def _names(path: Path, columns: Columns, found: Sequence[str]) -> list[str]:
    chosen = [next((name for name in names if name in found), None) for names in columns]
    missing = [names for names, name in zip(columns, chosen, strict=True) if name is None]
    if missing:
        near = near_names(missing[0][0], map(str, found))
        raise HarnessError(
            f"{path} does not have the column {', '.join(' or '.join(names) for names in missing)}; it has "
            f"{', '.join(map(str, found)) or 'none'}{f' ({near})' if near.startswith('did') else ''}"
        )
    return [name for name in chosen if name is not None]
