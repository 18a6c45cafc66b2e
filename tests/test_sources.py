"""What is found in folders and captions files, and what each picture is called."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ImageError
from phosphene.sources import Item, scan, to_path, to_uri
from pictures import open_to_all

ODD_NAMES = ("ünïcode 雪.jpg", "two\nlines.jpg", "-rf.jpg", "$(touch gone).jpg", "a b'c\"d.JPG")


def put(folder: Path, *names: str) -> None:
    """Files of these names. Scanning opens none, so that they need hold no picture."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def coco(path: Path, captions: dict[str, list[str]], **others: Any) -> Path:
    images = [{"id": number, "file_name": name} for number, name in enumerate(captions)]
    annotations = [
        {"id": 0, "image_id": number, "caption": caption}
        for number, texts in enumerate(captions.values())
        for caption in texts
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, **others}))
    return path


def names(folder: Path, *paths: Path) -> list[str]:
    return [item.path.relative_to(folder).as_posix() for item in scan(paths or [folder])]


# ── folders and files ─────────────────────────────────────────────────────────────────────


def test_a_folder_is_walked_in_the_order_of_its_names(tmp_path: Path) -> None:
    put(tmp_path, "b.jpg", "a/2.png", "a/1.webp", "a/deep/er/x.gif", "c.bmp", "d.tif", "e.tiff", "f.jpeg")
    assert names(tmp_path) == [
        "a/1.webp", "a/2.png", "a/deep/er/x.gif", "b.jpg", "c.bmp", "d.tif", "e.tiff", "f.jpeg",
    ]  # fmt: skip


def test_endings_count_in_any_case_and_others_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.JPG", "b.Png", "notes.txt", "film.mp4", "README", "c.heic")
    assert names(tmp_path) == ["a.JPG", "b.Png"]


def test_a_file_that_is_named_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    put(tmp_path, "picture.dat", ".hidden.png")
    assert names(tmp_path, tmp_path / "picture.dat", tmp_path / ".hidden.png") == [
        "picture.dat",
        ".hidden.png",
    ]


def test_hidden_names_and_libraries_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "._a.jpg", ".thumbnails/a.png", "photos.lib/pictures/made.png")
    put(tmp_path, "photos.lib/library.json", "photos.lib/journal.sqlite", "site/library.json", "site/b.png")
    assert names(tmp_path) == ["a.jpg", "site/b.png"]


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    put(tmp_path, *ODD_NAMES)
    assert names(tmp_path) == sorted(ODD_NAMES)


def test_a_name_that_is_no_unicode_is_found(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(path)).write_bytes(b"x")
    [item] = scan([tmp_path])
    assert os.fsencode(item.path) == path


def test_each_path_comes_once_however_often_it_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    assert names(tmp_path, tmp_path / "b.jpg", tmp_path, tmp_path / "." / "x" / ".." / "b.jpg") == [
        "b.jpg",
        "a.jpg",
    ]


def test_paths_come_out_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.jpg", "-rf.jpg")
    monkeypatch.chdir(tmp_path)
    assert [item.path for item in scan([Path("a.jpg"), Path("-rf.jpg")])] == [
        tmp_path / "a.jpg",
        tmp_path / "-rf.jpg",
    ]


# ── links and what cannot be read ─────────────────────────────────────────────────────────


def test_links_are_followed_and_each_folder_is_walked_once(tmp_path: Path) -> None:
    put(tmp_path, "pictures/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "pictures/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pictures/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "pictures/b-link.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    assert names(tmp_path, tmp_path / "pictures") == [
        "pictures/a.jpg",
        "pictures/again/b.jpg",
        "pictures/b-link.jpg",
    ]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    assert names(tmp_path) == ["a.jpg", "self.jpg"]


def test_a_dangling_link_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("nowhere")
    assert names(tmp_path) == names(tmp_path, tmp_path / "a.jpg") == ["a.jpg"]


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give up being root")
def test_a_folder_that_cannot_be_listed_is_handed_on(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "secret/b.jpg")
    (tmp_path / "secret").chmod(0o700)
    code = (
        "import os, sys; from pathlib import Path; from phosphene.sources import scan\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "print([item.path.name for item in scan([Path(sys.argv[1])])])"
    )
    open_to_all(tmp_path)
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert ended.stdout.strip() == "['a.jpg', 'secret']", ended.stderr


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    with pytest.raises(ImageError, match="gone` cannot be added: no such file"):
        list(scan([tmp_path, tmp_path / "gone"]))


def test_folders_without_a_picture_are_an_error_that_says_what_is_read(tmp_path: Path) -> None:
    put(tmp_path, "a/notes.txt", "b/film.mp4")
    with pytest.raises(ImageError, match=r"there is no picture in `.*/a`, `.*/b`") as caught:
        list(scan([tmp_path / "a", tmp_path / "b"]))
    assert "webp" in caught.value.hint


