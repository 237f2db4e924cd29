"""A tokenizer for all GGUF files of the tests."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from tests.gguf.files import SMOLLM, byte_level


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return byte_level(SMOLLM)
