"""`phosphene watch` adds pictures as they appear, and ends cleanly at Ctrl-C."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import phosphene
from command import process, run
from phosphene.sources.watching import may_concern_pictures
from pictures import jpeg


class Watched:
    """A running `phosphene watch --json`."""

    def __init__(self, library: Path, *words: object) -> None:
        self.process = process("-L", library, "watch", *words, "--json", "--model", "landscape")

    def line(self) -> dict[str, Any]:
        """The next line of its output, which comes after the next batch."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C. Returns the exit code and what it said on stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(), self.process.communicate()[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def watched(tmp_path: Path, folder: Path) -> Iterator[Watched]:
    """A watch of an empty folder, with the library inside the folder."""
    found = Watched(folder / "photos.lib", folder, "--prune")
    yield found
    found.process.kill()
    found.process.communicate()


def test_pictures_are_added_moved_changed_and_removed_as_it_happens(folder: Path, watched: Watched) -> None:
    assert watched.line() == {"added": 0, "unchanged": 0, "failed": 0, "removed": 0}
    for at in range(3):
        (folder / f"{at}.jpg").write_bytes(jpeg(at))
    assert watched.line() == {"added": 3, "unchanged": 0, "failed": 0, "removed": 0}
    (folder / "0.jpg").rename(folder / "moved.jpg")
    (folder / "1.txt").write_text("a house by the sea")
    (folder / "2.jpg").unlink()
    assert watched.line() == {"added": 0, "unchanged": 2, "failed": 0, "removed": 1}
    code, said = watched.end()
    assert code == 130 and said.strip().endswith("Interrupted: what was added is kept")
    with phosphene.open(folder / "photos.lib") as library:
        held = {library.path(image).name: image.caption for image in library.store.iterate()}
    assert held == {"moved.jpg": "", "1.jpg": "a house by the sea"}


def test_a_folder_that_does_not_exist_cannot_be_watched(tmp_path: Path) -> None:
    ended = run("-L", tmp_path / "lib", "watch", tmp_path / "gone")
    assert ended.exit_code == 2 and "does not exist" in ended.stderr


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("a.jpg", True), ("in/a.PNG", True), ("a.txt", True), ("captions.json", True), ("folder", True),
        ("a.mov", False), (".a.jpg", False), (".cache/a.jpg", False), ("@eaDir/a.jpg", False),
        ("photos.lib/store/a.json", False), ("../other/a.jpg", False),
    ],
)  # fmt: skip
def test_changes_that_concern_no_picture_are_passed_over(tmp_path: Path, name: str, may: bool) -> None:
    path = Path(*(tmp_path / name).parts) if ".." not in name else tmp_path.parent / "other/a.jpg"
    assert may_concern_pictures(path, [tmp_path], tmp_path / "photos.lib") == may
