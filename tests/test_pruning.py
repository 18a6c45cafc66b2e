"""`add --prune` removes the images whose files are gone, and nothing that may only be out of reach."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import phosphene
from command import lines, run
from pictures import jpeg, open_to_all
from tars import tar


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pictures in two folders below it."""
    for at, name in enumerate(("a/0.jpg", "a/1.jpg", "b/2.jpg", "b/3.jpg")):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(at))
    return tmp_path / "pictures"


def add(library: Path, *words: object) -> dict[str, Any]:
    [record] = lines("-L", library, "add", *words, "--model", "landscape")
    return record


def held(library: Path) -> set[str]:
    """The names of the files and of the members that a library has."""
    with phosphene.open(library) as opened:
        return {image.uri.rpartition("/")[2].rpartition("#")[2] for image in opened.store.iterate()}


def test_images_whose_files_are_gone_are_removed(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    assert add(library, folder, "--prune", "--yes")["removed"] == 0
    (folder / "a/0.jpg").unlink()
    shutil.rmtree(folder / "b")
    record = add(library, folder, "--prune", "--yes")
    assert (record["added"], record["unchanged"], record["removed"]) == (0, 1, 3)
    assert held(library) == {"1.jpg"}


def test_files_that_were_moved_or_changed_are_followed_by_their_content(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    (folder / "a/0.jpg").rename(folder / "b/moved.jpg")
    (folder / "a/1.jpg").write_bytes(jpeg(9))
    shutil.copy(folder / "b/2.jpg", folder / "a/copy.jpg")
    (folder / "b/2.jpg").unlink()
    record = add(library, folder, "--prune", "--yes")
    assert (record["added"], record["removed"]) == (1, 0)
    assert held(library) == {"moved.jpg", "1.jpg", "copy.jpg", "3.jpg"}


def test_without_a_terminal_it_asks_for_yes_and_keeps_what_was_added(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    (folder / "a/0.jpg").unlink()
    ended = run("-L", library, "add", folder, "--prune")
    assert ended.exit_code == 2 and "Remove 1 images whose files are gone" in ended.stderr
    assert len(held(library)) == 4


def test_only_what_lies_below_the_named_folders_is_removed(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    (folder / "a/0.jpg").unlink()
    (folder / "b/2.jpg").unlink()
    assert add(library, folder / "b", "--prune", "--yes")["removed"] == 1
    assert held(library) == {"0.jpg", "1.jpg", "3.jpg"}


def test_patterns_hide_files_from_a_scan_and_prune_none(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    assert add(library, folder, "--exclude", "0.jpg", "--prune", "--yes")["removed"] == 0


def test_an_empty_folder_may_be_an_unmounted_drive(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    for path in (folder / "b").iterdir():
        path.unlink()
    ended = run("-L", library, "add", folder, "--prune", "--yes")
    assert "removed 0" in ended.stdout and "is empty, and may be a drive that is not mounted" in ended.stderr
    shutil.rmtree(folder / "a")
    ended = run("-L", library, "add", folder, tmp_path / "pictures" / "b", "--prune", "--yes")
    assert ended.exit_code == 1 and "There is no picture in" in ended.stderr and len(held(library)) == 4


def test_nothing_goes_from_a_place_in_which_nothing_was_found(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    shutil.rmtree(folder / "b")
    (folder / "b").mkdir()
    (folder / "b/notes.txt").touch()
    ended = run("-L", library, "add", folder / "a", folder / "b", "--prune", "--yes")
    assert "removed 0" in ended.stdout and f"nothing was found in `{folder}/b`" in ended.stderr


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give up being root")
def test_a_folder_that_cannot_be_listed_hides_what_is_gone(tmp_path: Path, folder: Path) -> None:
    library = tmp_path / "lib"
    add(library, folder)
    (folder / "a/0.jpg").unlink()
    open_to_all(tmp_path)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    (folder / "b").chmod(0)
    code = (
        "import os, sys; from command import run\n"
        "run('-L', sys.argv[1] + '2', 'add', sys.argv[2], '--model', 'landscape')  # imports everything\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "print(run('-L', sys.argv[1], 'add', sys.argv[2], '--prune', '--yes').output)"
    )
    words = [sys.executable, "-c", code, str(library), str(folder)]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(words, capture_output=True, text=True, env=here)
    assert "removed 0" in ended.stdout and f"`{folder}/b` could not be read" in ended.stdout, ended


def test_members_that_are_gone_from_a_whole_tar_are_removed(tmp_path: Path) -> None:
    library, shards = tmp_path / "lib", tmp_path / "{0..1}.tar"
    tar(tmp_path / "0.tar", {"0.jpg": jpeg(0), "1.jpg": jpeg(1)})
    tar(tmp_path / "1.tar", {"2.jpg": jpeg(2)})
    add(library, shards)
    tar(tmp_path / "0.tar", {"0.jpg": jpeg(0)})
    os.truncate(tmp_path / "1.tar", 700)
    assert add(library, shards, "--prune", "--yes")["removed"] == 0, "one of the two is cut off"
    assert add(library, tmp_path / "0.tar", "--prune", "--yes")["removed"] == 1
    assert held(library) == {"0.jpg", "2.jpg"}


def test_other_kinds_of_sources_cannot_be_pruned(tmp_path: Path, folder: Path) -> None:
    ended = run("-L", tmp_path / "lib", "add", folder, folder / "a/0.jpg", "--prune", "--yes")
    assert ended.exit_code == 1 and "neither a folder nor a tar" in ended.stderr
    assert not (tmp_path / "lib").exists()
