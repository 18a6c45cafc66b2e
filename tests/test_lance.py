"""The embedded store withstands other processes, kills, full disks and many images."""

import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from oracle import SPACE, Oracle, made, vectors_like_embeddings
from phosphene.errors import PhospheneError, StoreError
from phosphene.filters import GENERATED, IMPORTED, Filter, Not, all_of, with_ids
from phosphene.records import Image, Space
from phosphene.store.lance import problems, upkeep
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.upkeep import GRACE, Upkeep
from phosphene.vectors import unit

QUERY = unit(np.arange(8) - 2.0)
BATCH = 40


def in_processes(deed: Callable[..., Any], *arguments: tuple[Any, ...]) -> list[Any]:
    """Call a function in a new process for each tuple of arguments, all at once, and return the results."""
    context = multiprocessing.get_context("spawn")  # LanceDB's threads do not survive a fork
    with ProcessPoolExecutor(len(arguments), mp_context=context) as pool:
        return [future.result() for future in [pool.submit(deed, *each) for each in arguments]]


# ── many at once ──────────────────────────────────────────────────────────────────────────


def write_what_others_write(folder: Path, place: int) -> int:
    store = LanceStore.create(folder, SPACE)
    (folder.parent / f"ready {place}").touch()
    while len(list(folder.parent.glob("ready *"))) < 4:
        time.sleep(0.01)
    for number in range(4):
        store.upsert(made(15, start=10 * number))
        store.upsert(made(5, start=1000 * (place + 1) + 10 * number))
    return store.count()


def test_processes_that_write_the_same_new_ids_at_once_make_no_duplicates(tmp_path: Path) -> None:
    in_processes(write_what_others_write, *((tmp_path / "store", place) for place in range(4)))

    found = [image.id for image in LanceStore.create(tmp_path / "store", SPACE).iterate()]
    assert len(found) == len(set(found)) == 45 + 4 * 20


