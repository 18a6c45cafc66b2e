"""An embedded store survives a power cut that leaves files empty, cut off, full of zeros or missing."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oracle import SPACE, made
from phosphene.errors import Damage, StoreError
from phosphene.records import Image
from phosphene.store.lance import durable
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.upkeep import Upkeep

Cut = Callable[[Path], object]

CUTS: dict[str, Cut] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: os.truncate(file, file.stat().st_size // 2),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
}


def opened(folder: Path) -> LanceStore:
    """The store of a library's folder, without the warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Damage)
        return LanceStore.open(folder / "store")


def written(folder: Path, *batches: Sequence[Image]) -> Path:
    """The folder of a library whose store got each of these batches in a commit of its own."""
    store = LanceStore.create(folder / "store", SPACE)
    for batch in batches:
        store.upsert(batch)
    return folder


def newest(folder: Path, table: str = "images", part: str = "_versions") -> Path:
    if part == "_versions":
        return min((folder / "store" / f"{table}.lance" / part).glob("*.manifest"))
    files = (folder / "store" / f"{table}.lance" / part).iterdir()
    return max(files, key=lambda file: file.stat().st_mtime_ns)


def everything(store: LanceStore) -> dict[str, Any]:
    images = list(store.iterate(vectors=True))
    small = store.thumbnails([image.id for image in images])
    return {image.id: (image, small.get(image.id)) for image in images}


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ── commits are on the disk ───────────────────────────────────────────────────────────────


def test_a_write_returns_when_all_of_its_files_and_their_folders_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[Path] = set()
    for name in ("sync", "sync_folder"):
        monkeypatch.setattr(durable, name, lambda what: flushed.add(named(what)))
    store = LanceStore.create(tmp_path, SPACE)

    for write in (lambda: store.upsert(made(5)), lambda: store.delete([made(1)[0].id])):
        flushed.clear()
        before = set(files(tmp_path))
        write()
        new = {path for path in set(files(tmp_path)) - before if path.name != "write.lock"}
        assert len(new) >= 3
        assert new <= flushed
        assert {path.parent for path in new} <= flushed


def named(what: Path | int) -> Path:
    return what if isinstance(what, Path) else Path(f"/proc/self/fd/{what}").resolve()


def test_files_that_another_process_may_not_have_flushed_are_flushed_by_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, made(5))
    flushed: set[Path] = set()
    monkeypatch.setattr(durable, "sync", lambda handle: flushed.add(named(handle)))

    opened(tmp_path).upsert(made(5, start=5))

    assert {path for path in files(tmp_path) if ".lance" in str(path)} <= flushed


# ── the newest version is damaged ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("part", ["_versions", "data"])
@pytest.mark.parametrize("table", ["images", "thumbnails"])
def test_a_damaged_newest_version_loses_nothing_else(tmp_path: Path, table: str, part: str, cut: str) -> None:
    written(tmp_path, made(5), made(5, start=5))
    CUTS[cut](newest(tmp_path, table, part))
    left = files(tmp_path)

    with pytest.warns(Damage, match="is damaged, perhaps by a power cut"):
        store = LanceStore.open(tmp_path / "store")

    held = everything(store)
    kept = made(5) if table == "images" else made(5) + made(5, start=5)
    assert held.keys() == {image.id for image in kept}
    assert all(held[image.id][1] == image.thumbnail for image in made(5))
    assert store.near(made(1)[0].vector, 1)[0].image == made(1)[0]
    assert files(tmp_path) == left, "reading wrote something"


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("part", ["_versions", "data"])
def test_the_next_write_sets_the_damaged_files_aside_and_deletes_nothing(
    tmp_path: Path, part: str, cut: str
) -> None:
    written(tmp_path, made(5), made(5, start=5))
    CUTS[cut](newest(tmp_path, "images", part))
    left = files(tmp_path)

    opened(tmp_path).upsert(made(5, start=5))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        held = everything(LanceStore.open(tmp_path / "store"))
    assert held == {image.id: (image, image.thumbnail) for image in made(5) + made(5, start=5)}
    contents = list(files(tmp_path).values())
    assert [
        path for path, content in left.items() if content not in contents and path.suffix != ".json"
    ] == []
    assert any((tmp_path / "set-aside").rglob("*.manifest"))


