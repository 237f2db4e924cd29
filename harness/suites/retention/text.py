"""The text that retention is measured on: of the mini language, a file of the user's, or WikiText-2 from the hub."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.suites.retention import SUITE_VERSION, task_names

MINI, WIKITEXT = "mini", "wikitext-2"
MINI_DOCUMENTS = 500
# Of a larger file the first so many documents are read.
MAX_DOCUMENTS = 1000
WIKITEXT_REPOSITORY = "Salesforce/wikitext"
WIKITEXT_FILE = "wikitext-2-raw-v1/test-00000-of-00001.parquet"
WIKITEXT_REVISION = "b08601e04326c79dfdd32d625aee71d232d685c3"
_TITLE = re.compile(r" = [^=].*[^=] = \n?")  # an article begins with its title; sections have more signs


@dataclass(frozen=True, kw_only=True)
class RetentionText:
    """A named text: cheap to name, read when a task runs. `file` is None for the mini language."""

    name: str
    revision: str
    file: Path | None = None

    def documents(self) -> tuple[str, ...]:
        """The documents, each a text with at least one character that is no space. HarnessError if there is none."""
        if self.file is None:
            from harness.mini.corpus import held_out_documents

            return tuple(held_out_documents(1, MINI_DOCUMENTS))
        rows = _articles(_rows(self.file)) if self.name == WIKITEXT else _rows(self.file)
        found = tuple(row.strip() for row in rows if row.strip())
        if not found:
            raise HarnessError(f"{self.file} holds no text to measure retention on; give a file with text in it")
        return found[:MAX_DOCUMENTS]


def choose_text(tasks: Sequence[str], *, base: str, source: str | None) -> RetentionText | None:
    """The text for `tasks` on `base`: `source` as the user named it, else what belongs to the base.

    None where no task of the suite is asked for. Raises HarnessError where a text is needed and not named, or named
    and not needed.
    """
    if not set(tasks) & set(task_names()):
        if source is not None:
            raise HarnessError(
                f"--data retention={source} names a text, but no retention task is asked for; add --suite retention"
            )
        return None
    if source is None and base != MINI:
        raise HarnessError(
            f"retention on base {base} is measured on a text that you choose: give --data retention=FILE (.txt, .jsonl "
            f"or .parquet), or --data retention={WIKITEXT} to take WikiText-2 from the hub"
        )
    return open_text(source or MINI)


def open_text(source: str) -> RetentionText:
    """The text called `source`: `mini`, `wikitext-2`, or a file (its name without the ending names the text)."""
    if source == MINI:
        from harness.mini.corpus import data_version

        return RetentionText(name=MINI, revision=f"{SUITE_VERSION}.{data_version()[:12]}")
    path = _from_hub() if source == WIKITEXT else Path(source).expanduser()
    if not path.is_file():
        raise HarnessError(f"the text of the retention suite, {source!r}, is neither `{MINI}`, `{WIKITEXT}` nor a file")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = WIKITEXT if source == WIKITEXT else path.stem
    return RetentionText(name=name, revision=f"{SUITE_VERSION}.{digest[:12]}", file=path)


def _from_hub() -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            hf_hub_download(WIKITEXT_REPOSITORY, WIKITEXT_FILE, revision=WIKITEXT_REVISION, repo_type="dataset")
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise HarnessError(
            f"{WIKITEXT} ({WIKITEXT_REPOSITORY} at {WIKITEXT_REVISION[:12]}) could not be had from the hub "
            f"({type(error).__name__}); check the network, point HF_HUB_CACHE at a copy, or give a file of your own"
        ) from error


def _rows(path: Path) -> Iterator[str]:
    if path.suffix == ".txt":
        yield from _paragraphs(path)
    elif path.suffix == ".jsonl":
        yield from _jsonl(path)
    elif path.suffix == ".parquet":
        yield from _parquet(path)
    else:
        raise HarnessError(f"{path}: the retention suite reads .txt, .jsonl or .parquet")


def _paragraphs(path: Path) -> list[str]:
    """Documents of a plain file: paragraphs where blank lines part them, else lines."""
    try:
        text = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        raise HarnessError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    paragraphs = re.split(r"\n[ \t\r]*\n", text)
    return paragraphs if len(paragraphs) > 1 else text.splitlines()


def _jsonl(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError:
                raise HarnessError(f"{path}, line {number}, is not JSON; mend that line") from None
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise HarnessError(f"{path}, line {number}, has no field `text` that is a string; mend that line")
            yield row["text"]


def _parquet(path: Path) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise HarnessError(f"{path} is not a parquet file; write it again") from None
    if "text" not in file.schema_arrow.names:
        raise HarnessError(f"{path} has no column `text`; it has {', '.join(file.schema_arrow.names) or 'none'}")
    for batch in file.iter_batches(columns=["text"]):
        yield from (str(value) for value in batch.column(0).to_pylist() if value is not None)


def _articles(rows: Iterator[str]) -> Iterator[str]:
    """WikiText's rows are lines: put the lines of an article together again."""
    article: list[str] = []
    for row in rows:
        if _TITLE.fullmatch(row) and article:
            yield "".join(article)
            article = []
        article.append(row)
    yield "".join(article)
