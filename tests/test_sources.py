"""Pictures and captions are found in folders and captions files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources import Item, Source, file_item, fullest, is_remote, open_source, scan, to_path, to_uri
from phosphene.sources.kinds import by_kind, kind_of
from phosphene.sources.local_files import LocalFiles
from phosphene.sources.uris import part_of, part_uri, uri_in
from phosphene.testing.sources import SourceTests
from pictures import drawn, encoded, jpeg, open_to_all

ODD_NAMES = ("ünïcode 雪.jpg", "two\nlines.jpg", "-rf.jpg", "$(touch gone).jpg", "a b'c\"d.JPG")


def put(folder: Path, *names: str) -> None:
    """Files with these names. They need no pictures, because scanning does not open them."""
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


def path_of(found: Item | Failure) -> Path:
    return to_path(found.uri, Path("/"))


def captions_of(found: Item | Failure) -> tuple[str, ...]:
    assert isinstance(found, Item)
    return found.captions


def reason_of(found: Item | Failure) -> str:
    assert isinstance(found, Failure)
    return found.reason


def names(folder: Path, *paths: Path) -> list[str]:
    return [path_of(item).relative_to(folder).as_posix() for item in scan(paths or [folder])]


# ── the conformance suite ─────────────────────────────────────────────────────────────────


class TestFolder(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        put(tmp_path, "not a picture.txt", "in/captions.json")
        for number, name in enumerate(("a.jpg", "in/b.jpg", "in/ünïcode 雪.jpg")):
            (tmp_path / name).write_bytes(jpeg(number))
        (tmp_path / "a.txt").write_text("a house\nby the sea")
        return LocalFiles([tmp_path])


class TestCaptionsFile(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        for number in range(3):
            (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        captions = {f"{number}.jpg": [f"house {number}", "a house"] for number in range(3)}
        return LocalFiles([coco(tmp_path / "captions.json", captions)])


class TestFileScheme(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        for number in range(2):
            (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        return open_source(tmp_path.as_uri())


# ── folders and files ─────────────────────────────────────────────────────────────────────


def test_a_folder_is_walked_in_the_order_of_its_names(tmp_path: Path) -> None:
    put(tmp_path, "b.jpg", "a/2.png", "a/1.webp", "a/deep/er/x.gif", "c.bmp", "d.tif", "e.tiff", "f.jpeg")
    assert names(tmp_path) == [
        "a/1.webp", "a/2.png", "a/deep/er/x.gif", "b.jpg", "c.bmp", "d.tif", "e.tiff", "f.jpeg",
    ]  # fmt: skip


def test_endings_count_in_any_case_and_others_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.JPG", "b.Png", "notes.txt", "film.mp4", "README", "c.psd")
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
    assert os.fsencode(path_of(item)) == path


def test_each_path_comes_once_however_often_it_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    assert names(tmp_path, tmp_path / "b.jpg", tmp_path, tmp_path / "." / "x" / ".." / "b.jpg") == [
        "b.jpg",
        "a.jpg",
    ]


def test_paths_come_out_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.jpg", "-rf.jpg")
    monkeypatch.chdir(tmp_path)
    assert [path_of(item) for item in scan([Path("a.jpg"), Path("-rf.jpg")])] == [
        tmp_path / "a.jpg",
        tmp_path / "-rf.jpg",
    ]


# ── links and unreadable files ────────────────────────────────────────────────────────────


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
        "print([Path(item.uri).name for item in scan([Path(sys.argv[1])])])"
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
    with pytest.raises(ImageError, match=r"There is no picture in `.*/a`, `.*/b`") as caught:
        list(scan([tmp_path / "a", tmp_path / "b"]))
    assert "webp" in caught.value.hint


def test_a_source_is_closed_although_another_one_fails(tmp_path: Path) -> None:
    class Broken:
        closed = False

        def items(self) -> Any:
            raise ImageError("gone")

        def close(self) -> None:
            self.closed = True

    first, second = Broken(), Broken()
    with pytest.raises(ImageError, match="gone"), scan([first, second]) as items:
        next(items)
    assert first.closed and second.closed


def test_an_empty_folder_beside_a_full_one_is_no_error(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/notes.txt")
    assert names(tmp_path, tmp_path / "a", tmp_path / "b") == ["a/1.jpg"]


# ── captions ──────────────────────────────────────────────────────────────────────────────


def test_a_coco_file_lists_pictures_with_their_captions_in_order(tmp_path: Path) -> None:
    put(tmp_path, "pictures/a.jpg", "pictures/b.jpg", "pictures/c.jpg")
    file = coco(tmp_path / "any.JSON", {"pictures/b.jpg": ["two ", "one"], "pictures/a.jpg": []}, info={})
    assert list(scan([file])) == [
        file_item(tmp_path / "pictures/b.jpg", ("two", "one")),
        file_item(tmp_path / "pictures/a.jpg", ()),
    ]


def test_coco_keeps_pictures_and_annotations_in_two_folders(tmp_path: Path) -> None:
    put(tmp_path, "val2017/1.jpg", "val2017/2.jpg")
    file = coco(tmp_path / "annotations/captions_val2017.json", {"1.jpg": ["a cat"], "gone.jpg": ["a dog"]})
    assert list(scan([tmp_path / "val2017", file])) == [
        file_item(tmp_path / "val2017/1.jpg", ("a cat",)),
        file_item(tmp_path / "val2017/2.jpg", ()),
        file_item(tmp_path / "annotations/gone.jpg", ("a dog",)),
    ]


def test_a_captions_file_in_a_folder_is_used_for_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "set/a.jpg", "set/deep/b.jpg", "set/c.jpg")
    coco(tmp_path / "set/captions.json", {"a.jpg": ["a house"], "deep/b.jpg": ["a boat"], "gone.jpg": ["x"]})
    expected = [("set/a.jpg", ("a house",)), ("set/c.jpg", ()), ("set/deep/b.jpg", ("a boat",))]
    found = [(path_of(item).relative_to(tmp_path).as_posix(), captions_of(item)) for item in scan([tmp_path])]
    assert found == expected
    assert [captions_of(item) for item in scan([tmp_path / "set", tmp_path / "set/captions.json"])][:1] == [
        ("a house",)
    ]


def test_the_lines_of_a_text_file_are_captions(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_bytes("\ufeffa house\r\n\r\n  in   the snow \na house\n".encode())
    assert [captions_of(item) for item in scan([tmp_path])] == [("a house", "in the snow")]


def test_captions_of_all_kinds_come_together_once_each(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_text("a house\nby the sea")
    coco(tmp_path / "captions.json", {"a.jpg": ["a house"]})
    other = coco(tmp_path / "more.json", {"a.jpg": ["ein Haus"]})
    assert [captions_of(item) for item in scan([tmp_path, other])] == [("ein Haus", "a house", "by the sea")]


NO_COCO = {
    "": "Expecting value",
    "[]": "list indices",
    '{"a.jpg": "a tree"}': "no `images`",
    '{"annotations": []}': "no `images`",
    '{"images": 7, "annotations": []}': "must be lists",
    '{"images": [], "annotations": {"1": "a"}}': "must be lists",
    '{"images": [{"id": 1}], "annotations": []}': "`file_name`",
    '{"images": [{"id": 1, "file_name": 7}]}': "`file_name`",
    '{"images": [1, null, []]}': "`file_name`",
    "[" * 100_000: "recursion",
    '{"images": [{"id": 1' + "0" * 5000 + "}]}": "digits",
    '{"images": [' + "\0": "not text",
}  # fmt: skip


@pytest.mark.parametrize("content", NO_COCO, ids=NO_COCO.values())
def test_a_named_file_that_is_not_a_captions_file_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "captions.json").write_text(content)
    put(tmp_path, "a.jpg")
    with pytest.raises(ImageError, match=r"captions\.json` is not a COCO captions file") as caught:
        list(scan([tmp_path, tmp_path / "captions.json"]))
    assert NO_COCO[content] in str(caught.value)
    assert "image_id" in caught.value.hint
    picture, fault = scan([tmp_path])
    assert picture == file_item(tmp_path / "a.jpg")
    assert path_of(fault) == tmp_path / "captions.json"
    assert NO_COCO[content] in reason_of(fault)


def test_no_odd_captions_file_anywhere_below_stops_a_scan(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg", "d/4.jpg", "e/5.jpg", "f/6.jpg")
    (tmp_path / "a/captions.json").mkdir()
    os.mkfifo(tmp_path / "b/captions.json")
    (tmp_path / "c/captions.json").symlink_to("nowhere")
    (tmp_path / "d/captions.json").symlink_to("/dev/zero")
    with (tmp_path / "e/captions.json").open("wb") as file:
        file.truncate(3 << 30)  # takes no room on the disk
    coco(tmp_path / "f/captions.json", {"6.jpg": ["a house"]})
    items = list(scan([tmp_path]))
    assert [path_of(item).name for item in items if isinstance(item, Item)] == [
        f"{n}.jpg" for n in range(1, 7)
    ]
    said = {path_of(item).parent.name: item.reason for item in items if isinstance(item, Failure)}
    reasons = ("a folder.", "not a file.", "a missing file.", "not a file.", "larger than 1 GB.")
    assert list(said) == list("abcde")
    assert all(fault.endswith(reason) for fault, reason in zip(said.values(), reasons, strict=True))


def test_no_odd_text_file_stops_a_scan(tmp_path: Path) -> None:
    put(tmp_path, "1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg", "6.jpg")
    (tmp_path / "1.txt").mkdir()
    os.mkfifo(tmp_path / "2.txt")
    (tmp_path / "3.txt").write_bytes(encoded(drawn(1)))
    with (tmp_path / "4.txt").open("wb") as file:
        file.truncate(2 << 30)
    (tmp_path / "5.txt").symlink_to("/dev/zero")
    (tmp_path / "6.txt").write_text("a house")
    items = list(scan([tmp_path]))
    assert [item.captions for item in items if isinstance(item, Item)] == [(), (), (), (), (), ("a house",)]
    said = {path_of(item).name: item.reason for item in items if isinstance(item, Failure)}
    reasons = (
        "it is a folder",
        "it is not a file",
        "it is not text",
        "it is larger than 1 MB",
        "it is not a file",
    )
    assert [fault.removeprefix("its captions cannot be read: ") for fault in said.values()] == list(reasons)
    assert list(said) == ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt"]


# ── oddities in captions files ────────────────────────────────────────────────────────────


def listed(
    tmp_path: Path, images: list[Any], annotations: list[Any]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The captions from a captions file by the names of pictures, and the reasons of failures."""
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    items = list(scan([tmp_path / "c.json"]))
    found = {
        path_of(item).relative_to(tmp_path).as_posix(): captions_of(item)
        for item in items
        if isinstance(item, Item)
    }
    return found, [item.reason for item in items if isinstance(item, Failure)]


