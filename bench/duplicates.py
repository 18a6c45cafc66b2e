"""Measure how well and how fast copies of pictures are found.

    python bench/duplicates.py [--images N] [--json FILE]

It plants 200 copies among the 1,000 landscapes of the demo: resized, compressed as JPEG, or cropped by 5 %.
It counts how many of the pairs of a picture and its copy are found, and how many of the found pairs were
planted. Then it times the comparison of N vectors of 512 numbers, of which one in ten has a near neighbour.
"""

import argparse
import resource
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import record
from PIL import Image as Pillow
from PIL.Image import Image as Picture

import phosphene
from phosphene.duplicates.groups import Copies
from phosphene.duplicates.pairs import near_pairs
from phosphene.landscape.scenes import SEEDS, write
from phosphene.vectors import unit

PICTURES, COPIES, SIDE = 1000, 200, 256
DIMENSION = 512


def main() -> None:
    arguments = _arguments()
    figures = planted() | timed(arguments.images)
    for name, value in figures.items():
        print(f"{name:<40} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def planted() -> dict[str, Any]:
    """Recall and precision by pairs."""
    with TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        write(pictures, SEEDS["demo"][:PICTURES], size=SIDE, workers=1)
        for number, seed in enumerate(SEEDS["demo"][:COPIES]):
            plant(pictures, f"{seed:07d}", number)
        with phosphene.open(Path(folder) / "library", model="landscape", create=True) as library:
            library.add(pictures)
            began = time.process_time()
            found = set(pairs(library.duplicates()))
            seconds = time.process_time() - began
    names = [f"{seed:07d}" for seed in SEEDS["demo"][:COPIES]]
    wanted = {(name, f"{name}-copy") for name in names}
    return {
        "planted copies": COPIES,
        "found": len(found & wanted) / COPIES,
        "precision": len(found & wanted) / max(1, len(found)),
        "others": sorted(" ".join(pair) for pair in found - wanted),
        "CPU s, all steps": round(seconds, 1),
    }


def plant(folder: Path, name: str, number: int) -> None:
    """Write a copy of a picture beside it."""
    chance = np.random.default_rng(number)
    with Pillow.open(folder / f"{name}.png") as opened:
        picture = opened.convert("RGB")
    if number % 3 == 0:
        side = int(picture.width * chance.uniform(0.3, 0.9))
        picture.resize((side, side), Pillow.Resampling.LANCZOS).save(folder / f"{name}-copy.png")
    elif number % 3 == 1:
        picture.save(folder / f"{name}-copy.jpg", quality=int(chance.integers(30, 80)))
    else:
        cropped(picture, chance).save(folder / f"{name}-copy.png")


def cropped(picture: Picture, chance: np.random.Generator) -> Picture:
    """A picture without 5 % of its width and of its height, at any side."""
    width, height = round(picture.width * 0.95), round(picture.height * 0.95)
    left = int(chance.integers(0, picture.width - width + 1))
    top = int(chance.integers(0, picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


def pairs(found: list[Copies]) -> Iterator[tuple[str, str]]:
    """The pairs of the names of pictures that are copies of each other."""
    for group in found:
        names = sorted(Path(image.uri).stem for image in (group.best, *group.others))
        yield from combinations(names, 2)


def timed(images: int) -> dict[str, Any]:
    """What comparing all vectors with all costs."""
    chance = np.random.default_rng(0)
    vectors = unit(chance.normal(size=(images, DIMENSION)).astype(np.float32))
    vectors[: images // 10] = unit(vectors[-(images // 10) :] + 0.01 * vectors[: images // 10])
    began, used = time.monotonic(), time.process_time()
    found = len(near_pairs(vectors))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "vectors": images,
        "near pairs": found,
        "s": round(time.monotonic() - began, 1),
        "CPU s": round(time.process_time() - used, 1),
        "GB at most": round(memory / 1e9, 2),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=50_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
