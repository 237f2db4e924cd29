"""A small base, and texts to train on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.bases import Base, resolve_base
from tests.conftest import TINY_WORDS


@pytest.fixture
def base(tiny_base: Path) -> Base:
    return resolve_base(str(tiny_base))


@pytest.fixture
def texts() -> None:
    draw = np.random.default_rng(0)
    lines = [" ".join(draw.choice(TINY_WORDS, 8)) for _ in range(60)]
    Path("text.txt").write_text("\n".join(lines))
    rows = [{"anchor": line, "positive": line[2:], "negative": lines[i - 7][1:]} for i, line in enumerate(lines)]
    Path("triplets.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
