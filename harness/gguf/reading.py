"""A GGUF file ─▶ its metadata and tensors; what is no such file, or not all of it, is refused.

The header is read here: the library `gguf` takes half a minute and 760 MB for a vocabulary of 262,144 tokens. It is
llama.cpp's own, and turns quantised blocks into numbers.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import HarnessError

INSTALL = "pip install 'gguf>=0.17'"
PLAIN = ("F32", "F16", "BF16")  # types that are kept as they are
_MAGIC, _POINTER = b"GGUF", b"vers"
_VERSIONS = (2, 3)
_ALIGNMENT = 32
_TEXT, _LIST = 8, 9
# The struct letter of each type of a value; 7 is a truth value.
_LETTERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True, kw_only=True)
class GgufTensor:
    """A tensor of the file: `stored` are its bytes there, `shape` is torch's."""

    shape: tuple[int, ...]
    kind: str
    stored: np.ndarray = field(repr=False)

    def numbers(self, rows: int | None = None) -> np.ndarray:
        """The values in float32, of the first `rows` if that is given."""
        from gguf import GGMLQuantizationType, dequantize

        found: np.ndarray = dequantize(self.stored.reshape(self.shape[0], -1)[:rows], GGMLQuantizationType[self.kind])
        return found.reshape(-1, *self.shape[1:])


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """What a GGUF file holds."""

    name: str
    metadata: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor] = field(repr=False)

    def text(self, key: str, default: str | None = None) -> str:
        """The string under `key`."""
        return str(self._typed(key, str, "a text", default))

    def number(self, key: str, default: int | None = None) -> int:
        """The whole number under `key`."""
        return int(self._typed(key, int, "one whole number", default))

    def real(self, key: str, default: float | None = None) -> float:
        """The number under `key`, in as few digits as name the stored float32."""
        return float(str(np.float32(self._typed(key, float, "one number", default))))

    def flag(self, key: str, default: bool = False) -> bool:
        """The truth value under `key`."""
        return bool(self._typed(key, bool, "true or false", default))

    def items(self, key: str, default: list[Any] | None = None) -> list[Any]:
        """The list under `key`."""
        found: list[Any] = self._typed(key, list, "a list", default)
        return found

    def _typed(self, key: str, wanted: type, what: str, default: Any) -> Any:
        value = self.metadata.get(key, default)
        if type(value) is not wanted:
            raise HarnessError(
                f"{self.name} has no {key} that is {what}, without which it cannot be converted; fetch another GGUF "
                "file of the model"
            )
        return value

    def stored_as(self) -> str:
        """How the weights are stored, in words, with the number of tensors: `weights dequantised from Q4_1 (210)`."""
        counted = Counter(tensor.kind for tensor in self.tensors.values()).most_common()
        quantised = ", ".join(f"{kind} ({count})" for kind, count in counted if kind not in PLAIN)
        plain = ", ".join(f"{kind} ({count})" for kind, count in counted if kind in PLAIN)
        if not quantised:
            return f"weights as stored in {plain}"
        return f"weights dequantised from {quantised}" + (f"; others as stored in {plain}" if plain else "")


def read_gguf(path: Path, *, name: str) -> GgufFile:
    """Open `path`. Raises HarnessError, with `name` in its sentence, for a file that is not whole or not GGUF."""
    if find_spec("gguf") is None:
        raise HarnessError(f"{name} is read by the Python package gguf, which is not installed; `{INSTALL}` gets it")
    try:
        content = np.memmap(path, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)
    except OSError as error:
        raise HarnessError(f"{path} cannot be read ({error.strerror}); fetch it again") from None
    begins = content[: len(_MAGIC)].tobytes()
    if begins != _MAGIC:
        pointer = "a Git LFS pointer in place of a GGUF file; run `git lfs pull` in its folder"
        raise HarnessError(f"{name} is {pointer if begins == _POINTER else 'no GGUF file; fetch it again'}")
    try:
        return _Header(content, name).read()
    except (struct.error, ValueError, KeyError, OverflowError, MemoryError, RecursionError):
        raise HarnessError(f"{name} is cut short or damaged; fetch it again") from None


class _Header:
    """Reads the header of a file from its first byte on."""

    def __init__(self, content: np.ndarray, name: str) -> None:
        self.content, self.name, self.at = content, name, len(_MAGIC)
        self.bytes = memoryview(content.data)

    def read(self) -> GgufFile:
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        if (version := self._one("I")) not in _VERSIONS:
            raise HarnessError(f"{self.name} is in version {version} of GGUF, and 2 and 3 are known; convert it anew")
        tensors, fields = self._one("Q"), self._one("Q")
        metadata: dict[str, Any] = {}
        for _ in range(fields):
            key = self._string()
            metadata[key] = self._value(self._one("I"))
        places: dict[str, tuple[tuple[int, ...], int, int]] = {}
        for _ in range(tensors):
            key = self._string()
            shape = tuple(self._one("Q") for _ in range(self._one("I")))[::-1]
            places[key] = (shape, self._one("I"), self._one("Q"))
        alignment = metadata.get("general.alignment", _ALIGNMENT)
        if type(alignment) is not int or alignment < 1:
            raise ValueError("alignment")
        start = math.ceil(self.at / alignment) * alignment
        kinds = {int(kind): kind for kind in GGMLQuantizationType}
        found: dict[str, GgufTensor] = {}
        for key, (shape, number, offset) in places.items():
            if (kind := kinds.get(number)) is None:
                raise HarnessError(
                    f"{self.name} has weights in type {number}, which the library gguf does not know; bring it up to "
                    f"date: {INSTALL} --upgrade"
                )
            block, size = GGML_QUANT_SIZES[kind]
            if not shape or shape[-1] % block:
                raise ValueError(key)
            first, length = start + offset, math.prod(shape) // block * size
            stored = self.content[first : first + length]
            if len(stored) != length:
                raise ValueError(key)
            found[key] = GgufTensor(shape=shape, kind=kind.name, stored=stored)
        return GgufFile(name=self.name, metadata=metadata, tensors=found)

    def _take(self, letters: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{letters}", self.bytes, self.at)
        self.at += struct.calcsize(f"<{letters}")
        return found

    def _one(self, letter: str) -> Any:
        return self._take(letter)[0]

    def _string(self) -> str:
        length = self._one("Q")
        found = self.bytes[self.at : self.at + length]
        if len(found) != length:
            raise ValueError("text")
        self.at += length
        return str(found, "utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self._string()
        if kind != _LIST:
            return self._one(_LETTERS[kind])
        kind, length = self._one("I"), self._one("Q")
        if kind in (_TEXT, _LIST):
            return [self._value(kind) for _ in range(length)]
        size = struct.calcsize(_LETTERS[kind])
        if length * size > len(self.bytes) - self.at:
            raise ValueError("list")
        return list(self._take(f"{length}{_LETTERS[kind]}"))
