"""Times one embedding model in this process: `python -m phosphene.catalogue.timing NAME DEVICE ROUNDS`.

It prints a line of JSON after each step. The last line has the figures, or the error.
"""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from phosphene.config import cores
from phosphene.embedding import Embedder, open_embedder
from phosphene.errors import PhospheneError
from phosphene.ingest.loop import BATCH
from phosphene.ingest.worker import one_core_each
from phosphene.machine import peak_memory, processor

TEXTS = 9  # of which the median is taken
SIZE = (480, 640, 3)  # of the picture, before it is prepared


def timed(name: str, device: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Load a model, embed single texts, and `rounds` times a batch of pictures on each core."""
    total = rounds + 2
    started = perf_counter()
    embedder = open_embedder(name, device=device)
    embedder.texts(["a house by a lake"])
    loading = perf_counter() - started
    yield {"done": 1, "total": total}
    text = median(_seconds_of_text(embedder, number) for number in range(TEXTS))
    yield {"done": 2, "total": total}
    seconds = 0.0
    for done, spent in enumerate(_rounds(embedder, rounds), start=3):
        seconds += spent
        yield {"done": done, "total": total}
    found = {
        "processor": processor(),
        "cores": cores(),
        "device": device,
        "seconds_loading": round(loading, 3),
        "seconds_a_text": round(text, 5),
        "pictures_a_second": round(rounds * cores() * BATCH / seconds, 2) if rounds else 0,
        "peak_memory": peak_memory(),
    }
    yield {"done": total, "total": total, "found": found}


def _seconds_of_text(embedder: Embedder, number: int) -> float:
    started = perf_counter()
    embedder.texts([f"a house by a lake and {number} boats"])
    return perf_counter() - started


def _rounds(embedder: Embedder, rounds: int) -> Iterator[float]:
    """The seconds of each round. What is done for the first picture alone does not count."""
    noise = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)
    prepared = embedder.prepare(Image.fromarray(noise))
    embedder.pictures([prepared])
    with (
        one_core_each(embedder) as initializer,
        ThreadPoolExecutor(cores(), initializer=initializer) as pool,
    ):
        for _ in range(rounds):
            started = perf_counter()
            batches = [pool.submit(embedder.pictures, [prepared] * BATCH) for _ in range(cores())]
            for batch in batches:
                batch.result()
            yield perf_counter() - started


def main() -> None:
    """Time the model that the arguments name."""
    name, device, rounds = sys.argv[1:]
    try:
        for step in timed(name, device, int(rounds)):
            print(json.dumps(step), flush=True)
    except PhospheneError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}))


if __name__ == "__main__":
    main()
