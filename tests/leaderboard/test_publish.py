"""The folder of the pages: what harness wrote is replaced, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from leaderboard.publish import MARKER, check_folder, is_current, published

ONE, TWO = "1" * 64, "2" * 64


def publish(out: Path, stamp: str, **files: str) -> None:
    check_folder(out)
    with published(out, stamp) as fresh:
        for name, content in {"index.html": stamp, **{k.replace("__", "/"): v for k, v in files.items()}}.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_text(content)


def content(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    out = tmp_path / "site"
    publish(out, ONE, systems__a="a", tasks__t="t")
    (out / ".git").mkdir()
    (out / ".git" / "HEAD").write_text("ref")
    (out / "CNAME").write_text("example.org")
    (out / "tasks" / "notes").write_text("mine")
    publish(out, TWO, systems__b="b")
    found = content(out)
    assert found.pop(MARKER).splitlines()[1:] == ["index.html", "systems/b"]
    mine = {".git/HEAD": "ref", "CNAME": "example.org", "tasks/notes": "mine"}
    assert found == {**mine, "index.html": TWO, "systems/b": "b"}
    assert is_current(out, TWO)
    assert not is_current(out, ONE)


def test_a_checkout_can_be_published_into(tmp_path: Path) -> None:
    """Without a list of ours, but asked for: what is there stays, and is never written over."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "CNAME").write_text("example.org")
    check_folder(tmp_path, beside=True)
    with pytest.raises(HarnessError, match="has files that harness did not write"):
        check_folder(tmp_path)
    (tmp_path / MARKER).write_text("another program's")
    with pytest.raises(HarnessError, match="has files that harness did not write"):
        check_folder(tmp_path, beside=True)
    (tmp_path / MARKER).unlink()
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    with published(tmp_path / "linked", ONE) as fresh:
        (fresh / "index.html").write_text("ours")
    assert (tmp_path / "linked").is_symlink()
    assert content(tmp_path)["CNAME"] == "example.org"
    with (
        pytest.raises(HarnessError, match="CNAME is in the way"),
        published(tmp_path, TWO) as fresh,
    ):
        (fresh / "CNAME").write_text("ours")


@pytest.mark.parametrize("marker", ["", "another program's", f"Made from {ONE}", "index.html\nthesis.tex\n"])
def test_a_folder_without_our_list_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(HarnessError, match="has files that harness did not write"):
        publish(tmp_path, ONE)
    assert content(tmp_path) == {"thesis.tex": "years", MARKER: marker}


def test_a_file_of_the_user_is_never_written_over(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    publish(out, ONE)
    (out / "about.html").write_text("mine")
    elsewhere.mkdir()
    (elsewhere / "a").write_text("mine too")
    before = content(out)
    with pytest.raises(HarnessError, match=r"about\.html is in the way"):
        publish(out, TWO, **{"about.html": "ours"})
    (out / "systems").symlink_to(elsewhere)
    with pytest.raises(HarnessError, match="is in the way"):
        publish(out, TWO, systems__a="ours")
    assert (elsewhere / "a").read_text() == "mine too"
    (out / "systems").unlink()
    assert content(out) == before
    # a list that somebody wrote leads out of the folder no more than a link does
    with (out / MARKER).open("a") as file:
        file.write("../elsewhere/a\n/etc/hostname\n")
    publish(out, TWO)
    assert (elsewhere / "a").read_text() == "mine too"


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "site"

    def fail() -> None:
        with published(out, TWO) as fresh:
            (fresh / "index.html").write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert not out.exists()
    publish(out, ONE)
    before = content(out)
    with pytest.raises(OSError, match="No space"):
        fail()
    assert content(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_a_link_and_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "real", ONE)
    (tmp_path / "link").symlink_to("real")
    publish(tmp_path / "link", TWO)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real")["index.html"] == TWO
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    publish(Path(), ONE)
    assert content(tmp_path / "here")["index.html"] == ONE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "link", "real"]


def test_a_site_of_before_there_were_lists_is_brought_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "gone.html").write_text("perhaps somebody's")
    (tmp_path / MARKER).write_text(f"This folder is replaced when the results change. Made from {ONE}\n")
    publish(tmp_path, TWO)
    assert content(tmp_path)["index.html"] == TWO
    assert (tmp_path / "gone.html").exists(), "no list says that it is ours"
