"""task_cards/*.md ─▶ TaskCard: a task of a user's own is data too.

A card is YAML between two lines of ---, and prose below it. Cards are found by name in the package and in a
`task_cards/` folder of the working directory, which wins; or by the path of their file.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from harness.errors import HarnessError, near_names
from harness.front_matter import first_mistake, read_card_file
from harness.hub import HubData
from harness.recipes import Strict
from harness.suites.own.segment import SEGMENTERS, segmenter_version
from harness.suites.own.types import ALSO, CANDIDATES, JUDGEMENTS, TYPES, WORD, CardType

Publish = Literal["texts", "ids", "nothing"]
LANGUAGE = r"^[a-z]{3}-[A-Z][a-z]{3}$"
_ABOUT = {"title", "language", "language2", "license", "source", "prose", "folder"}  # fields that no score depends on


class TaskCard(Strict):
    """One task: its type, its file or its training and test file, and which column is what."""

    task: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    title: str = Field("", max_length=200)
    type: str
    file: str | None = Field(None, description="all examples; or train and test")
    train: str | None = None
    test: str | None = None
    columns: dict[str, str] = Field(default_factory=dict, description="what a column is → its name in the file")
    group: str | None = Field(None, description="the column of what belongs together: an author, a document, a word")
    language: str = Field("eng-Latn", pattern=LANGUAGE)
    language2: str = Field("eng-Latn", pattern=LANGUAGE, description="the language of translations")
    license: str = ""
    source: str = ""
    publish: Publish = "ids"
    segmenter: str | None = Field(None, description="the package that finds words in a script without blanks")
    margin: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="differences up to it count as none; in points"
    )
    chance: float | None = Field(None, allow_inf_nan=False, description="what a guess scores, in points")
    samples_per_label: int = Field(8, ge=1)
    separator: str = Field(";", min_length=1, max_length=3, description="what parts the labels of a cell")
    draws: int = Field(10, ge=1, le=100)
    share: float = Field(1.0, gt=0, le=1)
    positions: tuple[int, ...] = Field((0,), min_length=1, description="words that are read, counted from the target")
    features: Literal["cosine", "difference", "concatenation"] = "cosine"
    prose: str = ""
    folder: Path

    @model_validator(mode="before")
    @classmethod
    def _own_default(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """What is on the hub is public: its texts may be shown."""
        columns = fields.get("columns")
        if isinstance(columns, dict):  # a column of a file may be called by a number
            whole = {role: str(name) if type(name) is int else name for role, name in columns.items()}
            fields = {**fields, "columns": whole}
        files = [str(fields.get(name) or "") for name in ("file", "train", "test")]
        public = any(files) and all(not name or name.startswith("hub:") for name in files)
        return {"publish": "texts", **fields} if public else fields

    @model_validator(mode="after")
    def _fits_its_type(self) -> TaskCard:
        if self.type not in TYPES:
            raise ValueError(f"there is no type {self.type!r}; {near_names(self.type, TYPES)}")
        kind = self.kind
        if (self.file is None) == (self.test is None) or (self.train is not None and self.test is None):
            raise ValueError("a card names either `file`, or `test` (and `train`); give one of them")
        if self.train is not None and not kind.trains:
            raise ValueError(f"a task of type {self.type} trains nothing; take `train` out")
        if kind.layout and self.file is None:
            raise ValueError(f"a task of type {self.type} is a folder; name it with `file`")
        if self.test is not None and self.train is None and kind.trains:
            raise ValueError("`test` needs `train` beside it; name one file with `file` to split it into folds")
        known = kind.roles if kind.sequences else (*kind.roles, *ALSO, *((WORD,) if kind.spans else ()))
        for role in self.columns:
            if role not in known:
                raise ValueError(f"`columns`: {self.type} has no column {role!r}; {near_names(role, known)}")
        if self.segmenter is not None and self.segmenter not in SEGMENTERS:
            raise ValueError(f"there is no segmenter {self.segmenter!r}; {near_names(self.segmenter, SEGMENTERS)}")
        if self.segmenter is not None and WORD not in self.columns:
            raise ValueError("`segmenter` finds the word of a column; name the column with `columns: {word: NAME}`")
        if self.group is not None and (kind.layout or kind.sequences):
            raise ValueError(f"`group` has no effect on a task of type {self.type}; take it out")
        given = self.model_fields_set & {name for each in TYPES.values() for name in each.options}
        for name in sorted(given - set(kind.options)):
            raise ValueError(f"`{name}` has no effect on a task of type {self.type}; take it out")
        return self

    @property
    def kind(self) -> CardType:
        """Its type."""
        return TYPES[self.type]

    @property
    def roles(self) -> tuple[str, ...]:
        """The columns that are read, spans apart where the card names the word's column instead."""
        located = WORD in self.columns
        spans = {name for pair in self.kind.spans for name in pair} if located else set()
        also = [name for name in (WORD, "id") if name in self.columns]
        return (*(role for role in self.kind.roles if role not in spans), *also)

    @property
    def about(self) -> str:
        """What it is, on one line: its title, or the beginning of its prose, or what its type is."""
        first = self.prose.split("\n\n")[0] if not self.prose.startswith("#") else ""
        return self.title or " ".join(first.split())[:200] or self.kind.about

    @property
    def parts(self) -> dict[str, str]:
        """Its files, by what they are for: test, and train where there is one."""
        if self.kind.layout:
            on_hub, here = str(self.file).startswith("hub:"), self.folder / str(self.file)
            return {
                part: f"{self.file}/{name}"
                for part, name in self.kind.layout
                if part not in self.kind.may_lack or on_hub or (here / name).is_file()
            }
        found = {"test": self.file or self.test, "train": self.train}
        return {part: name for part, name in found.items() if name is not None}

    @property
    def tables(self) -> tuple[str, ...]:
        """The parts that hold texts."""
        return tuple(part for part in self.parts if part not in (JUDGEMENTS, CANDIDATES))

    def column(self, role: str) -> str:
        """The name of a column in the files."""
        return self.columns.get(role, role)

    def path(self, part: str) -> Path:
        """Where the file of a part lies. Raises HarnessError if it is missing, or is outside the card's folder."""
        name = self.parts[part]
        hub = HubData.parse(name)
        if hub is not None:
            found = hub.files()
            if len(found) > 1:
                raise HarnessError(f"{self.task}: {name} is {len(found)} files; name one of them")
            return found[0]
        path = self.folder / name
        if not path.is_file():
            near = near_names(name, (each.name for each in self.folder.iterdir() if each.is_file()))
            raise HarnessError(f"{self.task}: there is no file {name!r} in {self.folder}; {near}")
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise HarnessError(
                f"{self.task}: the file {name!r} leads outside the folder of its card ({path.resolve()}); put the file "
                "beside the card"
            )
        return path

    @property
    def revision(self) -> str:
        """What may be published of it, and the hash of its files and of the fields of the card that scores depend on.

        How a file is written counts too: the same rows in two formats are two revisions.
        """
        digest = hashlib.sha256()
        fields = self.model_dump(mode="json", exclude={*_ABOUT, "file", "train", "test"}, exclude_defaults=True)
        digest.update(json.dumps(fields, sort_keys=True).encode())
        if self.segmenter is not None:
            digest.update(segmenter_version(self.segmenter).encode())
        for part in self.parts:
            path = self.path(part)
            digest.update(f"{part}{''.join(path.suffixes[-2:])}{_sha256_of(path)}".encode())
        return f"card.{self.publish}.{digest.hexdigest()[:12]}"


