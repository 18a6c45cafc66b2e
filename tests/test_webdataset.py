"""Pictures in webdataset's tars: found, described, opened by their offset, never followed out of the tar."""

import gzip
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phosphene
from adding import add_to, contents
from command import run
from phosphene.errors import ImageError
from phosphene.maintenance.check import check
from phosphene.records import Failure
from phosphene.sources import Item, ScanOptions, Source, scan
from phosphene.sources.braces import expanded, has_braces
from phosphene.sources.contents import content_at
from phosphene.sources.kinds import kind_of
from phosphene.sources.uris import part_of, to_path
from phosphene.sources.webdataset import WebDataset
from phosphene.testing.sources import SourceTests
from pictures import drawn, encoded, jpeg
from tars import Content, put, tar

ODD_NAMES = (
    "ünïcode 雪.jpg", "two\nlines.jpg", "-rf.jpg", "$(touch gone).jpg", "a b'c\"d.JPG", "100%#1.jpg",
    "a/../b.jpg", "../../up.jpg", "/etc/absolute.jpg", "x" * 300 + ".jpg", "caf\udce9.jpg", "C:\\dos.jpg",
    "deep/er/x.v2.jpg",
)  # fmt: skip


def found(*paths: Path) -> list[Item | Failure]:
    with scan([str(path) for path in paths]) as items:
        return list(items)


def names(found: list[Item | Failure]) -> list[str]:
    return [part_of(each.uri) for each in found if isinstance(each, Item)]


def failures(found: list[Item | Failure]) -> list[tuple[str, str]]:
    return [(part_of(each.uri), each.reason) for each in found if isinstance(each, Failure)]


class TestTar(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        about: Content = {"width": 64, "caption": "by the sea"}
        first: dict[str, Content] = {"0.jpg": jpeg(0), "0.txt": "a house", "0.json": about}
        tar(tmp_path / "shards/000.tar", {**first, "1.jpg": jpeg(1), "1.json": "{", "readme.md": "hello"})
        tar(tmp_path / "shards/001.tar", {name: jpeg(at) for at, name in enumerate(ODD_NAMES)})
        return WebDataset([str(tmp_path / "shards/{000..001}.tar")], ScanOptions())


# ── samples ───────────────────────────────────────────────────────────────────────────────


def test_the_members_of_a_sample_describe_its_pictures(tmp_path: Path) -> None:
    about: Content = {"caption": "three", "camera": "Canon", "Photo ID": 7, "width": 64}
    pictures: dict[str, Content] = {"a/1.jpg": jpeg(1), "a/1.left.jpg": jpeg(0)}
    members = {**pictures, "a/1.txt": "one\ntwo\n", "a/1.json": about, "b/1.JPG": jpeg(2)}
    first, second, other = found(tar(tmp_path / "a.tar", members))
    assert isinstance(first, Item) and isinstance(second, Item) and isinstance(other, Item)
    assert first.captions == second.captions == ("one", "two", "three")
    assert first.fields == second.fields == {"camera": "Canon", "Photo ID": 7}
    assert names([first, second, other]) == ["a/1.jpg", "a/1.left.jpg", "b/1.JPG"] and other.captions == ()


def test_captions_may_stand_before_the_picture_and_in_other_members(tmp_path: Path) -> None:
    [item] = found(tar(tmp_path / "a.tar", {"1.caption": "one", "1.cap": b"caf\xe9 two", "1.png": b"x"}))
    assert isinstance(item, Item) and item.captions == ("one", "café two")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"a": NaN}', '{"a": 1e999}', "9" * 5000])
def test_strange_json_costs_no_picture(tmp_path: Path, text: str) -> None:
    listed = found(tar(tmp_path / "a.tar", {"1.jpg": jpeg(0), "1.json": text}))
    assert names(listed) == ["1.jpg"]
    reasons = [reason.partition(":")[0] for _, reason in failures(listed)]
    assert reasons == ([] if text.startswith('{"') else ["its captions cannot be read"])


def test_other_members_are_counted_and_hidden_ones_are_not_seen(tmp_path: Path) -> None:
    options = ScanOptions()
    members: dict[str, Content] = {"1.jpg": b"", "._1.jpg": b"", "1.cls": "3", "2.mp4": b"", "a/.x": b""}
    listed = list(WebDataset([str(tar(tmp_path / "a.tar", members))], options).items())
    assert names(listed) == ["1.jpg"] and options.left_out == {".cls": 1, ".mp4": 1}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_read(tmp_path: Path, format: int) -> None:
    path = tar(tmp_path / "a.tar", {"d" * 80 + "/" + "n" * 90 + ".jpg": jpeg(3)}, format=format)
    [item] = found(path)
    assert isinstance(item, Item) and item.open() == jpeg(3)


