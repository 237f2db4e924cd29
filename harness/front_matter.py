"""YAML as people write it, read so that nothing in it counts without a word; cards are such YAML above prose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from harness.errors import HarnessError, near_names


class _Loader(yaml.SafeLoader):
    """Safe YAML without anchors, and with every key of a mapping once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.constructor.ConstructorError(
                None, None, "anchors (&, *) are not read; write the value out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)  # type: ignore[no-untyped-call]
            if isinstance(name, str) and name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} stands twice; keep one of them", key.start_mark
                )
            seen.add(name if isinstance(name, str) else id(key))
        return super().construct_mapping(node, deep)


def read_yaml(text: str, *, where: str) -> Any:
    """Return what the YAML `text` says. Raises HarnessError, which begins with `where`, for what cannot be read."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise HarnessError(f"{where} is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise HarnessError(f"{where} is not YAML: it is nested too deeply") from None


@dataclass(frozen=True, kw_only=True)
class CardFile:
    """A card as it is written: the `fields` of its front matter, its `prose`, and the whole `text`."""

    fields: dict[str, Any]
    prose: str
    text: str


def read_card_file(path: Path, *, least: str) -> CardFile:
    """The card at `path`. Raises HarnessError for one that is no card; `least` says which fields it needs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise HarnessError(f"{path}: the card is not UTF-8 text; write it again as UTF-8") from None
    except OSError as error:
        raise HarnessError(f"{path}: the card cannot be read ({error.strerror}); check the file") from None
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise HarnessError(f"{path}: the card has no front matter; start it with YAML between two lines of ---")
    front = read_yaml(parts[1], where=f"{path}: the front matter")
    if not isinstance(front, dict):
        raise HarnessError(f"{path}: the front matter has no fields; a card needs at least {least}")
    return CardFile(fields=front, prose=parts[2].strip(), text=text)


def first_mistake(error: ValidationError, known: Iterable[str]) -> str:
    """What pydantic found first, in words, an unknown field before others; `known` are the fields that there are."""
    mistakes = error.errors()
    first = next((each for each in mistakes if each["type"] == "extra_forbidden"), mistakes[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        what = f"unknown field `{where}`; {near_names(str(first['loc'][-1]), known)}"
    elif first["type"] == "missing":
        what = f"the field `{where}` is missing"
    else:
        what = (
            f"`{where}`: {first['msg'].removeprefix('Value error, ')}"
            if where
            else first["msg"].removeprefix("Value error, ")
        )
    return what + (f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else "")


def field_names(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields and of the fields of the models in it."""
    inner = [field.annotation for field in model.model_fields.values() if isinstance(field.annotation, type)]
    return set(model.model_fields).union(*(field_names(each) for each in inner if issubclass(each, BaseModel)))
