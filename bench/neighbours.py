"""Measure what it costs to embed neighbours again for a model of another space, cold and kept.

    python bench/neighbours.py [--pictures 6] [--side 1024] [--device auto] [--json FILE]

The image encoder is ViT-H-14 with random weights, as Stable Diffusion's IP-Adapter needs it. The first
neighbour also loads it. A neighbour that was embedded before comes from the library.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch
from PIL import Image

import phosphene
from phosphene.device import pick_device
from phosphene.embedding import ImageEncoder
from phosphene.generation.references import References
from phosphene.generators.diffusers.image_encoder import ClipImageEncoder
from phosphene.library import Library
from phosphene.records import Space

VIT_H: dict[str, Any] = {  # the settings of `models/image_encoder` of h94/IP-Adapter
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 224,
    "projection_dim": 1024,
    "hidden_act": "gelu",
}
SPACE = Space("random", "ViT-H-14/random", 1024)
Seconds = tuple[float, float]  # by the clock, and of the CPU


def main() -> None:
    arguments = _arguments()
    device = pick_device(arguments.device)
    figures: dict[str, Any] = {"device": str(device), "side of a picture": arguments.side}
    encoder = ClipImageEncoder(SPACE, 224, lambda: vit_h(device))
    with (
        tempfile.TemporaryDirectory() as made,
        filled(Path(made), arguments.pictures, arguments.side) as library,
    ):
        figures |= measure(library, encoder)
    for name, value in figures.items():
        print(f"{name:<36} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def vit_h(device: torch.device) -> Any:
    """The image tower of ViT-H-14 with random weights."""
    transformers: Any = import_module("transformers")
    config = transformers.CLIPVisionConfig(**VIT_H)
    return transformers.CLIPVisionModelWithProjection(config).eval().to(device)


def filled(folder: Path, pictures: int, side: int) -> Library:
    """A library of random pictures in the built-in space."""
    (folder / "pictures").mkdir()
    random = np.random.default_rng(0)
    for place in range(pictures):
        small = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(folder / "pictures" / f"{place}.jpg")
    library = phosphene.open(folder / "library", model="landscape", create=True)
    library.add(folder / "pictures")
    return library


def measure(library: Library, encoder: ImageEncoder) -> dict[str, Any]:
    """The seconds of the first neighbour, of each further one, and of each that is kept."""
    images = list(library.store.iterate(vectors=True))
    kept = library.journal.pictures
    references = References(library.store, library.folder, kept, encoder)

    def embed(first: int, end: int | None = None) -> Callable[[], object]:
        return lambda: references.of(images[first:end], images[0].vector, "embedded")

    first, others, again = (_seconds(work) for work in (embed(0, 1), embed(1), embed(0)))
    return {
        **_figures("first neighbour, with loading", first, 1),
        **_figures("further neighbour", others, len(images) - 1),
        **_figures("kept neighbour", again, len(images)),
    }


def _figures(name: str, seconds: Seconds, count: int) -> dict[str, float]:
    clock, cpu = (round(each / count, 4) for each in seconds)
    return {f"{name}, s": clock, f"{name}, CPU s": cpu}


def _seconds(work: Callable[[], object]) -> Seconds:
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--side", type=int, default=1024, help="pixels of a side")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
