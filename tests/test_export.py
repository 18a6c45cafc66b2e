"""What a library has is exported for other programs, and can be added again without doubling anything."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import phosphene
from command import lines, run
from phosphene.errors import OutputError
from phosphene.export import Exported, webdataset
from phosphene.library import Library
from pictures import jpeg
from tars import Content, tar

NAMES = ("a.jpg", "b/a.jpg", "ünïcode 雪.jpg", "two\nlines.jpg", "-rf.jpg", "$(touch gone).jpg", "a.b.c.JPG")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures with captions and fields, one of them in a tar."""
    folder = tmp_path / "pictures"
    for at, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(at))
        about = {
            "caption": ["a house", f"house {at}"],
            "rating": at % 6,
            "keywords": ["red", "sea"],
            "no": at,
        }
        path.with_name(f"{path.name}.json").write_text(json.dumps(about))
    members: dict[str, Content] = {".hidden/x.jpg": jpeg(50), ".hidden/x.txt": "in a tar"}
    tar(tmp_path / "0.tar", {**members, "雪" * 100 + ".jpg": jpeg(51)})
    return folder


@pytest.fixture
def library(tmp_path: Path, pictures: Path) -> Iterator[Library]:
    with phosphene.open(tmp_path / "lib", model="landscape", create=True) as library:
        assert library.add([pictures, tmp_path / "0.tar"]).added == len(NAMES) + 2
        yield library


def described(library: Library) -> dict[str, Any]:
    """The captions and fields of all images, by their ids."""
    return {image.id: (set(image.captions), image.fields) for image in library.store.iterate()}


def added_again(tmp_path: Path, library: Library, *sources: Path) -> None:
    """Add what was exported to the library itself, and to an empty one: nothing is new, nothing is lost."""
    before = described(library)
    assert library.add([str(source) for source in sources]).added == 0
    assert described(library) == before
    with phosphene.open(tmp_path / "other", model="landscape", create=True) as other:
        other.add([str(source) for source in sources])
        assert described(other) == before


# ── the formats ───────────────────────────────────────────────────────────────────────────


def test_a_tar_has_pictures_captions_fields_and_vectors(tmp_path: Path, library: Library) -> None:
    done = library.export(tmp_path / "out.tar", vectors=True)
    assert done == Exported(len(NAMES) + 2, 0, (tmp_path / "out.tar",))
    with tarfile.open(tmp_path / "out.tar") as file:
        names = file.getnames()
        [image, *_] = library.store.iterate(vectors=True)
        kept = file.extractfile(f"{image.id}.npy")
        assert kept is not None and np.array_equal(np.load(io.BytesIO(kept.read())), image.vector)
    assert len(names) == 3 * done.images
    assert {name.partition(".")[2] for name in names} == {"jpg", "json", "npy"}
    added_again(tmp_path, library, tmp_path / "out.tar")


def test_many_pictures_take_several_tars(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webdataset, "SHARD", 3)
    done = library.export(tmp_path / "out.tar")
    assert [file.name for file in done.files] == ["out-00000.tar", "out-00001.tar", "out-00002.tar"]
    added_again(tmp_path, library, tmp_path / "out-{00000..00002}.tar")


def test_a_folder_of_links_leads_to_the_files(tmp_path: Path, library: Library, pictures: Path) -> None:
    done = library.export(tmp_path / "out", vectors=True)
    links = [path for path in (tmp_path / "out").iterdir() if path.is_symlink()]
    assert len(links) == len(NAMES) and done.images == len(NAMES) + 2
    assert {link.readlink() for link in links} == {pictures / name for name in NAMES}
    assert (tmp_path / "out/x.jpg").read_bytes() == jpeg(50), "a member of a tar becomes a file"
    images = library.store.get((tmp_path / "out/vectors.ids.txt").read_text().split(), vectors=True)
    assert np.array_equal(np.load(tmp_path / "out/vectors.npy"), [image.vector for image in images])
    added_again(tmp_path, library, tmp_path / "out")


