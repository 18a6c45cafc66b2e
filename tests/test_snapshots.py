"""Snapshots give what LanceDB gives, follow what is written, and fail silently where they cannot help."""

import io
import multiprocessing
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest
from PIL import Image as Pillow

from oracle import SPACE, Oracle, made
from phosphene.errors import PassedOver, QueryError, StoreError
from phosphene.filters import EVERYTHING, Equals
from phosphene.records import Image
from phosphene.store.lance.snapshot import Snapshot
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.table_reader import TableReader
from phosphene.store.lance.upkeep import GRACE, Upkeep
from phosphene.vectors import unit

QUERY = unit(np.arange(8) - 2.0)
ALL = [image.id for image in made(100)]


def with_thumbnails(images: Sequence[Image], letter: str = "a") -> list[Image]:
    """The images with thumbnails as large as real ones, which LanceDB does not compress."""
    return [replace(image, thumbnail=thumbnail(f"{letter}{image.id}")) for image in images]


def thumbnail(seed: str) -> bytes:
    pixels = np.random.default_rng(list(seed.encode())).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def written(folder: Path, count: int = 60) -> Path:
    """The folder of a store with some images and their snapshots."""
    store = LanceStore.create(folder, SPACE)
    store.upsert(with_thumbnails(made(count)))
    store.close()
    return folder


def folders(store: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in (store / "snapshots").glob("*"))


def opens_lancedb(folder: Path) -> bool:
    """Whether a store reads, searches and shows thumbnails with LanceDB. Also compares all that it gives."""
    store, tables = LanceStore.open(folder), LanceStore.open(folder)._lancedb
    assert sorted(store.iterate(), key=str) == sorted(tables.iterate(EVERYTHING), key=str)
    assert store.count() == tables.count()
    found, true = store.near(QUERY, 9, vectors=True), tables.near(QUERY, 9, EVERYTHING, vectors=True)
    assert [hit.image for hit in found] == [hit.image for hit in true]
    assert all(np.array_equal(a.image.vector, b.image.vector) for a, b in zip(found, true, strict=True))
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in true], abs=1e-6)
    assert store.thumbnails(ALL) == tables.thumbnails(ALL)
    return store._tables.opened


def test_a_store_that_was_closed_is_read_without_lancedb(tmp_path: Path) -> None:
    assert folders(written(tmp_path)) == ["images", "thumbnails"]

    assert not opens_lancedb(tmp_path)
    assert len(LanceStore.open(tmp_path).thumbnails(ALL)) == 60


def test_an_empty_store_is_read_without_lancedb(tmp_path: Path) -> None:
    assert not opens_lancedb(written(tmp_path, 0))


def test_what_another_process_writes_is_read_with_lancedb_until_it_is_closed(tmp_path: Path) -> None:
    reader, writer = LanceStore.open(written(tmp_path)), LanceStore.open(tmp_path)

    writer.upsert(with_thumbnails(made(5, start=60)))

    assert reader.count() == 65
    assert opens_lancedb(tmp_path)
    reader.close()
    assert not opens_lancedb(tmp_path)
    assert folders(tmp_path) == ["images", "thumbnails"], "the older ones are removed"


def test_a_version_that_is_searched_twice_gets_a_snapshot(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE)
    store.upsert(made(5))

    first = store.near(QUERY, 3)
    assert folders(tmp_path) == []
    assert [hit.image for hit in store.near(QUERY, 3)] == [hit.image for hit in first]

    assert folders(tmp_path) == ["images", "thumbnails"]
    assert isinstance(store._reader(), Snapshot)


def test_a_writer_that_searches_after_each_write_writes_no_snapshots(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE)

    for number in range(3):
        store.upsert(made(1, start=number))
        assert len(store.near(QUERY, 9)) == number + 1

    assert folders(tmp_path) == []


# LanceDB warns of so short a time to keep old versions, rightly; in use it is a minute or more.
@pytest.mark.filterwarnings("ignore:optimize.cleanup_older_than=0:UserWarning")
def test_snapshots_follow_writes_deletions_and_merged_files(tmp_path: Path) -> None:
    soon = dict.fromkeys(GRACE, timedelta(microseconds=1))
    random, oracle = np.random.default_rng(0), Oracle()
    for number in range(8):
        store = LanceStore.create(tmp_path, SPACE, upkeep=Upkeep(fragments=3, grace=soon))
        images = with_thumbnails(made(12, start=int(random.integers(60))), letter=str(number))
        gone = [image.id for image in made(4, start=int(random.integers(60)))]
        for each in (store, oracle):
            each.upsert(images)
            each.delete(gone)
        store.close()

        assert not opens_lancedb(tmp_path)
        assert LanceStore.open(tmp_path).thumbnails(ALL) == oracle.thumbnails(ALL)
        assert sorted(store.iterate(), key=str) == sorted(oracle.iterate(), key=str)


