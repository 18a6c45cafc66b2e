"""Measure what filters add to a search of 100,000 images, which numpy answers from a snapshot.

    python bench/filters.py [--count 100000] [--dimension 512] [--json FILE]

The images have captions and fields as photographs have them. A figure is the CPU milliseconds of the process
for one call of `near` for ten images: the median of 9 calls, in which the filters take turns. `opened` is the
first call of a process after `import`, without a filter, and `megabytes` what the filters' columns take.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import record
from store_images import images, vectors

from phosphene.fields import Fields
from phosphene.query import parse_where
from phosphene.records import Image, Space
from phosphene.store.lance.filter_columns import MAPPED
from phosphene.store.lance.store import LanceStore

FILTERS = {
    "none": "",
    "a number": "rating:4..",
    "a time": "taken:2024",
    "a rare word": "keywords:k7",
    "a word that all have": "caption:house",
    "three": "taken:2024 rating:4.. -keywords:k7",
    "a path": "uri:/nowhere/at/all.jpg",
}
CALLS, BATCH, SEED = 9, 5000, 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(Path(folder), wanted.count, wanted.dimension)
    print(json.dumps(figures, indent=1))
    if wanted.json:
        record.write(wanted.json, figures)


def measured(folder: Path, count: int, dimension: int) -> dict[str, Any]:
    """All figures of a store that is made in a folder."""
    fill(folder, count, dimension)
    [query] = vectors(1, dimension, SEED + 1)
    began = time.process_time()
    store = LanceStore.open(folder)
    store.near(query, 10)
    opened = time.process_time() - began
    times: dict[str, list[float]] = {name: [] for name in FILTERS}
    wheres = {name: parse_where(text).filter for name, text in FILTERS.items()}
    for _ in range(CALLS):
        for name, where in wheres.items():
            began = time.process_time()
            store.near(query, 10, where)
            times[name].append(time.process_time() - began)
    return {
        "images": count,
        "opened_ms": round(opened * 1000, 1),
        "cpu_ms": {name: round(statistics.median(each) * 1000, 1) for name, each in times.items()},
        "found": {name: store.count(where) for name, where in wheres.items()},
        "megabytes": round(sum(sizes(folder)) / 1e6, 1),
    }


def fill(folder: Path, count: int, dimension: int) -> None:
    store = LanceStore.create(folder, Space("bench:0", "bench", dimension))
    made = map(described, images(vectors(count, dimension, SEED), 0, thumbnail=16))
    while batch := list(islice(made, BATCH)):
        store.upsert(batch)
    store.close()


def described(image: Image) -> Image:
    """The image with the fields of a photograph."""
    number = int(image.id[-12:])
    fields = Fields(
        taken=f"{2010 + number % 16}-{1 + number % 12:02}-15T12:00:00Z",
        camera="Canon EOS R5",
        place="Montmartre, Paris, France",
        rating=number % 6,
        keywords=(f"k{number % 1000}", "family", "holiday"),
    )
    return replace(image, fields=fields)


def sizes(folder: Path) -> list[int]:
    """The sizes of the arrays that filters read."""
    return [path.stat().st_size for name in MAPPED for path in folder.glob(f"snapshots/images.*/{name}.npy")]


if __name__ == "__main__":
    main()
