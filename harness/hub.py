"""Files from the Hugging Face hub, or from the local copy of it that HF_HUB_CACHE names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_DATA = re.compile(rf"hub:(?P<repo>{HUB_ID.pattern})@(?P<revision>[0-9a-f]{{40}})/(?P<path>[\w./*-]+)")


def is_hub_id(name: str) -> bool:
    """Whether `name` reads organisation/name, with or without @revision."""
    repo, sign, revision = name.partition("@")
    return bool(HUB_ID.fullmatch(repo)) and (not sign or bool(re.fullmatch(r"[\w.-]+", revision)))


def snapshot(
    repo: str, *, revision: str | None, patterns: Sequence[str], what: str, kind: str = "model", otherwise: str = ""
) -> Path:
    """The folder with those files of `repo`; its name is the commit. HarnessError if they cannot be had.

    `what` names the thing in the error ("the base") and `otherwise` a way around it; `kind` is model or dataset.
    HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE hold.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(repo, repo_type=kind, revision=revision, allow_patterns=list(patterns)))
    except (LocalEntryNotFoundError, RepositoryNotFoundError, HfHubHTTPError, OSError) as error:
        raise HarnessError(
            f"{what} {repo!r} is not a folder here, and it could not be fetched from the hub "
            f"({type(error).__name__}); check "
            f"the name and the network, or point HF_HUB_CACHE at a copy{otherwise}"
        ) from error


@dataclass(frozen=True)
class HubData:
    """Data files of the hub at a commit, written hub:ORG/NAME@COMMIT/PATH, where PATH may hold a *."""

    repo: str
    revision: str
    path: str

    @classmethod
    def parse(cls, source: str) -> HubData | None:
        """None if `source` does not begin with hub:; HarnessError if it does and is not of that form."""
        if not source.startswith("hub:"):
            return None
        match = _DATA.fullmatch(source)
        if match is None:
            raise HarnessError(
                f"{source!r} is not an address of data on the hub; write hub:ORG/NAME@COMMIT/PATH with "
                "the 40 digits of the commit"
            )
        return cls(**match.groupdict())

    def files(self) -> list[Path]:
        """Fetch the files (once; the hub's cache keeps them) and return them in order of name."""
        folder = snapshot(
            self.repo,
            revision=self.revision,
            patterns=[self.path],
            what="the data set",
            kind="dataset",
            otherwise=", or give a file with --data",
        )
        found = sorted(path for path in folder.glob(self.path) if path.is_file())
        if not found:
            raise HarnessError(
                f"the data set {self.repo} has no file {self.path} at {self.revision[:12]}; correct the path"
            )
        return found