def test_ids_that_are_texts_match_those_that_are_numbers(tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": "a.jpg"},
        {"id": "2", "file_name": "b.jpg"},
        {"id": "x", "file_name": "c.jpg"},
    ]
    annotations = [{"image_id": id, "caption": f"of {id}"} for id in ("1", 2, 2.0, "x", " 1 ")]
    expected = {"a.jpg": ("of 1",), "b.jpg": ("of 2", "of 2.0"), "c.jpg": ("of x",)}
    assert listed(tmp_path, images, annotations) == (expected, [])


def test_an_id_of_two_images_gives_neither_a_caption(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": name} for name in ("a.jpg", "b.jpg")]
    images += [{"id": 2, "file_name": "c.jpg"}, {"id": 2, "file_name": "./c.jpg"}]
    annotations = [{"image_id": 1, "caption": "a"}, {"image_id": 2, "caption": "c"}]
    captions, said = listed(tmp_path, images, annotations)
    assert captions == {"a.jpg": (), "b.jpg": (), "c.jpg": ("c",)}
    assert said == ["the id 1 is that of 2 images, so it gives them no captions"]


def test_entries_that_are_odd_are_passed_over_and_counted(tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": "a.jpg"},
        {"id": 2},
        {"file_name": "b.jpg"},
        None,
        {"id": True, "file_name": "c"},
    ]
    annotations = [
        {"image_id": 1, "caption": None}, {"image_id": 1, "caption": " ok "}, {"image_id": 1, "caption": 7},
        {"image_id": 1}, {"caption": "x"}, "x", {"image_id": 9, "caption": "y"},
        {"image_id": [1], "caption": "z"},
    ]  # fmt: skip
    captions, said = listed(tmp_path, images, annotations)
    assert captions == {"a.jpg": ("ok",)}
    assert said == [
        "an image has no `id` or no `file_name` (and 3 more like this)",
        "an annotation has no `image_id` or no `caption` (and 4 more like this)",
        "an annotation is for the image 9, which is not listed",
    ]


def test_a_file_without_annotations_lists_its_pictures_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"images": [{"id": 1, "file_name": "a.jpg"}]}')
    picture, fault = scan([tmp_path / "c.json"])
    assert picture == file_item(tmp_path / "a.jpg")
    assert reason_of(fault) == "it has no `annotations`, so it gives no captions"


