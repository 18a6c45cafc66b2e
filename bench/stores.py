"""Measure how fast a store takes and finds images, and how many of the true neighbours it finds.

    python bench/stores.py [--sizes 10000 100000] [--dimension 512] [--json FILE]
    python bench/stores.py --size 1000000 [--dimension 512] [--json FILE]

The stores are LanceDB in a temporary folder and, if the tests' server is installed (`make weaviate`), one
Weaviate. They are filled by `upsert` in batches of 256 with thumbnails, as `add` does it. `store_images.py`
says what the vectors are like. The queries are new vectors of the same kind. Recall counts how many of the
ten nearest by brute force in numpy are found. CPU times are those of this script and Weaviate's process
together. `indexed` is the largest size with the index that LanceStore builds above 100,000 images. Weaviate
always has an index. Memory is that of this script with its vectors, or of Weaviate's process.

With --size only LanceDB is measured, see `large_store.py`.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import large_store
import numpy as np
import record
from store_figures import percentiles, seconds_of, weighed
from store_images import id_of, images
from store_images import vectors as drawn

from phosphene.filters import GENERATED
from phosphene.records import Space
from phosphene.store import Store
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.upkeep import Upkeep
from phosphene.store.weaviate.address import Address
from phosphene.vectors import Vectors

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from weaviate_server import HOW, Server, binary

BATCH = 256
QUERIES = 100
NEIGHBOURS = 10

Columns = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Place:
    """A store that is measured, the folder that it fills, and the process that holds it."""

    name: str
    store: Store
    folder: Path
    process: int | str

    def spent(self) -> float:
        """The CPU seconds of this script and of the store's process, if that is another one."""
        if self.process == "self":
            return time.process_time()
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    arguments = _arguments()
    space = Space("bench:0", "bench", arguments.dimension)
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.size:
            columns = large_store.measure(Path(temporary), space, arguments.size)
        else:
            columns = both(Path(temporary), space, sorted(arguments.sizes))
    _print(columns)
    if arguments.json:
        record.write(arguments.json, columns)


def both(folder: Path, space: Space, sizes: list[int]) -> Columns:
    """The figures of both stores at each size."""
    vectors = drawn(sizes[-1], space.dimension, seed=0)
    served: Columns = {}
    if binary():  # this comes first, because LanceDB warns when its process starts another one
        served = weaviate(folder / "weaviate", space, vectors, sizes)
    else:
        print(f"without Weaviate: {HOW}", file=sys.stderr)
    return lance(folder / "lance", space, vectors, sizes) | served


def lance(folder: Path, space: Space, vectors: Vectors, sizes: list[int]) -> Columns:
    """The figures of the embedded store, also with an index at the largest size."""
    store = LanceStore.create(folder, space)
    columns = measure(Place("LanceDB", store, folder, "self"), vectors, sizes)
    indexed = LanceStore.open(folder, upkeep=Upkeep(exact_up_to=sizes[-1] - 1))
    build = seconds_of(lambda: _fill(indexed, vectors[:1], 0, 1))
    place = Place("LanceDB", indexed, folder, "self")
    columns["LanceDB indexed"] = {
        "index built, s": build,
        **_asked(place, vectors),
        **weighed(place.folder, place.process),
    }
    return columns


def weaviate(folder: Path, space: Space, vectors: Vectors, sizes: list[int]) -> Columns:
    """The figures of a server, which is started and stopped here."""
    from phosphene.store.weaviate.store import WeaviateStore

    with _running(Server(folder)) as server:
        assert server.process is not None, "it runs"
        store = WeaviateStore.create(Address.parse(server.url("Bench", timeout=120)), space)
        columns = measure(Place("Weaviate", store, folder / "data", server.process.pid), vectors, sizes)
        store.close()
    return columns


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def measure(place: Place, vectors: Vectors, sizes: list[int]) -> Columns:
    """The figures at each size."""
    columns: Columns = {}
    begin = 0
    for size in sizes:
        before = place.spent()
        seconds = seconds_of(lambda: _fill(place.store, vectors, begin, size))  # noqa: B023 — called at once
        spent = place.spent() - before
        columns[f"{place.name} {size:,}"] = {
            "adds/s": (size - begin) / seconds,
            "add, CPU ms": 1000 * spent / (size - begin),
            **_asked(place, vectors[:size]),
            **weighed(place.folder, place.process),
        }
        begin = size
    return columns


def _asked(place: Place, vectors: Vectors) -> dict[str, float]:
    """The milliseconds of reading and searching, and the recall."""
    store = place.store
    queries = drawn(QUERIES, vectors.shape[1], seed=1)
    true = [set(np.argsort(-scores)[:NEIGHBOURS]) for scores in queries @ vectors.T]
    found: list[set[int]] = []

    def near(number: int) -> None:
        found.append({int(hit.image.uri) for hit in store.near(queries[number], NEIGHBOURS)})

    near(0)
    found.clear()
    before = place.spent()
    p50, p95 = percentiles(near, QUERIES)
    spent = 1000 * (place.spent() - before) / QUERIES
    some = [id_of(number) for number in range(0, len(vectors), len(vectors) // NEIGHBOURS)]
    return {
        "near 10, CPU ms": spent,
        "near 10, p50 ms": p50,
        "near 10, p95 ms": p95,
        "recall@10": sum(len(a & b) for a, b in zip(found, true, strict=True)) / NEIGHBOURS / QUERIES,
        "near 10 generated (1 in 10), p50 ms": percentiles(
            lambda number: store.near(queries[number], NEIGHBOURS, GENERATED), QUERIES
        )[0],
        "get 10, p50 ms": percentiles(lambda _: store.get(some), QUERIES)[0],
        "10 thumbnails, p50 ms": percentiles(lambda _: store.thumbnails(some), QUERIES)[0],
        "iterate, images/s": len(vectors) / seconds_of(lambda: sum(1 for _ in store.iterate())),
        "iterate with vectors, images/s": len(vectors)
        / seconds_of(lambda: sum(1 for _ in store.iterate(vectors=True))),
    }


def _fill(store: Store, vectors: Vectors, begin: int, end: int) -> None:
    for start in range(begin, end, BATCH):
        store.upsert(list(images(vectors[start : min(end, start + BATCH)], start)))


def _print(columns: Columns) -> None:
    names = dict.fromkeys(name for column in columns.values() for name in column)
    print(f"{'':<38}" + "".join(f"{title:>32}" for title in columns))
    for name in names:
        cells = (f"{column[name]:,.4g}" if name in column else "" for column in columns.values())
        print(f"{name:<38}" + "".join(f"{cell:>32}" for cell in cells))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--size", type=int, help="fill only LanceDB, with so many images")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