# ── patterns ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("{8..11}.tar", ["8.tar", "9.tar", "10.tar", "11.tar"]),
        ("{08..11}.tar", ["08.tar", "09.tar", "10.tar", "11.tar"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a,b}-{0..1}", ["a-0", "a-1", "b-0", "b-1"]),
        ("{}{x}.tar", ["{}{x}.tar"]),
        ("{0..x}", ["{0..x}"]),
    ],
)
def test_braces_stand_for_several_names(pattern: str, names: list[str]) -> None:
    assert expanded(pattern) == names
    assert has_braces(pattern) == (len(names) > 1)


@pytest.mark.parametrize("pattern", ["{0..999999999}", "{0..9999}" * 3])
def test_a_pattern_of_too_many_names_is_refused(pattern: str) -> None:
    with pytest.raises(ImageError, match=r"stands for [0-9,]+ names"):
        expanded(pattern)


def test_a_missing_shard_is_an_error_before_anything_is_added(tmp_path: Path) -> None:
    tar(tmp_path / "0.tar", {"a.jpg": b"x"})
    with pytest.raises(ImageError, match=r"1\.tar` cannot be added: no such file"):
        found(tmp_path / "{0..1}.tar")


def test_a_file_with_braces_in_its_name_is_that_file(tmp_path: Path) -> None:
    path = tar(tmp_path / "{0..1}.tar", {"a.jpg": b"x"})
    assert kind_of(str(path)).name == "webdataset" and names(found(path, path)) == ["a.jpg"]


# ── opening by offset ─────────────────────────────────────────────────────────────────────


def test_a_tar_that_changes_while_it_is_read_is_not_mixed_up(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"1.jpg": jpeg(1)})
    [item] = found(path)
    tar(path, {"0.jpg": jpeg(0), "1.jpg": jpeg(1)})
    assert isinstance(item, Item)
    with pytest.raises(ImageError, match=r"`a\.tar` has changed while it was read"):
        item.open()
    path.unlink()
    with pytest.raises(ImageError, match="it does not exist"):
        item.open()


def test_a_member_is_opened_again_by_its_uri(tmp_path: Path) -> None:
    path = tar(tmp_path / "a b#.tar", {name: jpeg(at) for at, name in enumerate(ODD_NAMES)})
    for at, item in enumerate(found(path)):
        assert to_path(item.uri, Path()) == path
        assert content_at(item.uri, tmp_path) == jpeg(at)
    with pytest.raises(ImageError, match="has no such member"):
        content_at(f"{path.as_uri()}#gone.jpg", tmp_path)


def test_nothing_is_fetched_for_a_uri_of_a_library() -> None:
    with pytest.raises(ImageError, match="it is not on this machine"):
        content_at("https://example.com/a.jpg", Path())


def test_adding_twice_opens_nothing_and_a_shard_that_moved_doubles_nothing(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"0.txt": "a house"} | {f"{at}.jpg": jpeg(at) for at in range(3)})
    assert add_to(tmp_path / "lib", path).added == 3
    again = add_to(tmp_path / "lib", path)
    assert (again.added, again.unchanged) == (0, 3)
    moved = path.rename(tmp_path / "b.tar")
    again = add_to(tmp_path / "lib", moved)
    assert (again.added, again.unchanged) == (0, 3)
    held = contents(tmp_path / "lib")["images"].values()
    assert {uri for _, uri, *_ in held} == {f"{moved.as_uri()}#{at}.jpg" for at in range(3)}
    assert {caption for _, _, caption, *_ in held} == {"", "a house"}


# ── damage and malice ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("left", [0.0, 0.3, 0.5, 0.9])
def test_a_tar_cut_short_gives_what_is_whole_and_one_failure(tmp_path: Path, left: float) -> None:
    pictures = [jpeg(at) for at in range(4)]
    path = tar(tmp_path / "a.tar", {f"{at}.jpg": each for at, each in enumerate(pictures)})
    other = tar(tmp_path / "b.tar", {"other.jpg": b"x"})
    with tarfile.open(path) as file:
        ends = [member.offset_data + member.size for member in file.getmembers()]
    size = int(ends[-1] * left)
    os.truncate(path, size)
    listed = found(path, other)
    whole = sum(end <= size for end in ends)
    assert names(listed) == [*(f"{at}.jpg" for at in range(whole)), "other.jpg"]
    assert [each.open() for each in listed[:whole] if isinstance(each, Item)] == pictures[:whole]
    assert failures(listed) == [("", "it is cut off or damaged; the members before that are whole")]


