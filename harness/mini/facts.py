"""The facts of a base that harness pretrained, in a file beside its weights. Nothing of the corpus is imported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

FACTS = "pretraining.json"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a base that was pretrained here. The loss is in nats a token, on documents of another seed.

    `losses` are (step, loss) on the way, the last one at the end; before it the learning rate was still high. `tokens`
    are those read, without padding. `seconds` is the time of the steps alone.
    """

    settings: dict[str, Any]
    parameters: int
    tokens: int
    seconds: float
    loss: float
    bits_per_byte: float
    losses: list[list[float]]


def read_facts(folder: Path) -> Facts | None:
    """Return the facts of a base that was pretrained here; None if `folder` is none."""
    try:
        return Facts(**json.loads((folder / FACTS).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (TypeError, ValueError, UnicodeDecodeError):
        raise HarnessError(f"{folder / FACTS} is damaged; delete {folder} and make the base again") from None
