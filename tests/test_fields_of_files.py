"""`add` keeps what files and sources say of pictures as fields, in any order and however often it runs."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adding import Kept, add_to, contents, lance
from described import LIGHTROOM, PARAMETERS, camera, comfy, jpeg, png
from phosphene.embedding import Embedded
from phosphene.fields import NONE, Fields
from phosphene.journal import Journal, Seen
from phosphene.metadata import Metadata
from phosphene.recipes.lineage import texts
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Pixels
from pictures import Colours
from recipe import RECIPE

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`


class Refusing(Colours):
    """An embedder that embeds nothing."""

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        raise AssertionError("nothing is to be embedded")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph, a picture of A1111, and one of ComfyUI."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/photo.jpg").write_bytes(jpeg(exif=camera()))
    (tmp_path / "in/a1111.png").write_bytes(png({"parameters": PARAMETERS}))
    (tmp_path / "in/comfy.png").write_bytes(comfy())
    return tmp_path / "in"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "lib"


def images(library: Path, open_store: Callable[[Path], Store] = Kept) -> dict[str, Image]:
    """The images of a library by the names of their files."""
    store = open_store(library)
    found = {Path(image.uri).name: image for image in store.iterate()}
    store.close()
    return found


def fields(library: Path, name: str = "photo.jpg") -> Fields:
    return images(library)[name].fields


@pytest.mark.parametrize("open_store", [Kept, lance])
def test_what_files_say_is_stored_and_prompts_become_captions(
    folder: Path, library: Path, open_store: Callable[[Path], Store]
) -> None:
    (folder / "comfy.txt").write_text("my bottle, which stands on the table")

    add_to(library, folder, open_store=open_store)

    found = images(library, open_store)
    assert found["photo.jpg"].fields.camera == "Canon EOS R5"
    assert found["photo.jpg"].fields.taken == "2024-05-01T10:30:00Z"
    assert found["photo.jpg"].captions == ("A château",)
    assert (found["a1111.png"].fields.seed, found["a1111.png"].origin) == (965400086, "imported")
    assert found["a1111.png"].caption == "a lighthouse at dawn, <lora:sea:0.8> by an old master"
    assert found["comfy.png"].captions == ("my bottle, which stands on the table", "a glass bottle")


def test_adding_twice_changes_nothing(folder: Path, library: Path) -> None:
    told = {"photo.jpg": {"rating": "5", "keywords": ["a"], "license": "CC0"}}
    add_to(library, folder, fields=told)
    before = contents(library)

    added = add_to(library, folder, fields=told, embedder=Refusing())
    add_to(library, folder, fields=told, embedder=Refusing(), reread=True)

    assert (added.added, added.unchanged) == (0, 3)
    assert contents(library) == before


def test_the_source_counts_more_than_the_file(folder: Path, library: Path) -> None:
    add_to(library, folder, fields={"photo.jpg": {"rating": 5, "place": "Sydney", "license": "CC0"}})

    assert fields(library).rating == 5
    assert (fields(library).place, fields(library).camera) == ("Sydney", "Canon EOS R5")
    assert fields(library).other == ("license=CC0",)


def test_a_changed_source_changes_the_fields_and_opens_no_file(folder: Path, library: Path) -> None:
    add_to(library, folder, fields={"photo.jpg": {"rating": 5, "keywords": ["a", "b"]}})
    for path in folder.iterdir():
        path.chmod(0)

    add_to(library, folder, fields={"photo.jpg": {"keywords": ["b", "c"]}}, embedder=Refusing())

    assert (fields(library).rating, fields(library).keywords) == (3, ("b", "c"))
    assert fields(library).camera == "Canon EOS R5"

    add_to(library, folder, embedder=Refusing())

    assert (fields(library).rating, fields(library).keywords) == (3, ())


def test_what_a_command_has_written_stays(folder: Path, library: Path) -> None:
    add_to(library, folder)
    store = Kept(library)
    for image in list(store.iterate(vectors=True)):
        store.upsert([replace(image, fields=replace(image.fields, tags=("dog",), rating=1))])

    add_to(library, folder, fields={"photo.jpg": {"keywords": ["a"]}}, reread=True)

    assert (fields(library).tags, fields(library).keywords) == (("dog",), ("a",))
    assert fields(library).rating == 3  # the file says so


def test_copies_have_the_fields_of_all_and_the_first_one_decides(folder: Path, library: Path) -> None:
    shutil.copy(folder / "photo.jpg", folder / "copy.jpg")
    told = {"photo.jpg": {"rating": 1, "keywords": ["a"]}, "copy.jpg": {"rating": 2, "keywords": ["b"]}}

    add_to(library, folder / "photo.jpg", fields=told)
    add_to(library, folder / "copy.jpg", fields=told, embedder=Refusing())

    assert (fields(library, "copy.jpg").rating, fields(library, "copy.jpg").keywords) == (2, ("b", "a"))


def test_an_older_library_gets_its_fields_when_it_is_read_again(folder: Path, library: Path) -> None:
    add_to(library, folder)
    journal = Journal(library / "journal.sqlite")
    journal.record(Seen(file.uri, file.stamp, file.id) for file in journal.files())  # as older versions wrote
    journal.close()
    store = Kept(library)
    store.upsert([replace(image, fields=NONE, captions=()) for image in store.iterate(vectors=True)])

    add_to(library, folder, embedder=Refusing())
    assert fields(library) == NONE

    add_to(library, folder, embedder=Refusing(), reread=True)
    assert fields(library).camera == "Canon EOS R5"


def test_a_picture_of_our_own_has_its_recipes_prompt_once(tmp_path: Path, library: Path) -> None:
    (tmp_path / "in").mkdir()
    content = png({**texts(RECIPE), "XML:com.adobe.xmp": LIGHTROOM.replace("\ufeff", "")})
    (tmp_path / "in/made.png").write_bytes(content)

    add_to(library, tmp_path / "in")

    [image] = images(library).values()
    assert image.origin == "generated"
    assert image.captions == ("The stairs of Montmartre", RECIPE["prompt"])
    assert image.fields.rating == 4


def test_fields_of_a_stranger_in_the_journal_are_checked(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    written = Seen("/a.jpg", "1-1", "x", ("c",), Fields(rating=2), Metadata(Fields(camera="C"), ("d",)))
    journal.record([written])
    assert journal.files() == [written]
    assert written.metadata == Metadata(Fields(rating=2, camera="C"), ("c", "d"))

    for text in (
        "7",
        "[[1]]",
        '{"captions": 1, "fields": []}',
        '{"inside": {"fields": {"rating": 99}}}',
        "{",
    ):
        with journal._database.transaction() as database:
            database.execute("UPDATE files SET captions = ?", (text,))
        assert journal.files() == [Seen("/a.jpg", "1-1", "x")]
    journal.close()


steps = st.one_of(
    st.tuples(st.just("tell"), st.sampled_from("abc"), st.sampled_from([{}, {"rating": 1}, {"tags": ["x"]}])),
    st.tuples(st.just("write"), st.sampled_from("abc"), st.integers(0, 1)),
    st.tuples(st.just("add"), st.sampled_from(["a", "ab", "bc", "abc"]), st.booleans()),
)
CONTENTS = [jpeg(exif=camera()), jpeg(xmp=LIGHTROOM)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(steps, max_size=12))
def test_after_any_history_an_add_gives_the_fields_of_a_first_add(history: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder, library, fresh = Path(root, "in"), Path(root, "lib"), Path(root, "fresh")
        folder.mkdir()
        told: dict[str, Mapping[str, object]] = {}
        for name in "abc":
            (folder / f"{name}.jpg").write_bytes(CONTENTS[0])
        for what, name, value in [*history, ("add", "abc", False)]:
            if what == "tell":
                told[f"{name}.jpg"] = value
            elif what == "write":
                (folder / f"{name}.jpg").write_bytes(CONTENTS[value])
            else:
                add_to(library, *(folder / f"{each}.jpg" for each in name), fields=told, reread=value)
        add_to(fresh, folder, fields=told)

        assert contents(library)["images"] == contents(fresh)["images"]
