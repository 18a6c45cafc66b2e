"""Pictures in the file systems of fsspec: in memory, in zip files, and on an HTTP server."""

import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adding import Kept, contents
from phosphene.errors import ImageError, MissingExtraError, PluginError
from phosphene.ingest import Added, add
from phosphene.journal import Journal
from phosphene.records import Failure
from phosphene.sources import Item, ScanOptions, Source, scan
from phosphene.sources.kinds import kind_of
from phosphene.sources.remote_files import RemoteFiles, stamp_of
from phosphene.testing.sources import SourceTests
from pictures import Colours, jpeg
from range_server import serving
from tars import Content, tar

ODD_NAMES = ("ünïcode 雪.jpg", "two\nlines.jpg", "-rf.jpg", "$(touch gone).jpg", "a b'c\"d.JPG", "100%#1.jpg")


@pytest.fixture(autouse=True)
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The file system in memory of fsspec, which is empty again after the test."""
    found = fsspec.filesystem("memory")
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


def put(names: dict[str, bytes]) -> None:
    fsspec.filesystem("memory").pipe({f"/pics/{name}": content for name, content in names.items()})


def zipped(path: Path, names: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in names.items():
            file.writestr(name, content)
    return path


def found(name: str) -> list[Item | Failure]:
    with scan(name) as items:
        return list(items)


def uris(name: str) -> list[str]:
    return [each.uri for each in found(name)]


def added(library: Path, name: str) -> Added:
    library.mkdir(exist_ok=True)
    journal = Journal(library / "journal.sqlite")
    try:
        return add(scan(name), load=Colours, store=Kept(library), journal=journal)
    finally:
        journal.close()


# ── the conformance suite ─────────────────────────────────────────────────────────────────


class TestMemory(SourceTests):
    scheme = "memory"

    @pytest.fixture
    def source(self) -> Source:
        put({name: jpeg(at) for at, name in enumerate(ODD_NAMES)})
        put({"deep/er/a.png": jpeg(9), "notes.md": b""})
        return RemoteFiles("memory://pics", ScanOptions())


class TestZip(SourceTests):
    scheme = "zip"

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        path = zipped(tmp_path / "a b.zip", {f"in/{name}": jpeg(at) for at, name in enumerate(ODD_NAMES)})
        return RemoteFiles(f"zip://::{path}", ScanOptions())


class TestTarInMemory(SourceTests):
    scheme = "memory"

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        for at in range(2):
            members: dict[str, Content] = {"a.jpg": jpeg(at), "a.txt": "a house", "b.jpg": jpeg(at + 5)}
            shard = tar(tmp_path / f"{at}.tar", members)
            put({f"{at}.tar": shard.read_bytes()})
        return RemoteFiles("memory://pics/{0..1}.tar", ScanOptions())


class TestTableInMemory(SourceTests):
    scheme = "memory"

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        rows = {"image": [jpeg(at) for at in range(4)], "caption": [f"house {at}" for at in range(4)]}
        pq.write_table(pa.table(rows), tmp_path / "a.parquet", row_group_size=2)
        put({"a.parquet": (tmp_path / "a.parquet").read_bytes()})
        return RemoteFiles("memory://pics/a.parquet", ScanOptions())


class TestHttpThroughFsspec(SourceTests):
    scheme = "http"

    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[Source]:
        tar(tmp_path / "0.tar", {"a.jpg": jpeg(0), "a.json": {"caption": "a house"}, "b.jpg": jpeg(1)})
        with serving(tmp_path) as address:
            yield RemoteFiles(f"{address}/0.tar", ScanOptions(allow_urls=True))


# ── folders, files and tars ───────────────────────────────────────────────────────────────


def test_a_folder_is_walked_in_the_order_of_its_names_without_hidden_ones() -> None:
    put({name: b"" for name in ("b.jpg", "z/2.jpg", "a/1.jpg", ".x/3.jpg", ".y.jpg", "film.mov")})
    options = ScanOptions()
    with scan("memory://pics", options) as items:
        listed = [each.uri.removeprefix("memory:///pics/") for each in items]
    assert listed == ["b.jpg", "a/1.jpg", "z/2.jpg"] and options.left_out == {".mov": 1}


def test_patterns_and_junk_count_below_the_place_that_is_named() -> None:
    put({name: b"" for name in ("a.jpg", "b.png", "raw/c.jpg", "@eaDir/d.jpg", "in/pics/e.jpg")})
    options = ScanOptions(include=("*.jpg",), exclude=("/raw/",))
    with scan("memory://pics", options) as items:
        assert [each.uri.removeprefix("memory:///pics/") for each in items] == ["a.jpg", "in/pics/e.jpg"]


def test_a_single_file_is_taken_whatever_its_ending() -> None:
    put({"picture.dat": b"x"})
    assert uris("memory://pics/picture.dat") == ["memory:///pics/picture.dat"]


def test_a_zip_file_is_named_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped(tmp_path / "a.zip", {"in/a.jpg": b"x"})
    monkeypatch.chdir(tmp_path)
    whole = f"zip://in/a.jpg::file://{tmp_path}/a.zip"
    assert uris("zip://in::a.zip") == uris(f"zip://::file://{tmp_path}/a.zip") == [whole]


def test_members_of_a_remote_tar_have_the_uri_of_the_tar(tmp_path: Path) -> None:
    put({"0.tar": tar(tmp_path / "0.tar", {"a b.jpg": jpeg(0)}).read_bytes()})
    assert uris("memory://pics/0.tar") == ["memory:///pics/0.tar#a%20b.jpg"]


def test_adding_again_opens_only_what_has_changed(tmp_path: Path) -> None:
    put({"a.jpg": jpeg(0), "b.jpg": jpeg(1)})
    assert added(tmp_path, "memory://pics").added == 2
    again = added(tmp_path, "memory://pics")
    assert (again.added, again.unchanged, again.failed) == (0, 2, 0)
    put({"b.jpg": jpeg(2)})
    again = added(tmp_path, "memory://pics")
    assert (again.added, again.unchanged) == (1, 1)
    held = contents(tmp_path)["images"].values()
    assert {uri for _, uri, *_ in held} == {"memory:///pics/a.jpg", "memory:///pics/b.jpg"}


@pytest.mark.parametrize(
    ("info", "stamp"),
    [
        ({"size": 3, "ETag": '"x"', "LastModified": 1.0}, '3:"x"'),
        ({"size": 3, "mtime": 1.5}, "3:1.5"),
        ({"size": 3, "updated": "2024-05-01"}, "3:2024-05-01"),
        ({"size": 3}, ""),
    ],
)
def test_a_stamp_is_a_checksum_or_size_and_time(info: dict[str, object], stamp: str) -> None:
    assert stamp_of(info) == stamp


# ── what goes wrong ───────────────────────────────────────────────────────────────────────


def test_a_place_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ImageError, match=r"`memory://gone` cannot be added: it does not exist"):
        found("memory://gone")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table" * 99])
def test_a_table_that_is_damaged_is_a_failure(content: bytes) -> None:
    put({"a.parquet": content})
    with closing(RemoteFiles("memory://pics/a.parquet", ScanOptions())) as source:
        [failure] = source.items()
    assert isinstance(failure, Failure) and failure.uri == "memory:///pics/a.parquet"


def test_a_file_that_is_gone_when_it_is_opened_is_a_failure() -> None:
    put({"a.jpg": b"x"})
    [item] = found("memory://pics")
    fsspec.filesystem("memory").rm("/pics/a.jpg")
    assert isinstance(item, Item)
    with pytest.raises(ImageError, match="it does not exist"):
        item.open()


def test_something_that_is_no_zip_file_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(ImageError, match=r"a\.zip` cannot be added: BadZipFile: File is not a zip file\.$"):
        found(f"zip://::{tmp_path}/a.zip")


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(MissingExtraError, match="a package is not installed") as caught:
        found("oci://bucket/pictures")
    assert "pip install ocifs" in caught.value.hint


def test_a_scheme_that_nobody_knows_is_a_plugin_that_is_missing() -> None:
    assert kind_of("memory://x").name == "fsspec"
    with pytest.raises(PluginError, match="no source `flickr:`"):
        found("flickr://album")


@pytest.mark.parametrize("name", ["https://example.com/0.tar", "zip://::http://example.com/a.zip"])
def test_the_web_is_asked_only_if_the_user_allows_it(name: str) -> None:
    with pytest.raises(ImageError, match="nothing is fetched unasked") as caught:
        found(name)
    assert "--allow-urls" in caught.value.hint