def test_several_damaged_versions_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path, made(5), made(5, start=5), made(5, start=10))
    for _ in range(2):
        newest(tmp_path).rename(newest(tmp_path).with_suffix(".kept"))
    for kept in (tmp_path / "store/images.lance/_versions").glob("*.kept"):
        kept.write_bytes(b"")
        kept.rename(kept.with_suffix(".manifest"))

    assert len(everything(opened(tmp_path))) == 5


def test_an_old_file_that_is_damaged_costs_only_its_own_images(tmp_path: Path) -> None:
    """Every older version names that file or has fewer images, so none holds more."""
    written(tmp_path, made(5), made(20, start=5))
    oldest = min((tmp_path / "store/images.lance/data").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    oldest.unlink()

    assert everything(opened(tmp_path)).keys() == {image.id for image in made(20, start=5)}
    opened(tmp_path).upsert(made(2, start=100))

    store = LanceStore.open(tmp_path / "store")
    assert not store.damaged
    assert store.count() == 22


def test_after_a_lost_deletion_the_images_are_there_again(tmp_path: Path) -> None:
    written(tmp_path, made(5))
    opened(tmp_path).delete([made(1)[0].id])
    newest(tmp_path, part="_deletions").write_bytes(b"")

    assert len(everything(opened(tmp_path))) == 5


def test_captions_whose_new_version_is_lost_are_those_of_before(tmp_path: Path) -> None:
    written(tmp_path, made(5), [replace(image, caption="new") for image in made(2)])
    newest(tmp_path, part="data").unlink()

    assert everything(opened(tmp_path)).keys() == {image.id for image in made(5)}
    assert {image.caption for image in opened(tmp_path).iterate()} == {image.caption for image in made(5)}


def test_a_damaged_index_is_not_asked_and_built_again(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path / "store", SPACE, upkeep=Upkeep(exact_up_to=1000))
    store.upsert(made(1100))
    indices = tmp_path / "store/images.lance/_indices"
    for file in indices.rglob("*.idx"):
        os.truncate(file, 100)

    with pytest.warns(Damage):
        store = LanceStore.open(tmp_path / "store", upkeep=Upkeep(exact_up_to=1000))
    assert store.info().exact
    assert store.near(made(1100)[7].vector, 1)[0].image == made(1100)[7]
    store.upsert(made(10, start=2000))

    store = LanceStore.open(tmp_path / "store", upkeep=Upkeep(exact_up_to=1000))
    assert not store.damaged
    assert not store.info().exact
    assert store.count() == 1110


def test_without_any_whole_version_it_is_an_error_that_names_the_repair(tmp_path: Path) -> None:
    written(tmp_path, made(5))
    for manifest in (tmp_path / "store/images.lance/_versions").glob("*.manifest"):
        manifest.write_bytes(b"")

    with pytest.raises(StoreError, match="none of its versions is intact") as caught:
        LanceStore.create(tmp_path / "store", SPACE)
    assert "repair" in caught.value.hint


def test_a_manifest_that_names_a_file_elsewhere_is_not_used_and_moves_nothing(tmp_path: Path) -> None:
    """A stranger may have written it."""
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    written(tmp_path, made(5), made(5, start=5))
    name = newest(tmp_path, part="data").name.encode()
    forged = b"../../../" + b"/" * (len(name) - 9 - len(victim.name)) + victim.name.encode()
    manifest = newest(tmp_path)
    manifest.write_bytes(manifest.read_bytes().replace(name, forged))

    opened(tmp_path).upsert(made(5, start=5))

    assert victim.read_text() == "mine"
    assert LanceStore.open(tmp_path / "store").count() == 10
