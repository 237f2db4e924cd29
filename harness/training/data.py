"""What a stage is trained on, and its fingerprint. `mini` is the embedded English; anything else is a local file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cards import Stage
from harness.errors import HarnessError

COLUMNS: dict[str, tuple[str, ...]] = {
    "mntp": ("text",),
    "simcse": ("text",),
    "supcon": ("anchor", "positive", "negative"),
}
# One draw of training text for everybody; the training seed moves batches, adapters and dropout, not the text.
DRAW = 1


@dataclass(frozen=True)
class TrainingData:
    """The named data of one stage: cheap to name and fingerprint, read only when training starts."""

    kind: str
    source: str
    examples: int

    @classmethod
    def of(cls, stage: Stage) -> TrainingData:
        return cls(stage.kind, stage.data, stage.examples)

    def fingerprint(self) -> str:
        """sha256 that changes whenever the text does. Raises HarnessError for a file that is not there."""
        if self.source == "mini":
            from harness.mini.corpus import data_version

            made = f"mini {data_version()} draw {DRAW}"
        else:
            with self._file().open("rb") as file:
                made = hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(f"{self.kind} {self.examples} {made}".encode()).hexdigest()

    def rows(self) -> list[tuple[str, ...]]:
        """The examples, one tuple a row in the order of COLUMNS[kind]."""
        rows = self._embedded() if self.source == "mini" else self._read()
        if not rows:
            raise HarnessError(f"{self.source} holds no example for the {self.kind} stage; give a file with text in it")
        return rows

    def _embedded(self) -> list[tuple[str, ...]]:
        from harness.mini import corpus

        if self.kind == "supcon":
            return list(corpus.triplets(DRAW, self.examples))
        draw = corpus.mntp_documents if self.kind == "mntp" else corpus.sentences
        return [(text,) for text in draw(DRAW, self.examples)]

    def _file(self) -> Path:
        path = Path(self.source).expanduser()
        if not path.is_file():
            raise HarnessError(f"the data of the {self.kind} stage, {self.source!r}, is neither `mini` nor a file here")
        return path

    def _read(self) -> list[tuple[str, ...]]:
        path, columns = self._file(), COLUMNS[self.kind]
        if path.suffix == ".txt" and columns == ("text",):
            lines: list[tuple[str, ...]] = [(line,) for line in path.read_text("utf-8").splitlines() if line.strip()]
            return lines[: self.examples]
        if path.suffix == ".parquet":
            return self._parquet(path, columns)
        if path.suffix == ".jsonl":
            return self._jsonl(path, columns)
        wanted = ".parquet, .jsonl or .txt" if columns == ("text",) else ".parquet or .jsonl"
        raise HarnessError(f"{path}: the {self.kind} stage reads {wanted}")

    def _parquet(self, path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError):
            raise HarnessError(f"{path} is not a parquet file; write it again") from None
        self._require(path, columns, file.schema_arrow.names)
        table = file.read(columns=list(columns)).slice(0, self.examples)
        return [tuple(str(row[name]) for name in columns) for row in table.to_pylist()]

    def _jsonl(self, path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if len(rows) == self.examples:
                    break
                try:
                    row = json.loads(line)
                except ValueError:
                    raise HarnessError(f"{path}, line {number}, is not JSON; mend that line") from None
                self._require(path, columns, row if isinstance(row, dict) else ())
                rows.append(tuple(str(row[name]) for name in columns))
        return rows

    def _require(self, path: Path, columns: Sequence[str], found: object) -> None:
        names = list(found) if isinstance(found, (dict, list, tuple)) else []
        missing = [name for name in columns if name not in names]
        if missing:
            raise HarnessError(
                f"{path} lacks the column {', '.join(missing)} that the {self.kind} stage needs; "
                f"it has {', '.join(map(str, names)) or 'none'}"
            )
