"""What does each step of turning a causal language model into a text encoder buy?

The names of `__all__` are for Python users; docs/python.md shows how to call them. A name is imported when it is first
used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import (
        add_outcomes,
        compare_bases,
        compare_variants,
        describe,
        export_system,
        measure,
        open_model,
        open_system,
        rank_variants,
        run_variants,
        write_site,
    )
    from harness.errors import HarnessError
    from harness.store import Store

__version__ = "0.1.0"
__all__ = [
    "HarnessError",
    "Store",
    "add_outcomes",
    "compare_bases",
    "compare_variants",
    "describe",
    "export_system",
    "measure",
    "open_model",
    "open_system",
    "rank_variants",
    "run_variants",
    "write_site",
]
_ELSEWHERE = {"HarnessError": "harness.errors", "Store": "harness.store"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ELSEWHERE.get(name, "harness.api")), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
