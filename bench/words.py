"""Measure what a search for words costs in a library in a folder.

    python bench/words.py [--images 100000] [--json FILE]

Each image has a caption of twelve words, drawn by Zipf's law. The figures are milliseconds of the CPU: the
median for one rare word, for four rare ones and for the four most frequent ones, all found in a snapshot.
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import record

from phosphene.batches import batched
from phosphene.records import Image
from phosphene.store.lance.store import LanceStore
from phosphene.testing.example_images import SPACE, made

VOCABULARY, LENGTH, BATCH, RUNS, FOUND = 3000, 12, 10_000, 9, 100
ASKED = {
    "one_rare_word": ["w2000"],
    "four_rare_words": ["w2000", "w2100", "w2200", "w2300"],
    "four_frequent_words": ["w0", "w1", "w2", "w3"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        figures = measure(filled(Path(folder), arguments.images))
    for name, value in figures.items():
        print(f"{name:<24} {value} ms")
    if arguments.json:
        record.write(arguments.json, figures)


def filled(folder: Path, count: int) -> LanceStore:
    """A store of images with captions, which has a snapshot."""
    store = LanceStore.create(folder, SPACE)
    for batch in batched(captioned(count), BATCH):
        store.upsert(batch)
    store.close()
    return LanceStore.open(folder)


def captioned(count: int) -> Iterator[Image]:
    """Images with random captions. The word `w0` is the most frequent one."""
    chance, ranks = np.random.default_rng(0), np.arange(1, VOCABULARY + 1)
    for image in made(count):
        places = chance.choice(VOCABULARY, LENGTH, p=(1 / ranks) / (1 / ranks).sum())
        caption = " ".join(f"w{place}" for place in places)
        yield replace(image, caption=caption, captions=(caption,))


def measure(store: LanceStore) -> dict[str, float]:
    """The medians in milliseconds of the CPU."""
    return {name: round(statistics.median(costs(store, words)), 1) for name, words in ASKED.items()}


def costs(store: LanceStore, words: Sequence[str]) -> list[float]:
    found = []
    for _ in range(RUNS):
        start = time.process_time()
        store.by_words(words, FOUND)
        found.append(1000 * (time.process_time() - start))
    return found


if __name__ == "__main__":
    main()
