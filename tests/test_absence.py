"""`remove --missing` removes only pictures whose files are gone for certain."""

import errno
import os
from pathlib import Path

import pytest

from adding import add_to, lance
from phosphene.journal import Journal
from phosphene.maintenance.missing import Missing, missing
from pictures import jpeg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three folders of two pictures each."""
    for number in range(6):
        path = tmp_path / "pictures" / "abc"[number // 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return tmp_path / "pictures"


@pytest.fixture
def library(folder: Path, tmp_path: Path) -> Path:
    add_to(tmp_path / "lib", folder, open_store=lance)
    return tmp_path / "lib"


def found(library: Path, under: Path | None = None) -> Missing:
    journal = Journal(library / "journal.sqlite")
    try:
        return missing(lance(library), journal, under)
    finally:
        journal.close()


def names(found: Missing) -> list[str]:
    return sorted(Path(image.uri).name for image in found.gone)


def test_a_file_that_was_deleted_is_gone(library: Path, folder: Path) -> None:
    (folder / "a/0.jpg").unlink()
    assert names(found(library)) == ["0.jpg"]
    assert found(library).unsure == {}


def test_a_link_whose_target_is_away_is_there(folder: Path, tmp_path: Path) -> None:
    (folder / "a/link.jpg").symlink_to(tmp_path / "target.jpg")
    (tmp_path / "target.jpg").write_bytes(jpeg(9))
    add_to(tmp_path / "lib", folder, open_store=lance)
    (tmp_path / "target.jpg").unlink()
    assert found(tmp_path / "lib") == Missing((), {})


def test_a_copy_that_is_left_or_out_of_reach_keeps_its_image(folder: Path, tmp_path: Path) -> None:
    (folder / "b/copy.jpg").write_bytes(jpeg(0))
    add_to(tmp_path / "lib", folder, open_store=lance)
    (folder / "a/0.jpg").unlink()
    assert names(found(tmp_path / "lib")) == []
    (folder / "b").rename(folder / "unplugged")
    assert names(found(tmp_path / "lib")) == []


@pytest.mark.parametrize("drive", ["pictures", "pictures/b"])
@pytest.mark.parametrize("left", ["nothing", "an empty folder", "a file of its name", "a dangling link"])
def test_a_drive_that_is_away_keeps_its_pictures(
    library: Path, tmp_path: Path, drive: str, left: str
) -> None:
    """Without its drive, a mount point is an empty folder or does not exist."""
    away = tmp_path / drive
    away.rename(tmp_path / "elsewhere")
    if left == "an empty folder":
        away.mkdir()
    elif left == "a file of its name":
        away.touch()
    elif left == "a dangling link":
        away.symlink_to(tmp_path / "nowhere")

    assert names(found(library)) == []
    assert sum(found(library).unsure.values()) == (6 if drive == "pictures" else 2)


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_folders_that_the_user_names_as_gone_are_gone(library: Path, folder: Path, left: str) -> None:
    for name in "bc":
        (folder / name).rename(folder.parent / name)
    if left == "an empty folder":
        (folder / "b").mkdir()

    assert names(found(library, folder / "b")) == ["2.jpg", "3.jpg"]
    assert found(library, folder / "b").unsure == {folder / "c": 2}


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG, errno.ESTALE])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_an_unreadable_folder_is_not_gone(
    library: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, what: str
) -> None:
    """Root can read everything, so the answers of the system are replaced."""
    for file in (folder / "b").iterdir():
        file.unlink()
    (folder / "b/other.txt").touch()
    lstat, scandir = Path.lstat, os.scandir

    def fail(path: Path) -> os.stat_result:
        if path.parent == folder / "b" and what == "file":
            raise OSError(code, os.strerror(code))
        return lstat(path)

    def list_(path: Path) -> object:
        if path == folder / "b" and what == "folder":
            raise OSError(code, os.strerror(code))
        return scandir(path)

    monkeypatch.setattr(Path, "lstat", fail)
    monkeypatch.setattr(os, "scandir", list_)

    for under in (None, folder):
        assert found(library, under) == Missing((), {folder / "b": 2})