def test_threads_that_share_a_store_make_no_duplicates(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.upsert(made(20, start=5 * (number // 2))), range(8)))

    found = [image.id for image in store.iterate()]
    assert len(found) == len(set(found)) == 35


def test_a_writer_says_for_whom_it_waited_in_vain(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE, upkeep=Upkeep(lock_timeout=0.1))

    with problems.lock(tmp_path), pytest.raises(StoreError, match=r"write\.lock") as caught:
        store.upsert(made(1))

    assert "wait for the other process" in caught.value.hint
    assert store.count() == 0


# ── kills, full disks, permissions, damage ────────────────────────────────────────────────


def write_until_killed(folder: Path, told: Connection) -> None:
    store = LanceStore.create(folder, SPACE)
    for number in range(1000):
        store.upsert(made(BATCH, start=BATCH * (store.count() // BATCH)))
        told.send(number)


def test_a_kill_in_the_middle_of_writing_leaves_whole_batches(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    writer = context.Process(target=write_until_killed, args=(tmp_path, theirs))
    writer.start()
    for _ in range(6):
        ours.recv()
    writer.kill()
    writer.join()

    store = LanceStore.create(tmp_path, SPACE)
    images = list(store.iterate())
    assert len(images) >= 6 * BATCH
    assert len(images) % BATCH == 0
    assert len(store.thumbnails([image.id for image in images])) == len(images)
    store.upsert(made(BATCH, start=len(images)))
    assert store.count() == len(images) + BATCH


def write_on_a_full_disk(folder: Path) -> tuple[PhospheneError, int]:
    store = LanceStore.create(folder, SPACE)
    store.upsert(made(5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    with pytest.raises(StoreError) as caught:
        store.upsert(made(500))
    return caught.value, store.count()


def test_a_full_disk_is_an_error_and_stored_images_stay_intact(tmp_path: Path) -> None:
    [(error, count)] = in_processes(write_on_a_full_disk, (tmp_path,))

    assert error.message.startswith(f"The store in `{tmp_path}` cannot be written")
    assert ".rs:" not in error.message
    assert "free some space" in error.hint
    assert count == 5
    store = LanceStore.create(tmp_path, SPACE)
    store.upsert(made(500))
    assert store.count() == 500


def write_as_nobody(folder: Path) -> tuple[PhospheneError, int]:
    LanceStore.create(folder, SPACE).delete([])  # imports what another user may not read
    if os.geteuid() == 0:
        os.setuid(65534)
    store = LanceStore.create(folder, SPACE)
    with pytest.raises(StoreError) as caught:
        store.upsert(made(5))
    return caught.value, len(store.near(QUERY, 10))


def test_a_store_that_may_only_be_read_is_read_and_says_why_not_written() -> None:
    with TemporaryDirectory() as name:  # pytest's own is closed to others
        folder = Path(name)
        LanceStore.create(folder, SPACE).upsert(made(3))
        folder.chmod(0o555)

        [(error, found)] = in_processes(write_as_nobody, (folder,))

        folder.chmod(0o755)
    assert "Permission denied" in error.message
    assert "writable" in error.hint
    assert found == 3


def test_a_store_of_which_nothing_is_whole_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    LanceStore.create(tmp_path, SPACE).upsert(made(3))
    for file in (tmp_path / "images.lance/_versions").iterdir():
        file.write_bytes(b"damaged")

    with pytest.raises(StoreError, match=r"The store in .* cannot be read") as caught:
        LanceStore.create(tmp_path, SPACE)

    assert "repair" in caught.value.hint


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no store in"):
        LanceStore.open(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_a_store_that_was_killed_while_being_made_is_made_whole(tmp_path: Path, left: str) -> None:
    LanceStore.create(tmp_path, SPACE)
    shutil.rmtree(tmp_path / "images.lance")
    if left == "an empty folder":
        (tmp_path / "images.lance").mkdir()

    store = LanceStore.create(tmp_path, SPACE)

    store.upsert(made(3))
    assert store.count() == len(store.thumbnails([image.id for image in made(3)])) == 3


# ── the habits of LanceDB ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["a b", "100%20", "a#b?c=d", "ünï-雪", "$(x)", "it's", "-L"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    LanceStore.create(tmp_path / name, SPACE).upsert(made(2))

    assert LanceStore.create(tmp_path / name, SPACE).count() == 2
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = LanceStore.create(tmp_path, SPACE)
    store.upsert(made(3))
    store.near(QUERY, 2, IMPORTED)
    store.delete([made(1)[0].id])

    assert capfd.readouterr() == ("", "")


# LanceDB warns of so short a time to keep old versions, rightly; in use it is a minute or more.
@pytest.mark.filterwarnings("ignore:optimize.cleanup_older_than=0:UserWarning")
def test_many_small_writes_do_not_pile_up_files(tmp_path: Path) -> None:
    soon = dict.fromkeys(GRACE, timedelta(microseconds=1))
    store = LanceStore.create(tmp_path, SPACE, upkeep=Upkeep(fragments=4, grace=soon))

    for number in range(20):
        store.upsert(made(2, start=2 * number))

    for table in ("images.lance", "thumbnails.lance"):
        assert len(list((tmp_path / table / "data").iterdir())) <= 5
    assert sorted(store.iterate(), key=lambda image: image.id) == [
        image for number in range(20) for image in made(2, start=2 * number)
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc to see open files")
def test_no_file_stays_open_between_calls(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE)
    store.upsert(made(3))
    store.near(QUERY, 3)

    opened = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert [path for path in opened if path.is_relative_to(tmp_path)] == []


# ── an index, above a number of images ────────────────────────────────────────────────────

WIDE = Space(id="wide:0123", name="wide", dimension=128)
MANY = 3000


def wide(count: int, start: int = 0) -> list[Image]:
    """Images in 60 clusters."""
    centres = vectors_like_embeddings(60, WIDE.dimension, seed=60)
    return [
        replace(image, vector=unit(image.vector + 2 * centres[number % 60]))
        for number, image in enumerate(made(count, start=start, dimension=WIDE.dimension))
    ]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Oracle]:
    """A store with an index of 2,500 images and 500 newer ones, and an oracle with the same images."""
    folder, oracle = tmp_path_factory.mktemp("indexed"), Oracle(WIDE)
    store = LanceStore.create(folder, WIDE, upkeep=Upkeep(exact_up_to=2000))
    for images in (wide(2000), wide(500, 2000), wide(500, 2500)):
        assert store.info().exact == (store.count() <= 2000)
        store.upsert(images)
        oracle.upsert(images)
    return folder, oracle


def test_above_its_number_a_store_asks_an_index_and_misses_next_to_nothing(
    indexed: tuple[Path, Oracle],
) -> None:
    folder, oracle = indexed
    store = LanceStore.open(folder, upkeep=Upkeep(exact_up_to=2000))
    queries = vectors_like_embeddings(50, WIDE.dimension, seed=99)

    found = [{hit.image.id for hit in store.near(query, 10)} for query in queries]
    true = [{hit.image.id for hit in oracle.near(query, 10)} for query in queries]

    assert not store.info().exact
    assert sum(len(a & b) for a, b in zip(found, true, strict=True)) >= 0.99 * 10 * len(queries)


@pytest.mark.parametrize(
    "where",
    [
        with_ids(image.id for image in wide(MANY)[::300]),
        all_of(GENERATED, Not(with_ids(image.id for image in wide(1000)))),
    ],
    ids=["only ten", "a third of the rest"],
)
def test_a_filter_that_leaves_few_is_exact_in_spite_of_the_index(
    indexed: tuple[Path, Oracle], where: Filter
) -> None:
    folder, oracle = indexed
    store = LanceStore.open(folder, upkeep=Upkeep(exact_up_to=2000))

    for query in vectors_like_embeddings(10, WIDE.dimension, seed=98):
        found, true = store.near(query, 10, where), oracle.near(query, 10, where)
        assert [hit.image.id for hit in found] == [hit.image.id for hit in true]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in true], abs=1e-5)


def test_a_query_for_more_images_than_the_visited_cells_hold_is_exact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(upkeep, "CELL", 64)
    monkeypatch.setattr(upkeep, "VISITED", 0.1)  # so one of the cells is visited
    store = LanceStore.create(tmp_path, WIDE, upkeep=Upkeep(exact_up_to=1000))
    store.upsert(wide(1100))
    query = vectors_like_embeddings(1, WIDE.dimension, seed=97)[0]

    hits = store.near(query, 1100)

    assert not store.info().exact
    assert len(store.near(query, 5)) == 5
    assert len({hit.image.id for hit in hits}) == 1100


def test_vectors_of_any_dimension_get_an_index(tmp_path: Path) -> None:
    odd = Space(id="odd:0123", name="odd", dimension=50)
    store = LanceStore.create(tmp_path, odd, upkeep=Upkeep(exact_up_to=1000))
    images = made(1100, dimension=50)
    store.upsert(images)

    assert not store.info().exact
    assert store.near(images[7].vector, 1)[0].image.id == images[7].id


def test_a_write_after_the_index_was_built_is_in_the_very_next_search(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE, upkeep=Upkeep(exact_up_to=1000))
    store.upsert(made(1100))
    moved = replace(made(1)[0], caption="moved", vector=QUERY)
    new = replace(made(1, start=5000)[0], vector=QUERY)

    store.upsert([moved, new])

    assert not store.info().exact
    assert sorted(hit.image.caption for hit in store.near(QUERY, 2)) == sorted(["moved", new.caption])
    assert store.delete([moved.id]) == 1
    assert store.near(QUERY, 1)[0].image == new


def test_the_index_is_built_again_when_it_has_fallen_behind(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path, SPACE, upkeep=Upkeep(exact_up_to=1000))
    indices = tmp_path / "images.lance" / "_indices"

    store.upsert(made(1100))
    assert len(list(indices.iterdir())) == 1
    store.upsert(made(100, start=1100))
    assert len(list(indices.iterdir())) == 1
    store.upsert(made(400, start=1200))
    assert len(list(indices.iterdir())) == 2
