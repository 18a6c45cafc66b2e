"""Measure what int8 costs in quality and what it saves in time, compared with fp32.

    python bench/precision.py [--model landscape] [--photos FOLDER] [--pictures 5000] [--json FILE]

Two collections are embedded in both precisions: landscapes that are drawn, and `--pictures` crops of random
sizes and brightness from the photographs in FOLDER. Each picture then looks for its ten nearest among the
others of its collection. `recall@10` is the share of fp32's ten that int8 finds, too. Crops of few
photographs are harder than as many photographs, because their neighbours are nearly equally near. Times are
CPU milliseconds per picture on one core, of batches that the precisions compute in turns. Random weights give
a true time, but their recall says nothing about a trained model.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import record
from PIL import Image
from PIL.Image import Resampling, Transpose

from phosphene.batches import batched
from phosphene.embedding import open_embedder
from phosphene.embedding.openclip import OpenClip
from phosphene.images import open_picture
from phosphene.landscape.scenes import compose, draw
from phosphene.records import Precision
from phosphene.vectors import Pixels, Vectors

LANDSCAPES = 3_000
FIRST = 5_000_000  # the seed of the first scene; no training has seen it
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
BATCH, NEAREST = 16, 10
CROP = (320, 240)  # pixels


def main() -> None:
    arguments = _arguments()
    embedders = {one: open_embedder(arguments.model, device="cpu", precision=one) for one in PRECISIONS}
    collections = {"landscapes": landscapes(embedders["fp32"], min(LANDSCAPES, arguments.pictures))}
    if arguments.photos:
        collections["photographs"] = crops(embedders["fp32"], arguments.photos, arguments.pictures)
    figures = {name: measure(embedders, prepared) for name, prepared in collections.items()}
    for name, found in figures.items():
        print(name, *(f"  {key:<16} {value}" for key, value in found.items()), sep="\n")
    if arguments.json:
        record.write(arguments.json, {"model": arguments.model, **figures})


def measure(embedders: Any, prepared: Sequence[Pixels]) -> dict[str, Any]:
    """The figures of one collection."""
    vectors, times = embedded(embedders, prepared)
    cosines = np.sum(vectors["fp32"] * vectors["int8"], axis=1)
    return {
        "pictures": len(prepared),
        **{f"{one}, ms": round(1000 * statistics.median(times[one]) / BATCH, 2) for one in PRECISIONS},
        "mean cosine": round(float(cosines.mean()), 6),
        "least cosine": round(float(cosines.min()), 6),
        "recall@10": round(recall(vectors["fp32"], vectors["int8"]), 4),
    }


def embedded(
    embedders: dict[Precision, OpenClip], prepared: Sequence[Pixels]
) -> tuple[dict[Precision, Vectors], dict[Precision, list[float]]]:
    """The vectors of all pictures in each precision, and the CPU seconds of each batch."""
    vectors: dict[Precision, list[Vectors]] = {one: [] for one in PRECISIONS}
    times: dict[Precision, list[float]] = {one: [] for one in PRECISIONS}
    with embedders["fp32"].one_core_each(), embedders["int8"].one_core_each():
        for batch in batched(prepared, BATCH):
            for one in PRECISIONS:
                before = time.process_time()
                vectors[one].append(embedders[one].pictures(batch).vectors)
                times[one].append(time.process_time() - before)
    return {one: np.concatenate(found) for one, found in vectors.items()}, times


def recall(exact: Vectors, rounded: Vectors) -> float:
    """The share of the ten nearest of each picture that are found by rounded vectors, too."""
    pairs = zip(nearest(exact), nearest(rounded), strict=True)
    return float(np.mean([len(set(ours) & set(theirs)) / NEAREST for theirs, ours in pairs]))


def nearest(vectors: Vectors) -> Any:
    """The numbers of the ten nearest others of each vector."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    return np.argpartition(-scores, NEAREST, axis=1)[:, :NEAREST]


def landscapes(embedder: Any, count: int) -> list[Pixels]:
    """Drawn landscapes, prepared for a model."""
    return [embedder.prepare(draw(compose(FIRST + number), 128)) for number in range(count)]


def crops(embedder: Any, folder: Path, count: int) -> list[Pixels]:
    """Crops of photographs, prepared for a model."""
    photos = [open_picture(file) for file in sorted(folder.iterdir())]
    return [embedder.prepare(crop(photos[number % len(photos)], number)) for number in range(count)]


def crop(photo: Image.Image, seed: int) -> Image.Image:
    """A part of a photograph, perhaps mirrored, with another brightness and other colours."""
    random = np.random.default_rng(seed)
    width = min(photo.width * random.uniform(0.2, 1), photo.height * CROP[0] / CROP[1])
    height = width * CROP[1] / CROP[0]
    left = random.uniform(0, max(0, photo.width - width))
    top = random.uniform(0, max(0, photo.height - height))
    part = photo.resize(CROP, Resampling.BICUBIC, box=(left, top, left + width, top + height))
    if random.random() < 0.5:
        part = part.transpose(Transpose.FLIP_LEFT_RIGHT)
    light = 255 * (np.asarray(part) / 255) ** random.uniform(0.6, 1.6) * random.uniform(0.75, 1.25, 3)
    return Image.fromarray(light.clip(0, 255).astype(np.uint8))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="landscape")
    parser.add_argument("--photos", type=Path, help="a folder of photographs")
    parser.add_argument("--pictures", type=int, default=5_000, help="of each collection at most")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