@pytest.mark.parametrize(("listed_as", "on_disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_match_however_their_accents_are_spelled(tmp_path: Path, listed_as: Any, on_disk: Any) -> None:
    place = normalize(on_disk, "été/café.jpg")
    put(tmp_path, place, normalize(on_disk, "né.jpg"))
    (tmp_path / normalize(listed_as, "né.txt")).write_text("born")
    file = coco(tmp_path / "c.json", {normalize(listed_as, "été/café.jpg"): ["a café"]})
    assert [(str(path_of(item).relative_to(tmp_path)), captions_of(item)) for item in scan([file])] == [
        (place, ("a café",))
    ]
    file.rename(tmp_path / "captions.json")
    assert {normalize("NFC", path_of(item).name): captions_of(item) for item in scan([tmp_path])} == {
        "né.jpg": ("born",),
        "café.jpg": ("a café",),
    }


def test_a_name_that_is_there_as_written_is_that_file(tmp_path: Path) -> None:
    both = [normalize(form, "café.jpg") for form in ("NFC", "NFD")]
    put(tmp_path, *both)
    file = coco(tmp_path / "c.json", {name: [form] for name, form in zip(both, ("NFC", "NFD"), strict=True)})
    assert [(path_of(item).name, captions_of(item)) for item in scan([file])] == [
        (both[0], ("NFC",)),
        (both[1], ("NFD",)),
    ]


def test_backslashes_separate_folders_unless_a_name_has_them(tmp_path: Path) -> None:
    put(tmp_path, "deep/a.jpg", "b\\c.jpg")
    file = coco(tmp_path / "c.json", {"deep\\a.jpg": ["a"], "b\\c.jpg": ["c"]})
    assert list(scan([file])) == [
        file_item(tmp_path / "deep/a.jpg", ("a",)),
        file_item(tmp_path / "b\\c.jpg", ("c",)),
    ]


def test_a_captions_file_speaks_of_its_own_folder_and_of_those_that_are_named(tmp_path: Path) -> None:
    put(tmp_path, "set/in.jpg", "other/out.jpg", "far/away.jpg")
    absolute = str(tmp_path / "other/out.jpg")
    file = coco(
        tmp_path / "set/c.json", {"../other/out.jpg": ["up"], absolute: ["abs"], "x/../in.jpg": ["in"]}
    )
    *pictures, fault = scan([file])
    assert pictures == [file_item(tmp_path / "set/in.jpg", ("in",))]
    assert reason_of(fault).startswith("`../other/out.jpg` lies outside of its folder")
    assert reason_of(fault).endswith("(and 1 more like this)")
    assert list(scan([file, tmp_path / "other"])) == [
        file_item(tmp_path / "other/out.jpg", ("up", "abs")), file_item(tmp_path / "set/in.jpg", ("in",)),
    ]  # fmt: skip


def test_a_captions_file_that_is_met_says_nothing_of_other_folders(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/2.jpg")
    coco(tmp_path / "a/captions.json", {"../b/2.jpg": ["a lie"], "1.jpg": ["true"]})
    assert [captions_of(item) for item in list(scan([tmp_path]))[:2]] == [("true",), ()]


@pytest.mark.parametrize("name", ["", " ", "a\0.jpg", "\ud83d.jpg", "x" * 5000 + ".jpg", ".", "..", "/"])
def test_a_name_that_no_file_can_have_stops_nothing(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.jpg")
    file = coco(tmp_path / "c.json", {name: ["x"], "a.jpg": ["a"]})
    items = list(scan([file]))
    assert file_item(tmp_path / "a.jpg", ("a",)) in items
    for item in items:
        if isinstance(item, Item) and path_of(item).name != "a.jpg":
            with pytest.raises(ImageError):
                item.open()


# ── encodings and languages ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("encoding", "caption"), [
    *((encoding, "a red house") for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")),
    *((encoding, "красный дом в снегу") for encoding in ("utf-16", "utf-16-le", "utf-16-be")),
    ("cp1251", "красный дом в снегу"), ("koi8-r", "красный дом в снегу"),
    ("cp1252", "café"), ("latin-1", "ein schönes Haus am Fluß"), ("cp1252", "une forêt dorée à l’automne"),
    ("cp1252", "El niño está en la montaña"), ("cp1250", "żółta łódź na jeziorze"), ("cp1250", "dům u řeky"),
    ("cp1254", "karda kırmızı bir ev, güneşli gökyüzü"), ("cp1253", "ένα κόκκινο σπίτι στο χιόνι"),
    ("cp932", "山の上に大きな木がある。空は青い。"), ("gb18030", "一座红色的房子在雪地里，天空很蓝。"),
    ("cp949", "눈 속의 빨간 집"), ("big5", "雪地裡的紅房子，天空很藍"),
])  # fmt: skip
def test_captions_are_read_in_the_encoding_that_they_were_saved_in(
    tmp_path: Path, encoding: str, caption: str
) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_bytes(f"{caption}\nsnow\n".encode(encoding))
    assert [captions_of(item) for item in scan([tmp_path])] == [(caption, "snow")]


@pytest.mark.parametrize(
    "content", ["собака".encode("cp1251"), "café dorée".encode("mac-roman"), b"a\0b", b"\xff\xfea"]
)
def test_captions_in_an_encoding_that_cannot_be_told_are_named(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_bytes(content)
    picture, fault = scan([tmp_path])
    assert picture == file_item(tmp_path / "a.jpg")
    assert (path_of(fault).name, reason_of(fault)[:27]) == ("a.txt", "its captions cannot be read")


def test_captions_files_are_read_in_other_encodings_too(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    images, annotations = [{"id": 1, "file_name": "a.jpg"}], [{"image_id": 1, "caption": "café"}]
    whole = json.dumps({"images": images, "annotations": annotations}, ensure_ascii=False)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"):
        (tmp_path / "c.json").write_bytes(whole.encode(encoding))
        assert list(scan([tmp_path / "c.json"])) == [file_item(tmp_path / "a.jpg", ("café",))]


def test_the_fullest_caption_is_found_within_one_language() -> None:
    german, english, short = "de.utf8=ein sehr großes Haus", "en.utf8=a big house", "en.utf8=a house"
    assert fullest([german, short, english]) == english
    assert fullest([german, english, "house"]) == "house"
    assert fullest(["fr_FR.UTF-8=une maison", german]) == "fr_FR.UTF-8=une maison"
    assert fullest([german, "de_AT.utf8=ein Haus"]) == german
    assert fullest(["a house", "a red house: x.utf8=y"]) == "a red house: x.utf8=y"
    assert fullest([]) == ""


def test_lines_in_several_languages_stay_captions(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    lines = ("de.utf8=ein sehr großes rotes Haus", "en.utf8=a house")
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    assert [captions_of(item) for item in scan([tmp_path])] == [lines]


def test_a_captions_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("nowhere")
    with pytest.raises(ImageError, match="cannot be read: it is a link to a missing file"):
        list(scan([tmp_path / "link.json"]))


def test_captions_are_unicode_whatever_the_json_escapes(tmp_path: Path) -> None:
    coco(tmp_path / "c.json", {"a.jpg": ["half a letter: \ud83d", "a whole one: \U0001f3e0"]})
    [item] = scan([tmp_path / "c.json"])
    assert captions_of(item) == ("half a letter: \ufffd\ufffd\ufffd", "a whole one: \U0001f3e0")


# ── the URIs of files ─────────────────────────────────────────────────────────────────────


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


def test_a_file_that_is_named_like_an_address_is_still_a_file(tmp_path: Path) -> None:
    uri = to_uri(tmp_path / "toy:1.jpg", tmp_path)
    assert not is_remote(uri)
    assert to_path(uri, tmp_path) == tmp_path / "toy:1.jpg"


@pytest.mark.parametrize("uri", ["https://host/a.jpg", "weaviate://host/C/1", "s3://bucket/a", "toy:1"])
def test_an_address_with_a_scheme_is_no_file(uri: str) -> None:
    assert is_remote(uri)


@pytest.mark.parametrize("part", ["dog.jpg", "a b/ünïcode 雪.jpg", "100%#1.jpg", "caf\udce9.jpg", "-rf"])
@pytest.mark.parametrize("name", ["000.tar", "a#b 雪.tar", "caf\udce9.tar"])
def test_the_uri_of_a_part_names_its_file_and_the_part(tmp_path: Path, name: str, part: str) -> None:
    uri = part_uri((tmp_path / name).as_uri(), part)
    assert uri.isascii() and not is_remote(uri)
    assert to_path(uri, Path("/lib")) == tmp_path / name and part_of(uri) == part
    assert uri_in(tmp_path, uri) == uri, "also in a library around the file"


@pytest.mark.parametrize("uri", ["/a#b.jpg", "a#b.jpg", "https://example.com/#a", "file:///a%23b.jpg"])
def test_other_uris_have_no_part(uri: str) -> None:
    assert part_of(uri) == ""


@pytest.mark.parametrize("uri", ["/a.jpg", "a.jpg", "file:///a.jpg", "C:\\a.jpg", "pictures/a:b.jpg", ""])
def test_a_path_is_no_address(uri: str) -> None:
    assert not is_remote(uri)


# ── the kinds of sources ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "path"), ("", "path"), ("C:\\a.jpg", "path"), ("toy:5", "plugin")]
)
def test_a_name_stands_for_one_kind_of_source(name: str, kind: str) -> None:
    assert kind_of(name).name == kind


def test_a_name_that_exists_is_a_path_whatever_it_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "toy:5")
    monkeypatch.chdir(tmp_path)
    assert kind_of("toy:5").name == "path"
    assert [path_of(item) for item in scan("toy:5")] == [tmp_path / "toy:5"]


def test_a_path_of_python_is_never_a_scheme() -> None:
    with pytest.raises(ImageError, match="toy:5` cannot be added: no such file"):
        list(scan(Path("toy:5")))


def test_all_paths_are_one_source_at_the_place_of_the_first(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    address = (tmp_path / "b.jpg").as_uri()
    groups = by_kind([str(tmp_path / "a.jpg"), "toy:5", address, "toy:6"])
    assert [(kind.name, names) for kind, names in groups] == [
        ("path", [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]),
        ("plugin", ["toy:5"]),
        ("plugin", ["toy:6"]),
    ]