def read_task_card(path: Path) -> TaskCard:
    """Parse and validate one card; HarnessError names the file and the field that is wrong."""
    found = read_card_file(path, least="`task`, `type` and `file`")
    try:
        card = TaskCard(**found.fields, prose=found.prose, folder=path.absolute().parent)
    except TypeError:
        raise HarnessError(f"{path}: the names of fields have to be words, without numbers or lists") from None
    except ValidationError as error:
        known = set(TaskCard.model_fields) - {"prose", "folder"}
        raise HarnessError(f"{path}: {first_mistake(error, known)}") from None
    if card.task != path.stem:
        raise HarnessError(f"{path}: the card names the task {card.task!r}; name the file {card.task}.md")
    return card


def find_card(name: str) -> TaskCard:
    """The card called `name`, or at the path `name`. Raises HarnessError if there is none."""
    path = Path(name)
    if path.suffix == ".md" or len(path.parts) > 1:
        if not path.is_file():
            raise HarnessError(f"there is no task card {name!r}; correct the path")
        return read_task_card(path)
    known = _card_files()
    if name not in known:
        near = (
            near_names(name, known) if known else "this folder has no task_cards/ (`harness new task FILE` writes one)"
        )
        if Path(f"{name}.md").is_file():
            near = f"name the file that lies here by its path: {name}.md"
        raise HarnessError(f"there is no task card {name!r}; {near}")
    return read_task_card(known[name])


def card_names() -> list[str]:
    """The names of the cards that can be found by name."""
    return sorted(_card_files())


def _card_files() -> dict[str, Path]:
    package = Path(__file__).parents[2]
    folders = (package / "_task_cards", package.parent / "task_cards", Path.cwd() / "task_cards")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.md"))}


def _sha256_of(path: Path) -> str:
    status = path.stat()
    return _hashed(path.resolve(), status.st_size, status.st_mtime_ns)


@cache
def _hashed(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
