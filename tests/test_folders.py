"""Which files in folders count: patterns, what systems keep for themselves, and paths on standard input."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources import Item, ScanOptions, Source, scan, to_path
from phosphene.sources.globs import Globs
from phosphene.sources.kinds import kind_of
from phosphene.testing.sources import SourceTests
from pictures import jpeg


def put(folder: Path, *names: str) -> None:
    """Files with these names. They need no pictures, because scanning does not open them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(folder: Path, options: ScanOptions | None = None) -> list[str]:
    return [relative(found, folder) for found in scan([folder], options)]


def relative(found: Item | Failure, folder: Path) -> str:
    return to_path(found.uri, Path("/")).relative_to(folder).as_posix()


# ── patterns ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [
        ("*.png", ["a.png", "b/A.PNG"], ["a.png.jpg", "a.jpg"]),
        ("raw", ["raw", "raw/a.jpg", "b/raw/c/a.jpg"], ["raws/a.jpg", "a/raw.jpg"]),
        ("raw/", ["raw/a.jpg", "b/raw/a.jpg", "raw/"], ["raw", "b/raw"]),
        ("/raw", ["raw", "raw/a.jpg"], ["b/raw/a.jpg"]),
        ("2024/raw", ["2024/raw/a.jpg"], ["b/2024/raw/a.jpg", "2024/a/raw"]),
        ("2024/**/raw/", ["2024/raw/a", "2024/a/b/raw/a"], ["2024/rawa"]),
        ("**/raw", ["raw", "a/b/raw"], ["draw"]),
        ("2024/**", ["2024/a", "2024/a/b"], ["2024"]),
        ("*/a.jpg", ["b/a.jpg"], ["a.jpg", "b/c/a.jpg"]),
        ("IMG_?.jpg", ["img_1.jpg"], ["img_12.jpg", "img_/.jpg"]),
        ("[a-c].jpg", ["a.jpg", "d/c.jpg"], ["d.jpg"]),
        ("[!a-c].jpg", ["d.jpg"], ["a.jpg", "/.jpg"]),
        ("a[1].jpg", ["a1.jpg"], ["a[1].jpg"]),
        ("[", ["[", "a/["], ["a"]),
        ("a.(b)+$", ["a.(b)+$"], ["a.bb"]),
        (normalize("NFD", "é.jpg"), [normalize("NFC", "É.jpg")], ["e.jpg"]),
        ("two*.jpg", ["two\nlines.jpg"], []),
    ],
)
def test_patterns_mean_what_they_mean_in_gitignore(pattern: str, paths: list[str], others: list[str]) -> None:
    globs = Globs.of([pattern])
    assert globs
    assert [path for path in [*paths, *others] if globs.match(path)] == paths


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    globs = Globs.of([pattern])
    assert globs is None or globs.match(path) in (True, False)


