"""The text of the suites retention, layers and repetition: of the mini language, a file of a user's, or of the hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Self

from harness.errors import HarnessError
from harness.hub import HubData
from harness.rows import TEXT, check_columns, read_rows
from harness.suites.task import ListedTask, TaskOptions

# Raise when the same system on the same text would score otherwise.
SUITE_VERSION = 1
MINI, WIKITEXT = "mini", "wikitext-2"
MINI_DOCUMENTS = 500
# Of a larger text the first so many documents are read.
MAX_DOCUMENTS = 1000
# The raw test split, 4,358 rows of 62 articles; that of WikiText-103 is the same.
WIKITEXT_DATA = HubData(
    repo="Salesforce/wikitext",
    revision="b08601e04326c79dfdd32d625aee71d232d685c3",
    path="wikitext-2-raw-v1/test-00000-of-00001.parquet",
)
_TITLE = re.compile(r" = [^=].*[^=] = \n?")  # an article begins with its title; sections have more signs


@dataclass(frozen=True, kw_only=True)
class RetentionText:
    """A named text: cheap to name, read when a task runs. Without `files` it is the mini language's.

    `articles`: the rows are lines of articles, to be put together again.
    """

    name: str
    revision: str
    files: tuple[Path, ...] = ()
    articles: bool = False

    def documents(self) -> tuple[str, ...]:
        """The documents, each a text with at least one character that is no space. HarnessError if there is none."""
        if not self.files:
            from harness.mini.corpus import held_out_documents

            return tuple(held_out_documents(1, MINI_DOCUMENTS))
        rows = chain.from_iterable(map(_rows, self.files))
        documents = (text.strip() for text in (_articles(rows) if self.articles else rows))
        found = tuple(islice(filter(None, documents), MAX_DOCUMENTS))
        if not found:
            raise HarnessError(f"{self.files[0]} has no text; give a file with text to measure retention")
        return found


def open_text(source: str) -> RetentionText:
    """The text called `source`: `mini`, `wikitext-2`, hub:ORG/NAME@COMMIT/PATH, or a file.

    A file's name without the ending names the text. What is wrong with it is said now, before anything is trained.
    """
    if source == MINI:
        from harness.mini.corpus import data_version

        return RetentionText(name=MINI, revision=f"{SUITE_VERSION}.{data_version()[:12]}")
    hub = WIKITEXT_DATA if source == WIKITEXT else HubData.parse(source)
    if hub is not None:
        files = hub.files()
        made = hashlib.sha256(f"{hub.repo}@{hub.revision}/{hub.path}".encode()).hexdigest()
        name = WIKITEXT if hub == WIKITEXT_DATA else f"{hub.repo}/{hub.path}"
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            raise HarnessError(
                f"the text of --data retention, {source!r}, is neither `{MINI}`, `{WIKITEXT}`, nor a file here, "
                "nor hub:…"
            )
        with path.open("rb") as file:
            made = hashlib.file_digest(file, "sha256").hexdigest()
        files, name = [path], path.stem
    for path in files:
        check_columns(path, TEXT)
    return RetentionText(
        name=name,
        revision=f"{SUITE_VERSION}.{made[:12]}",
        files=tuple(files),
        articles=hub is not None and hub.repo == WIKITEXT_DATA.repo,
    )


@dataclass(frozen=True, kw_only=True)
class OnText(ListedTask):
    """A task on a text that the user chooses, None for the mini language's; not for reference models."""

    text: RetentionText | None = None
    option = "text"

    @property
    def revision(self) -> str:
        """The text's."""
        return (self.text or open_text(MINI)).revision

    def chosen(self, options: TaskOptions) -> Self:
        """The same task on the text of `options`."""
        return replace(self, text=options.text)


def _rows(path: Path) -> Iterator[str]:
    """Documents of a file: rows, or, of a plain text where blank lines part them, paragraphs."""
    if path.suffix == ".txt":
        paragraphs = re.split(r"\n[ \t\r]*\n", path.read_text("utf-8").strip())
        if len(paragraphs) > 1:
            yield from paragraphs
            return
    for (text,) in read_rows(path, TEXT):
        yield text


def _articles(rows: Iterator[str]) -> Iterator[str]:
    """WikiText's rows are lines: put the lines of an article together again."""
    article: list[str] = []
    for row in rows:
        if _TITLE.fullmatch(row) and article:
            yield "".join(article)
            article = []
        article.append(row)
    yield "".join(article)
