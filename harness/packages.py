"""Data files of installed packages, found by the packages' own lists of files. Nothing of a package is imported."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from harness.errors import HarnessError


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """A model with a name of its own: in `packages`, its parts in their order, else at the `hub`.

    `install` is the command that brings the packages.
    """

    name: str
    about: str
    packages: tuple[str, ...]
    install: str
    hub: str

    @property
    @abstractmethod
    def hub_file(self) -> tuple[str, str, str | None]:
        """Repository, a file without which the model is not there, and commit (None: the newest)."""

    @abstractmethod
    def installed(self) -> object | None:
        """What the model is made of, from the installed packages; None if any of it is not there."""

    def files(self) -> list[Path] | None:
        """All files of the packages, those of each in order of name; None if a package is not installed."""
        found: list[Path] = []
        for package in self.packages:
            try:
                there = distribution(package)
            except PackageNotFoundError:
                return None
            found += sorted(Path(str(there.locate_file(file))) for file in there.files or [])
        return found

    def found(self) -> str:
        """Where the model is, or how to get it, in words. The network is not asked."""
        from huggingface_hub import try_to_load_from_cache

        if self.installed() is not None:
            versions = {distribution(package).version for package in self.packages}
            return f"installed: {self.packages[0]} {', '.join(sorted(versions))}"
        repo, file, revision = self.hub_file
        if isinstance(try_to_load_from_cache(repo, file, revision=revision), str):
            return f"in the hub's cache: {self.hub}"
        return f"not here; `{self.install}`, or at the hub: {self.hub}"

    def absent(self, what: str) -> HarnessError:
        """The error where `what` (the base, the model) is found nowhere."""
        return HarnessError(
            f"{what} {self.name} is neither in an installed package nor in the hub's cache; get it with "
            f"`{self.install}`, or point HF_HUB_CACHE at a copy of {self.hub}"
        )


@contextmanager
def in_one_piece(parts: Sequence[Path], joined: Path) -> Iterator[Path]:
    """The only part, or all parts one after another in the file `joined`, which is removed at the end."""
    if len(parts) == 1:
        yield parts[0]
        return
    try:
        with joined.open("wb") as out:
            for part in parts:
                with part.open("rb") as one:
                    shutil.copyfileobj(one, out)
        yield joined
    finally:
        joined.unlink(missing_ok=True)