def test_several_patterns_choose_the_files(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.png", "raw/c.jpg", "raw/d.png", "e/raw/f.jpg", "e/g.webp")
    assert names(tmp_path, ScanOptions(exclude=("raw/",))) == ["a.jpg", "b.png", "e/g.webp"]
    assert names(tmp_path, ScanOptions(include=("*.jpg", "*.webp"))) == [
        "a.jpg", "e/g.webp", "e/raw/f.jpg", "raw/c.jpg",
    ]  # fmt: skip
    assert names(tmp_path, ScanOptions(include=("e/", "/raw"), exclude=("*.png", "g.*"))) == [
        "e/raw/f.jpg",
        "raw/c.jpg",
    ]


def test_patterns_are_relative_to_each_folder_that_is_named(tmp_path: Path) -> None:
    put(tmp_path, "x/raw/a.jpg", "x/b.jpg", "x/deep/raw/c.jpg", "y/raw/d.jpg", "y/e.jpg")
    found = scan([tmp_path / "x", tmp_path / "y"], ScanOptions(exclude=("/raw",)))
    assert [relative(item, tmp_path) for item in found] == ["x/b.jpg", "x/deep/raw/c.jpg", "y/e.jpg"]
    found = scan([tmp_path / "x/raw"], ScanOptions(exclude=("raw",)))
    assert [relative(item, tmp_path) for item in found] == ["x/raw/a.jpg"], "what is named is never left out"


def test_a_folder_that_is_excluded_is_not_even_listed(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "raw/captions.json", "raw/film.mov")
    found = scan([tmp_path], ScanOptions(exclude=("raw/",)))
    assert [relative(item, tmp_path) for item in found] == ["a.jpg"], "its captions file is not a failure"
    assert not found.left_out


def test_patterns_hold_for_files_that_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.png")
    found = scan([tmp_path / "a.jpg", tmp_path / "b.png"], ScanOptions(exclude=("*.png",)))
    assert [relative(item, tmp_path) for item in found] == ["a.jpg"]


# ── what is left out ──────────────────────────────────────────────────────────────────────


def test_what_systems_and_devices_keep_for_themselves_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/b.jpg", "$RECYCLE.BIN/S-1/c.jpg")
    put(tmp_path, ".Trash-1000/files/d.jpg", "node_modules/e/f.png", "__MACOSX/._a.jpg", "@Recycle/g.jpg")
    put(tmp_path, "lost+found/h.jpg", "System Volume Information/i.jpg", ".@__thumb/j.jpg", "#snapshot/k.jpg")
    assert names(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("inner", ["originals", "Masters"])
def test_an_apple_photo_library_has_its_originals(tmp_path: Path, inner: str) -> None:
    library = tmp_path / "Photos.photoslibrary"
    put(library, f"{inner}/A/1.jpg", "resources/derivatives/1.jpg", "Thumbnails/2.jpg", "database/3.jpg")
    put(tmp_path, "resources/b.jpg")
    assert names(tmp_path) == [f"Photos.photoslibrary/{inner}/A/1.jpg", "resources/b.jpg"]
    assert names(library) == [f"{inner}/A/1.jpg"]


def test_files_of_other_kinds_are_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "a.txt", "b.MOV", "c.mov", "deep/d.pdf", "README", ".hidden.mov", "Thumbs.db")
    found = scan([tmp_path])
    assert [relative(item, tmp_path) for item in found] == ["a.jpg"]
    assert found.left_out == {".mov": 2, ".pdf": 1, "": 1}


def test_the_error_says_what_a_folder_has_instead_of_pictures(tmp_path: Path) -> None:
    put(tmp_path, "a.mov", "b.mov", "c.pdf")
    with pytest.raises(ImageError, match=r"There is no picture in `.*`, only 2 \.mov, 1 \.pdf\."):
        list(scan([tmp_path]))


class TestStandardInput(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
        names = ("a.jpg", "in/two\nlines.jpg", "in/ünïcode 雪.jpg")
        put(tmp_path, *names, "in/notes.mov")
        for number, name in enumerate(names):
            (tmp_path / name).write_bytes(jpeg(number))
        content = f"{tmp_path}/a.jpg\0{tmp_path}/in\0{tmp_path}/other.dat\0".encode()
        (tmp_path / "other.dat").write_bytes(jpeg(3))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return kind_of("-").open(["-"], ScanOptions())


# ── standard input ────────────────────────────────────────────────────────────────────────

Feed = Callable[[bytes], None]


class Pipe(io.BytesIO):
    """What comes through a pipe: a few bytes at a time."""

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(7 if self.getbuffer().nbytes < 1000 else -1)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Feed:
    """A function that writes to standard input. The current folder is that of the test."""
    monkeypatch.chdir(tmp_path)

    def write(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(content)))

    return write


def test_paths_come_from_standard_input(tmp_path: Path, feed: Feed) -> None:
    put(tmp_path, "b.jpg", "in/a.png", "in/notes.mov", "ünïcode 雪.jpg", "-.jpg")
    (tmp_path / "b.txt").write_text("a house")
    feed("b.jpg\n\nin\nünïcode 雪.jpg\n-.jpg".encode())
    found = list(scan("-"))
    assert [relative(item, tmp_path) for item in found] == ["b.jpg", "in/a.png", "ünïcode 雪.jpg", "-.jpg"]
    assert isinstance(found[0], Item) and found[0].captions == ("a house",)


def test_a_nul_ends_names_with_newlines(tmp_path: Path, feed: Feed) -> None:
    put(tmp_path, "a.jpg", "two\nlines.jpg")
    path = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(path)).write_bytes(b"x")
    feed(b"a.jpg\0two\nlines.jpg\0" + path)
    assert [os.fsencode(to_path(item.uri, Path())) for item in scan("-")][1:] == [
        os.fsencode(tmp_path / "two\nlines.jpg"),
        path,
    ]


def test_each_picture_on_standard_input_comes_once(tmp_path: Path, feed: Feed) -> None:
    put(tmp_path, "in/a.jpg", "in/b.jpg")
    feed(b"in\nin/a.jpg\n./in/b.jpg\nin\n")
    with scan(["-", "-"]) as found:
        assert [relative(item, tmp_path) for item in found] == ["in/a.jpg", "in/b.jpg"]


def test_what_is_not_there_is_one_failure_and_the_rest_goes_on(tmp_path: Path, feed: Feed) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    feed(b"a.jpg\ngone.jpg\nnothing:5\nb.jpg\n-\n")
    first, gone, unknown, last, dash = scan("-")
    assert isinstance(gone, Item) and isinstance(dash, Item)
    with pytest.raises(ImageError, match="does not exist"):
        gone.open()
    assert isinstance(unknown, Failure)
    assert (unknown.uri, unknown.reason[:36]) == ("nothing:5", "`nothing:5` cannot be added: there i")
    assert [relative(item, tmp_path) for item in (first, last, dash)] == ["a.jpg", "b.jpg", "-"]


def test_pictures_come_while_standard_input_is_still_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as end, os.fdopen(writing, "wb", buffering=0) as start:
        monkeypatch.setattr(sys, "stdin", end)
        with scan("-") as found:
            start.write(f"{tmp_path}/a.jpg\n".encode())
            first = next(found)
            assert isinstance(first, Item) and first.open() == jpeg(0)
            start.close()
            assert list(found) == []


def test_something_else_than_paths_is_an_error(feed: Feed) -> None:
    feed(b"\xff" * (3 << 19))
    with pytest.raises(ImageError, match="Standard input has no paths"):
        list(scan("-"))
    feed(b"")
    with pytest.raises(ImageError, match="There is no picture in `-`"):
        list(scan("-"))


def test_standard_input_that_was_read_can_be_listed_again(tmp_path: Path, feed: Feed) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    feed(b"a.jpg\nb.jpg\n")
    source = kind_of("-").open(["-"], ScanOptions())
    assert list(source.items()) == list(source.items())
