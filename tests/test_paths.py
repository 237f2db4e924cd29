"""Where things live, and disks that are full."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.paths import cache_folder, room_for, whole_folder


@pytest.mark.parametrize("own", ["", None])
def test_a_cache_that_is_set_to_nothing_is_not_the_current_folder(
    own: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    if own is not None:
        monkeypatch.setenv("HARNESS_CACHE", own)
    monkeypatch.setenv("HOME", str(tmp_path))
    for xdg in ("", "/x"):
        monkeypatch.setenv("XDG_CACHE_HOME", xdg)
        assert cache_folder() == Path(xdg or tmp_path / ".cache") / "harness"


def test_a_full_disk_is_a_sentence_whoever_met_it(tmp_path: Path) -> None:
    class LibraryError(Exception):
        pass

    def library(error: Exception) -> None:
        with room_for(tmp_path):
            try:
                raise error
            except OSError:
                raise LibraryError("could not write") from None

    for error in (OSError(28, "No space left on device"), LibraryError("I/O error: No space left on device")):
        with pytest.raises(HarnessError, match=f"the disk of {tmp_path} is full; make room"):
            library(error)
    with pytest.raises(LibraryError):
        library(LibraryError("something else"))


def test_a_folder_is_made_through_a_link_and_not_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    theirs = tmp_path / ".real.backup.old"
    theirs.mkdir()
    os.utime(theirs, (0, time.time() - 1e6))
    with whole_folder(tmp_path / "link") as fresh:
        (fresh / "a").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".real.backup.old", "link", "real"]
    monkeypatch.chdir(tmp_path / "real")
    with pytest.raises(HarnessError, match="the folder that you are in"), whole_folder(Path()):
        pass
