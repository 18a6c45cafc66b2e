"""Paths and URLs open libraries by one table of schemes, to which installed packages can add."""

from pathlib import Path

import pytest

import phosphene
from command import lines
from phosphene.errors import LibraryError
from phosphene.manifest import Manifest
from phosphene.opening import OPENERS, locate
from phosphene.records import Space
from phosphene.testing.example_images import SPACE, made
from pictures import jpeg


def test_a_path_is_a_folder_with_a_lancedb_store(tmp_path: Path) -> None:
    for text in (tmp_path / "photos.lib", f"lancedb://{tmp_path}/photos.lib"):
        assert locate(text).url == str(tmp_path / "photos.lib")
        assert locate(text).folder == tmp_path / "photos.lib"


def test_a_server_keeps_journal_and_pictures_in_the_users_folder(tmp_path: Path) -> None:
    here = locate("weaviate://localhost/Photos?tenant=me")
    there = locate("weaviate://localhost/Photos?vector=clip&model=landscape")

    assert here.folder.parts[-4:] == ("servers", "localhost-8080", "Photos", "me")
    assert there.folder.parent.name == "external"
    assert there.url == "weaviate://localhost:8080/Photos?vector=clip&model=landscape"


@pytest.mark.parametrize("text", ["http://localhost/Photos", "://x", "me:secret@weaviate://x", "C D://x"])
def test_an_unknown_scheme_is_an_error_that_lists_the_known_ones(text: str) -> None:
    with pytest.raises(
        LibraryError, match=r"(No store is known for|The scheme of this URL is not valid)"
    ) as raised:
        locate(text)

    assert "`lancedb://`, `weaviate://`, `weaviates://`" in raised.value.hint
    assert "secret" not in raised.value.message + raised.value.hint


def test_a_store_of_another_space_than_its_manifest_is_refused_by_both_names(tmp_path: Path) -> None:
    phosphene.open(tmp_path, space=SPACE, create=True).close()
    Manifest(Space("other:1", "other", 8)).write(tmp_path)

    with pytest.raises(LibraryError, match=r"`tiny` \(tiny:0123\)") as raised:
        phosphene.open(tmp_path)

    assert "`other` (other:1)" in raised.value.message


def test_a_plugin_adds_a_scheme(plugins: Path, tmp_path: Path) -> None:
    assert OPENERS.names() == ["lancedb", "weaviate", "weaviates", "numpy"]

    url = f"numpy://{tmp_path}/photos.lib"
    with phosphene.open(url, space=SPACE, create=True) as library:
        library.store.upsert(made(3))
    with phosphene.open(url) as again:
        assert again.status().store == "numpy"
        assert again.store.count() == 3
    with pytest.raises(LibraryError, match="There is no library"):
        phosphene.open(f"numpy://{tmp_path}/none.lib")


def test_the_commands_take_the_url_of_a_plugin(plugins: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.jpg").write_bytes(jpeg(number))
    library = f"numpy://{tmp_path}/photos.lib"

    assert lines("-L", library, "add", tmp_path / "in", "--model", "landscape")[0]["added"] == 3
    hits = lines("-L", library, "search", "a house")
    assert lines("-L", library, "status")[0]["store"] == "numpy"
    assert lines("copy", library, tmp_path / "copy.lib")[0]["copied"] == 3
    assert [hit["id"] for hit in lines("-L", tmp_path / "copy.lib", "search", "a house")] == [
        hit["id"] for hit in hits
    ]