def test_an_empty_folder_beside_a_full_one_is_no_error(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/notes.txt")
    assert names(tmp_path, tmp_path / "a", tmp_path / "b") == ["a/1.jpg"]


# ── captions ──────────────────────────────────────────────────────────────────────────────


def test_a_coco_file_lists_pictures_with_their_captions_in_order(tmp_path: Path) -> None:
    put(tmp_path, "pictures/a.jpg", "pictures/b.jpg", "pictures/c.jpg")
    file = coco(tmp_path / "any.JSON", {"pictures/b.jpg": ["two ", "one"], "pictures/a.jpg": []}, info={})
    assert list(scan([file])) == [
        Item(tmp_path / "pictures/b.jpg", ("two", "one")),
        Item(tmp_path / "pictures/a.jpg", ()),
    ]


def test_coco_keeps_pictures_and_annotations_in_two_folders(tmp_path: Path) -> None:
    put(tmp_path, "val2017/1.jpg", "val2017/2.jpg")
    file = coco(tmp_path / "annotations/captions_val2017.json", {"1.jpg": ["a cat"], "gone.jpg": ["a dog"]})
    assert list(scan([tmp_path / "val2017", file])) == [
        Item(tmp_path / "val2017/1.jpg", ("a cat",)),
        Item(tmp_path / "val2017/2.jpg", ()),
        Item(tmp_path / "annotations/gone.jpg", ("a dog",)),
    ]


def test_a_captions_file_in_a_folder_is_used_for_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "set/a.jpg", "set/deep/b.jpg", "set/c.jpg")
    coco(tmp_path / "set/captions.json", {"a.jpg": ["a house"], "deep/b.jpg": ["a boat"], "gone.jpg": ["x"]})
    expected = [("set/a.jpg", ("a house",)), ("set/c.jpg", ()), ("set/deep/b.jpg", ("a boat",))]
    found = [(item.path.relative_to(tmp_path).as_posix(), item.captions) for item in scan([tmp_path])]
    assert found == expected
    assert [item.captions for item in scan([tmp_path / "set", tmp_path / "set/captions.json"])][:1] == [
        ("a house",)
    ]


def test_the_lines_of_a_text_file_are_captions(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "a.txt").write_bytes("\ufeffa house\r\n\r\n  in   the snow \na house\n".encode())
    (tmp_path / "b.txt").write_bytes(b"caf\xe9\n")
    assert [item.captions for item in scan([tmp_path])] == [("a house", "in the snow"), ("caf\ufffd",)]


def test_captions_of_all_kinds_come_together_once_each(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_text("a house\nby the sea")
    coco(tmp_path / "captions.json", {"a.jpg": ["a house"]})
    other = coco(tmp_path / "more.json", {"a.jpg": ["ein Haus"]})
    assert [item.captions for item in scan([tmp_path, other])] == [("ein Haus", "a house", "by the sea")]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "Expecting value"),
        ("[]", "list indices"),
        ('{"images": []}', "no `annotations`"),
        ('{"annotations": []}', "no `images`"),
        ('{"images": [{"id": 1}], "annotations": []}', "no `file_name`"),
        ('{"images": [{"id": 1, "file_name": 7}], "annotations": []}', "int"),
        ('{"images": [{"id": 1, "file_name": "a\\u0000.jpg"}], "annotations": []}', "names no file"),
        ('{"images": [], "annotations": [{"image_id": 1}]}', "no `caption`"),
        ('{"images": [], "annotations": [{"image_id": 1, "caption": 7}]}', "int"),
        ('{"images": 7, "annotations": []}', "int"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_captions_file_that_is_none_is_an_error(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "captions.json").write_text(content)
    put(tmp_path, "a.jpg")
    for path in (tmp_path, tmp_path / "captions.json"):
        with pytest.raises(ImageError, match=r"captions\.json` is no COCO captions file") as caught:
            list(scan([path]))
        assert what in str(caught.value)
        assert "image_id" in caught.value.hint


def test_a_captions_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("nowhere")
    with pytest.raises(ImageError, match="cannot be read: no such file"):
        list(scan([tmp_path / "link.json"]))


def test_captions_are_unicode_whatever_the_json_escapes(tmp_path: Path) -> None:
    coco(tmp_path / "c.json", {"a.jpg": ["half a letter: \ud83d", "a whole one: \U0001f3e0"]})
    [item] = scan([tmp_path / "c.json"])
    assert item.captions == ("half a letter: \ufffd\ufffd\ufffd", "a whole one: \U0001f3e0")


# ── what a library calls a file ───────────────────────────────────────────────────────────


def test_files_inside_the_library_have_relative_names(tmp_path: Path) -> None:
    assert to_uri(tmp_path / "lib/pictures/a.png", tmp_path / "lib") == "pictures/a.png"
    assert to_uri(tmp_path / "library/a.png", tmp_path / "lib") == str(tmp_path / "library/a.png")


@given(
    st.binary(min_size=1, max_size=40).filter(
        lambda name: name not in (b".", b"..") and not set(name) & {0, 47}
    )
)
def test_every_name_has_a_uri_that_leads_back(name: bytes) -> None:
    path = Path("/folder") / os.fsdecode(name)
    for folder in (Path("/folder"), Path("/other")):
        uri = to_uri(path, folder)
        assert uri.encode("utf-8")
        assert to_path(uri, folder) == path