def test_a_sample_that_is_cut_keeps_its_whole_members(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {"0.jpg": b"x" * 512, "0.txt": "a house"})
    os.truncate(path, 3 * 512 + 3)
    assert names(listed := found(path)) == ["0.jpg"] and len(failures(listed)) == 1


@pytest.mark.parametrize("type", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_never_followed(tmp_path: Path, type: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        put(file, "0.jpg", jpeg(0))
        put(file, "1.jpg", type=type, linkname="/etc/passwd")
        put(file, "2.jpg", type=tarfile.DIRTYPE)
        put(file, "3.txt", type=type, linkname="/etc/passwd")
    listed = found(path)
    assert names(listed) == ["0.jpg"]
    assert failures(listed) == [("1.jpg", "it is a link or a device, and nothing in a tar is followed")]


def test_of_two_members_of_one_name_the_first_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        put(file, "0.jpg", jpeg(0))
        put(file, "0.jpg", jpeg(1))
    item, failure = found(path)
    assert isinstance(item, Item) and item.open() == content_at(item.uri, tmp_path) == jpeg(0)
    assert isinstance(failure, Failure) and failure.reason == "a member before it has the same name"


@pytest.mark.parametrize("ending", ["tar.gz", "tgz", "tar"])
def test_a_compressed_tar_is_refused_with_advice(tmp_path: Path, ending: str) -> None:
    plain = tar(tmp_path / "plain.tar", {"0.jpg": b"x"})
    path = tmp_path / f"a.{ending}"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    [(_, reason)] = failures(found(path, plain))
    assert reason.startswith("it is compressed with gzip") and "decompress it first" in reason


def test_something_that_is_no_tar_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "page.tar").write_text("<html>" * 1000)
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "lost.tar").symlink_to("nowhere")
    tar(tmp_path / "whole.tar", {"0.jpg": b""})
    listed = found(tmp_path / "{page,pipe,lost,whole}.tar")
    assert [reason for _, reason in failures(listed)] == [
        "it is cut off or damaged; the members before that are whole",
        "it is not a file",
        "it is a link to a missing file",
    ]


def test_headers_that_lie_about_sizes_end_the_tar(tmp_path: Path) -> None:
    for size in (-512, -1, 1 << 40):
        path = tmp_path / f"{size}.tar"
        for type in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
            liar = tarfile.TarInfo("1.jpg")
            liar.size, liar.type = size, type
            whole = tar(path, {"0.jpg": jpeg(0)}).read_bytes()[: 512 + -(-len(jpeg(0)) // 512) * 512]
            path.write_bytes(whole + liar.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
            listed = found(path)
            assert names(listed) == ["0.jpg"] and len(failures(listed)) == 1, (size, type)


@settings(max_examples=200, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=20))
def test_flipped_bytes_never_raise(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.tar"
    tar(path, {"x" * 200 + ".jpg": b"x" * 600, "1.json": {"a": 1}, "1.jpg": b"y"})
    content = bytearray(path.read_bytes())
    for place, value in places:
        content[place % len(content)] = value
    path.write_bytes(content)
    for each in WebDataset([str(path)], ScanOptions()).items():
        assert isinstance(each, Failure) or len(each.open()) <= len(content)


# ── in a library ──────────────────────────────────────────────────────────────────────────


def test_a_library_shows_checks_and_repairs_pictures_in_tars(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {f"{at}.jpg": encoded(drawn(at, (900, 600)), "JPEG") for at in range(3)})
    with phosphene.open(tmp_path / "lib", model="landscape", create=True) as library:
        assert library.add(str(path)).added == 3
        image = next(library.store.iterate())
        assert library.where(image) == image.uri and library.path(image) == path
        assert library.picture(image).size == (900, 600), "the member, not the thumbnail"
        assert not library.missing().gone and not list(check(library.store, library.journal, deep=True))
        path.unlink()
        (tmp_path / "other").touch()  # an empty folder could be an unmounted drive
        assert max(library.picture(image).size) < 900, "the thumbnail"
        assert len(library.missing().gone) == 3


def test_a_repair_brings_back_members_that_the_store_has_lost(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", {f"{at}.jpg": jpeg(at) for at in range(3)})
    with phosphene.open(tmp_path / "lib", model="landscape", create=True) as library:
        library.add(str(path))
        before = {image.id: image.uri for image in library.store.iterate()}
        library.store.delete(list(before))
    assert run("-L", tmp_path / "lib", "repair").exit_code == 0
    with phosphene.open(tmp_path / "lib") as library:
        assert {image.id: image.uri for image in library.store.iterate()} == before
