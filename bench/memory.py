"""Measure how much memory adding takes while a library grows.

    python bench/memory.py [--pictures 200000] [--json FILE]

The pictures are JPEG files of 64×64 pixels that this script writes. The vectors are random, since no model is
needed to see whether `add` keeps what it has added: a model takes the same memory from the first batch on.
Everything else is real: scanning, decoding, thumbnails, the journal, LanceDB and its index. `resident` is the
process's memory when that many pictures were done, and `growth` divides its largest value by the first one.
"""

import argparse
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.embedding import Embedded
from phosphene.ingest import Progress, add
from phosphene.journal import Journal
from phosphene.records import Space
from phosphene.sources import scan
from phosphene.store.lance.store import LanceStore
from phosphene.vectors import Pixels, unit

STEPS = (10_000, 20_000, 50_000, 100_000, 150_000, 200_000)
IN_A_FOLDER = 1_000
SIDE = 64  # pixels
PAGE = os.sysconf("SC_PAGE_SIZE")


class RandomVectors:
    """An ImageEncoder whose vectors are random."""

    space = Space("random", "random", 512)

    def prepare(self, picture: Picture) -> Pixels:
        """The picture as it is."""
        return np.asarray(picture)

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """A random unit vector for each picture."""
        seed = int(prepared[0].astype(np.int64).sum())
        vectors = np.random.default_rng(seed).normal(size=(len(prepared), self.space.dimension))
        return Embedded(unit(vectors), np.ones(len(prepared), np.float32))


class Curve:
    """The memory of this process after so many pictures. It is called with the progress of an `add`."""

    def __init__(self) -> None:
        self.steps = list(STEPS)
        self.resident: dict[int, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Note and print the memory at each step."""
        while self.steps and progress.done >= self.steps[0]:
            self.resident[self.steps.pop(0)] = resident()
            print(f"{progress.done:>8} pictures  {resident():7.1f} MB  {progress.rate:7.1f}/s", flush=True)


def main() -> None:
    arguments = _arguments()
    curve = Curve()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw(folder / "pictures", arguments.pictures)
        (folder / "library").mkdir()
        store = LanceStore.create(folder / "library" / "store", RandomVectors.space)
        journal = Journal(folder / "library" / "journal.sqlite")
        embedder: Any = RandomVectors()
        items = scan([folder / "pictures"])
        add(items, load=lambda: embedder, store=store, journal=journal, on_progress=curve)
    growth = max(curve.resident.values()) / next(iter(curve.resident.values()))
    print(f"growth  {growth:.3f}")
    if arguments.json:
        figures = {"resident, MB": {str(step): round(mb, 1) for step, mb in curve.resident.items()}}
        record.write(arguments.json, {**figures, "growth": round(growth, 3)})


def resident() -> float:
    """The memory that this process holds, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def draw(folder: Path, count: int) -> None:
    """Write JPEGs of random colours, each of them another one."""
    random = np.random.default_rng(0)
    for number in range(count):
        if number % IN_A_FOLDER == 0:
            inside = folder / f"{number // IN_A_FOLDER:05}"
            inside.mkdir(parents=True)
        colours = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(file, "JPEG", quality=80)
        (inside / f"{number:07}.jpg").write_bytes(file.getvalue())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=STEPS[-1])
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