def test_rows_of_another_store_in_the_same_place_are_not_taken_over(tmp_path: Path) -> None:
    """The first rows of every store have the same addresses."""
    written(tmp_path / "one")
    other = LanceStore.create(tmp_path / "two", SPACE)
    other.upsert(with_thumbnails([replace(image, vector=QUERY) for image in made(60)], letter="b"))
    for table in ("images.lance", "thumbnails.lance"):
        shutil.rmtree(tmp_path / "one" / table)
        shutil.copytree(tmp_path / "two" / table, tmp_path / "one" / table)

    assert opens_lancedb(tmp_path / "one")
    store = LanceStore.open(tmp_path / "one")
    assert store.near(QUERY, 1)[0].score == store.near(QUERY, 1)[0].score == pytest.approx(1)
    store.close()
    assert not opens_lancedb(tmp_path / "one")


def test_stores_that_are_closed_at_once_leave_whole_snapshots(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE)
    store.upsert(with_thumbnails(made(60)))

    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(count_and_close, [tmp_path] * 6)) == [60] * 6

    assert folders(tmp_path) == ["images", "thumbnails"]
    assert not opens_lancedb(tmp_path)


def count_and_close(folder: Path) -> int:
    store = LanceStore.open(folder)
    count = store._lancedb.count()
    store.close()
    return count


# ── damage, strangers and limits ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["ids", "space", "vectors", "ends", "rows", "lengths", "addresses", "files"])
@pytest.mark.parametrize("damage", ["cut off", "gone", "another type"])
def test_a_damaged_snapshot_is_not_used_and_is_written_again(tmp_path: Path, name: str, damage: str) -> None:
    [file] = written(tmp_path).glob(f"snapshots/images.*/{name}.npy")
    if damage == "cut off":
        file.write_bytes(file.read_bytes()[:-5])
    elif damage == "gone":
        file.unlink()
    else:
        np.save(file, np.zeros((60, 8), np.complex64))

    assert opens_lancedb(tmp_path)
    LanceStore.open(tmp_path).close()
    assert not opens_lancedb(tmp_path)


def test_a_row_that_is_damaged_is_an_error_and_a_repair_removes_it(tmp_path: Path) -> None:
    [file] = written(tmp_path).glob("snapshots/images.*/rows.npy")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + b"\0" * (len(content) - len(content) // 2))
    store = LanceStore.open(tmp_path)

    with pytest.raises(StoreError, match="is damaged") as caught:
        list(store.iterate())

    assert "repair" in caught.value.hint
    store.mend()
    assert len(list(store.iterate())) == 60


def test_a_thumbnail_that_is_not_where_it_was_is_read_with_lancedb(tmp_path: Path) -> None:
    [file] = written(tmp_path).glob("snapshots/thumbnails.*/offsets.npy")
    np.save(file, np.load(file) + 1)

    assert opens_lancedb(tmp_path)


def test_small_thumbnails_which_lancedb_compresses_are_found_all_the_same(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE)
    store.upsert([replace(image, thumbnail=b"tiny" * 3) for image in made(60)])
    store.close()

    assert LanceStore.open(tmp_path).thumbnails(ALL) == dict.fromkeys(ALL[:60], b"tiny" * 3)
    opens_lancedb(tmp_path)


def test_a_store_with_a_row_that_is_no_image_has_no_snapshot(tmp_path: Path) -> None:
    written(tmp_path)
    lancedb.connect(tmp_path).open_table("images").update(where=f"id = '{ALL[3]}'", values={"id": "no id"})
    store = LanceStore.open(tmp_path)

    with pytest.warns(PassedOver, match="no id"):
        assert len(list(store.iterate())) == 59
    store.close()

    assert isinstance(LanceStore.open(tmp_path)._reader(), TableReader)
    assert [name for name in folders(tmp_path) if name != "thumbnails"] == ["images"], "only the older one"


def test_a_large_store_has_no_snapshot(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE, upkeep=Upkeep(exact_up_to=50))
    store.upsert(made(60))
    store.near(QUERY, 3)
    store.near(QUERY, 3)
    store.close()

    assert folders(tmp_path) == []


def test_a_snapshot_of_a_store_that_has_grown_large_is_not_used(tmp_path: Path) -> None:
    written(tmp_path)

    store = LanceStore.open(tmp_path, upkeep=Upkeep(exact_up_to=50))

    assert isinstance(store._reader(), TableReader)


def test_the_beginning_of_an_id_is_completed_with_and_without_a_snapshot(tmp_path: Path) -> None:
    folder = written(tmp_path / "store")
    snapshot, tables = LanceStore.open(folder), LanceStore.open(folder, snapshots=False)
    for start in (ALL[3][:8], ALL[3][:13], ALL[3], ALL[70][:8], "no id at all", "' OR true --"):
        expected = [id for id in ALL[:60] if id.startswith(start)]
        assert snapshot.ids_beginning(start) == tables.ids_beginning(start) == expected
    assert isinstance(snapshot._reader(), Snapshot)


def test_a_filter_by_an_unknown_field_is_refused(tmp_path: Path) -> None:
    store = LanceStore.open(written(tmp_path))

    with pytest.raises(QueryError, match="no field `colour`"):
        store.count(Equals("colour", "red"))


def test_a_full_disk_leaves_no_half_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    store = LanceStore.create(tmp_path, SPACE)
    store.upsert(made(5))
    monkeypatch.setattr("phosphene.store.lance.array_files.sync", full)

    store.close()

    assert folders(tmp_path) == []
    assert store.count() == 5
