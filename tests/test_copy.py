"""Libraries are copied whole, also after a kill, and between all kinds of stores."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import phosphene
from command import run
from oracle import SPACE, made
from phosphene.errors import LibraryError, StoreError
from phosphene.library import Library
from phosphene.maintenance import copying as transfer
from phosphene.maintenance.copying import Copied, CopySide, checksum, copy, digests
from phosphene.manifest import Manifest
from phosphene.records import Image, Space
from phosphene.store.lance.store import LanceStore
from pictures import drawn, encoded
from weaviate_server import Server

# A copy in batches of five, which says after each how far it is.
SMALL_BATCHES = """
import sys, phosphene, phosphene.maintenance.copying as transfer
with phosphene.open(sys.argv[1]) as a, phosphene.open(sys.argv[2], space=a.space, create=True) as b:
    say = lambda done, total: print(done, flush=True)
    one, other = transfer.CopySide(a.store, a.folder), transfer.CopySide(b.store, b.folder)
    transfer.copy(one, other, say, batch_size=5)
"""


def library(folder: Path, images: Sequence[Image], space: Space = SPACE) -> Path:
    """A library of these images, in which generated ones have files."""
    with phosphene.open(folder, space=space, create=True) as opened:
        opened.store.upsert(images)
        for image in images:
            if image.origin == "generated":
                file = folder / image.uri
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(encoded(drawn(image.height, (8, 8))))
    return folder


def as_generated(images: Sequence[Image]) -> list[Image]:
    """The same images with their files at phosphene's own paths."""
    return [
        replace(image, uri=f"pictures/{image.id}.png") if image.origin == "generated" else image
        for image in images
    ]


def side(opened: Library) -> CopySide:
    return CopySide(opened.store, opened.folder)


def copied(source: Path | str, target: Path | str) -> Copied:
    with (
        phosphene.open(source) as old,
        phosphene.open(target, space=old.space, create=True) as new,
    ):
        return copy(side(old), side(new))


def content(place: Path | str) -> dict[str, tuple[Image, bytes, bytes]]:
    """Images with their vectors' bytes and thumbnails."""
    with phosphene.open(place) as opened:
        images = list(opened.store.iterate(vectors=True))
        small = opened.store.thumbnails([image.id for image in images])
        return {image.id: (image, np.asarray(image.vector).tobytes(), small[image.id]) for image in images}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return library(tmp_path / "old", as_generated(made(30)))


def test_a_copy_holds_the_same_images_vectors_thumbnails_lineage_and_files(old: Path, tmp_path: Path) -> None:
    done = copied(old, tmp_path / "new")

    assert (done.copied, done.unchanged, done.files, done.without_file) == (30, 0, 10, 0)
    assert content(tmp_path / "new") == content(old)
    for image in as_generated(made(30)):
        if image.origin == "generated":
            assert (tmp_path / "new" / image.uri).read_bytes() == (old / image.uri).read_bytes()


def test_a_new_library_is_made_in_the_same_space_without_its_model(old: Path, tmp_path: Path) -> None:
    copied(old, tmp_path / "new")

    manifest = Manifest.read(tmp_path / "new")
    assert manifest is not None
    assert manifest.space == SPACE


def test_a_second_copy_writes_nothing_and_has_the_same_checksum(old: Path, tmp_path: Path) -> None:
    first, second = copied(old, tmp_path / "new"), copied(old, tmp_path / "new")

    assert (second.copied, second.unchanged, second.files) == (0, 30, 0)
    assert second.checksum == first.checksum


def test_changed_images_are_copied_again_and_those_of_the_target_alone_stay(
    old: Path, tmp_path: Path
) -> None:
    copied(old, tmp_path / "new")
    extra, changed = made(1, start=99)[0], replace(made(1)[0], caption="another")
    with phosphene.open(tmp_path / "new") as new, phosphene.open(old) as opened:
        new.store.upsert([extra])
        opened.store.upsert([changed])

    done = copied(old, tmp_path / "new")

    assert (done.copied, done.unchanged) == (1, 29)
    assert set(content(tmp_path / "new")) == {*content(old), extra.id}
    assert content(tmp_path / "new")[changed.id][0].caption == "another"


def test_pictures_inside_the_old_folder_are_named_by_their_whole_path(tmp_path: Path) -> None:
    inside = replace(made(1)[0], uri="mine/a.jpg")
    old = library(tmp_path / "old", [inside])

    copied(old, tmp_path / "new")

    assert content(tmp_path / "new")[inside.id][0].uri == str(old / "mine" / "a.jpg")
    assert copied(old, tmp_path / "new").unchanged == 1


def test_a_generated_picture_without_a_file_is_counted(old: Path, tmp_path: Path) -> None:
    for file in list((old / "pictures").iterdir())[:3]:
        file.unlink()

    done = copied(old, tmp_path / "new")

    assert (done.copied, done.files, done.without_file) == (30, 7, 3)


def test_the_checksum_is_of_ids_properties_and_vectors_in_any_order(old: Path) -> None:
    with phosphene.open(old) as opened:
        found = digests(opened.store)
        [first] = opened.store.get([made(1)[0].id], vectors=True)
    assert first.vector is not None

    turned = {id: found[id] for id in reversed(found)}
    others = [
        replace(first, id="00000000-0000-5000-8000-ffffffffffff"),
        replace(first, caption="another"),
        replace(first, recipe={"seed": 1}),
        replace(first, vector=np.nextafter(first.vector, np.float32(2))),
    ]

    assert checksum(turned) == checksum(found)
    assert transfer.digest(replace(first, created="2026-01-31T13:00:00.000+01:00")) == found[first.id]
    for other in others:
        assert transfer.digest(other) != found[first.id]