def test_a_captions_file_names_files_and_captions(tmp_path: Path, library: Library, pictures: Path) -> None:
    done = library.export(tmp_path / "out.json", vectors=True)
    assert (done.images, done.without_file) == (len(NAMES), 2), "a member of a tar is no file"
    listed = json.loads((tmp_path / "out.json").read_text())
    assert {image["file_name"] for image in listed["images"]} == {f"pictures/{name}" for name in NAMES}
    assert np.load(tmp_path / "out.json.npy").shape == (len(NAMES), library.space.dimension)
    assert library.add(str(tmp_path / "out.json")).added == 0


def test_a_table_has_all_properties(tmp_path: Path, library: Library) -> None:
    library.export(tmp_path / "out.parquet", vectors=True)
    rows = {row["id"]: row for row in pq.read_table(tmp_path / "out.parquet").to_pylist()}
    for image in library.store.iterate(vectors=True):
        row = rows.pop(image.id)
        assert np.array_equal(np.float32(row["vector"]), image.vector)
        assert (row["uri"], row["caption"], row["rating"]) == (image.uri, image.caption, image.fields.rating)
        assert "image" not in row
    assert not rows


def test_a_table_with_pictures_can_be_added_again(tmp_path: Path, library: Library) -> None:
    done = library.export(tmp_path / "out.parquet", pictures=True)
    assert done.images == len(NAMES) + 2
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert b"_type" in schema.metadata[b"huggingface"] and "vector" not in schema.names
    added_again(tmp_path, library, tmp_path / "out.parquet")


# ── what is exported ──────────────────────────────────────────────────────────────────────


def test_hits_of_a_query_have_their_scores(tmp_path: Path, library: Library) -> None:
    hits = library.search("a house", 3)
    assert library.export(tmp_path / "out.parquet", "a house", 3).images == 3
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["id"] for row in rows] == [hit.image.id for hit in hits]
    assert [row["score"] for row in rows] == pytest.approx([hit.score for hit in hits])


def test_filters_choose_images_in_a_query_and_beside_it(tmp_path: Path, library: Library) -> None:
    few = [image for image in library.store.iterate() if (image.fields.rating or 0) >= 4]
    assert library.export(tmp_path / "1.parquet", where="rating>=4").images == len(few)
    assert library.export(tmp_path / "2.parquet", "rating>=4").images == len(few)
    assert library.export(tmp_path / "3.parquet", "a house rating>=4", 1, where="keywords:sea").images == 1


def test_files_that_are_gone_or_have_changed_are_counted(
    tmp_path: Path, library: Library, pictures: Path
) -> None:
    (pictures / "a.jpg").unlink()
    (pictures / "-rf.jpg").write_bytes(jpeg(99))
    assert library.export(tmp_path / "out.tar").without_file == 2
    assert library.export(tmp_path / "1.parquet", pictures=True).without_file == 2
    assert library.export(tmp_path / "2.parquet").without_file == 0


def test_nothing_is_overwritten_without_force(tmp_path: Path, library: Library, pictures: Path) -> None:
    for name in ("out.tar", "out.parquet", "out.json"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(OutputError, match="already exists"):
            library.export(tmp_path / name)
        assert library.export(tmp_path / name, force=True).images
    with pytest.raises(OutputError, match="contains files that phosphene did not make"):
        library.export(pictures)


def test_the_command_says_what_it_wrote(tmp_path: Path, library: Library) -> None:
    [record] = lines(
        "-L", library.url, "export", tmp_path / "out.tar", "a house", "-n", 2, "--where", "rating<6"
    )
    assert record == {"exported": 2, "without_file": 0, "files": [str(tmp_path / "out.tar")]}
    ended = run("-L", library.url, "export", tmp_path / "out.tar")
    assert ended.exit_code == 1 and "--force" in ended.stderr
