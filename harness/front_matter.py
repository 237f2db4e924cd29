"""YAML as people write it, read so that nothing in it counts without a word."""

from __future__ import annotations

from typing import Any

import yaml

from harness.errors import HarnessError


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