def test_images_that_are_lost_on_the_way_are_named(old: Path, tmp_path: Path) -> None:
    with (
        phosphene.open(old) as source,
        phosphene.open(tmp_path / "new", space=SPACE, create=True) as target,
    ):
        lost = made(1)[0].id

        def meddle(done: int, total: int) -> None:
            target.store.delete([lost])

        with pytest.raises(StoreError, match=f"1 of 30 images are missing in the copy.*{lost}"):
            copy(side(source), side(target), meddle)


def test_another_space_is_refused_with_both_named(old: Path, tmp_path: Path) -> None:
    library(tmp_path / "other", [], Space("other:9", "other", 8))

    with pytest.raises(LibraryError) as caught:
        copied(old, tmp_path / "other")

    assert "tiny:0123" in caught.value.message
    assert "other:9" in caught.value.message
    assert content(tmp_path / "other") == {}


def test_a_library_is_not_copied_into_itself(old: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(old)

    with pytest.raises(LibraryError, match="into itself"):
        copied(old, tmp_path / "link")


@pytest.mark.parametrize("after", [1, 4])
def test_a_killed_copy_continues(old: Path, tmp_path: Path, after: int) -> None:
    words = [sys.executable, "-c", SMALL_BATCHES, str(old), str(tmp_path / "new")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after):
            assert process.stdout.readline()
        process.kill()

    done = copied(old, tmp_path / "new")

    assert done.unchanged >= 5 * after
    assert done.copied + done.unchanged == 30
    assert content(tmp_path / "new") == content(old)


# ── to a server and back ──────────────────────────────────────────────────────────────────


def test_a_copy_to_a_server_and_back_is_the_same_to_the_bit(
    old: Path, tmp_path: Path, weaviate: Server
) -> None:
    there = copied(old, weaviate.url("Copied"))
    again = copied(old, weaviate.url("Copied"))
    back = copied(weaviate.url("Copied"), tmp_path / "back")

    assert (there.copied, there.files, again.copied, again.unchanged) == (30, 10, 0, 30)
    assert there.checksum == again.checksum == back.checksum
    assert content(tmp_path / "back") == content(old)
    for file in (old / "pictures").iterdir():
        assert (tmp_path / "back" / "pictures" / file.name).read_bytes() == file.read_bytes()


def test_a_copy_to_a_server_that_was_killed_goes_on(old: Path, tmp_path: Path, weaviate: Server) -> None:
    url = weaviate.url("CopyKilled")
    words = [sys.executable, "-c", SMALL_BATCHES, str(old), url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert process.stdout.readline()
        process.kill()

    done = copied(old, url)

    assert done.unchanged >= 10
    assert done.copied + done.unchanged == 30
    assert content(url).keys() == content(old).keys()


def test_one_collection_is_copied_into_another_that_the_schema_command_made(
    old: Path, weaviate: Server
) -> None:
    """Follow the way around immutable settings that `phosphene schema apply` names."""
    copied(old, weaviate.url("Moved"))

    made = run("schema", "apply", weaviate.url("Moved2"))
    moved = run("copy", weaviate.url("Moved"), weaviate.url("Moved2"), "--json")

    assert made.exit_code == 0, made.stderr
    assert moved.exit_code == 0, moved.stderr
    assert json.loads(moved.stdout)["copied"] == 30
    assert content(weaviate.url("Moved2")) == content(weaviate.url("Moved"))


def test_a_server_of_another_space_is_refused_with_both_named(
    old: Path, tmp_path: Path, weaviate: Server
) -> None:
    copied(library(tmp_path / "other", [], Space("other:9", "other", 8)), weaviate.url("CopyOther"))

    refused = run("copy", old, weaviate.url("CopyOther"))

    assert refused.exit_code == 1
    assert "tiny:0123" in refused.stderr
    assert "other:9" in refused.stderr


# ── the command ───────────────────────────────────────────────────────────────────────────


def test_the_command_says_what_it_copied(old: Path, tmp_path: Path) -> None:
    first = run("copy", old, tmp_path / "new", "--json")
    second = run("copy", old, tmp_path / "new")

    told = json.loads(first.stdout)
    assert {key: told[key] for key in ("copied", "unchanged", "files", "without_file", "passed_over")} == {
        "copied": 30,
        "unchanged": 0,
        "files": 10,
        "without_file": 0,
        "passed_over": 0,
    }
    assert second.stdout.startswith(
        "copied 0, unchanged 30, files 0; everything was read back and is the same; checksum "
    )
    assert told["checksum"] in second.stdout


def test_no_library_is_made_where_there_is_none_to_copy(tmp_path: Path) -> None:
    result = run("copy", tmp_path / "typo", tmp_path / "new")

    assert result.exit_code == 1
    assert "There is no library" in result.stderr
    assert not (tmp_path / "new").exists()


def test_ctrl_c_says_how_far_it_came_and_the_next_copy_goes_on(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert: Callable[[LanceStore, Sequence[Image]], None] = LanceStore.upsert
    calls: list[int] = []

    def interrupted(store: LanceStore, images: Sequence[Image]) -> None:
        calls.append(len(images))
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        upsert(store, images)

    with monkeypatch.context() as patched:
        patched.setattr(LanceStore, "upsert", interrupted)
        stopped = run("copy", old, tmp_path / "new", "--batch-size", "5")

    assert stopped.exit_code == 130
    assert "10 images were copied; the same command goes on from there" in stopped.stderr
    assert json.loads(run("copy", old, tmp_path / "new", "--json").stdout)["unchanged"] == 10
    assert content(tmp_path / "new") == content(old)
