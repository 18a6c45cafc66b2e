"""Measure how fast pictures are added, compared with the speed of the separate steps.

    python bench/add.py [--model landscape --model ViT-B-32] [--size 640x480] [--precision int8]
                        [--device cpu] [--pictures 512] [--quick] [--json FILE]

The pictures are JPEGs that this script draws. Three steps are measured alone on one core, as `add` does them:
decoding, preparing and a forward pass by the runtime that the model really has. The cores divided by the
CPU seconds of the three steps are the speed that the cores could reach. `end to end` is `Library.add`, which
also reads, hashes, makes thumbnails, stores and writes the journal. An architecture such as `ViT-B-32` has
random weights, which do not change the speed.

`of the CPU time` divides the CPU seconds of the three steps by those of `Library.add`. It also holds on a
machine that is busy with other things, where `of the cores` does not. Decoding at a reduced scale changes
vectors a little, so the lowest cosine similarity to the vectors of whole pictures is shown.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import open_clip
import record
import torch
from PIL import Image, ImageDraw

import phosphene
from phosphene.batches import batched
from phosphene.config import cores
from phosphene.images import open_picture
from phosphene.ingest.loop import BATCH
from phosphene.ingest.worker import detail, one_core_each
from phosphene.library import Library

SIZE = (1024, 768)  # pixels
TARGET = 0.9  # the share of the speed that the cores could reach
Given = TypeVar("Given")
Result = TypeVar("Result")
ROUNDS = 4  # batches on which each step is measured


def main() -> None:
    arguments = _arguments()
    count = 64 if arguments.quick else arguments.pictures
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        width, height = map(int, arguments.size.split("x"))
        contents = draw(folder / "pictures", count, (width, height))
        for name in arguments.model or ["landscape", "ViT-B-32"]:
            model = (
                name if name == "landscape" or "/" in name or "@" in name else random_weights(name, folder)
            )
            settings = {"precision": arguments.precision, "device": arguments.device}
            figures[name] = measure(model, folder, contents, **settings)
            print(name, *(f"  {key:<28} {value}" for key, value in figures[name].items()), "", sep="\n")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(model: str, folder: Path, contents: Sequence[bytes], **settings: Any) -> dict[str, Any]:
    """The figures of one model. Times are CPU milliseconds per picture."""
    place = Path(tempfile.mkdtemp(dir=folder), "library")
    with phosphene.open(place, model=model, create=True, **settings) as library:
        steps = alone(library.embedder, contents[: ROUNDS * BATCH])
        library.add([folder / "pictures" / "0.jpg"])  # loads the model
        started, spent = time.perf_counter(), time.process_time()
        added = library.add([folder / "pictures"])
        seconds, spent = time.perf_counter() - started, time.process_time() - spent
        least = least_cosine(library, contents[: 2 * BATCH])
    speed, possible, total = added.added / seconds, 1000 * cores() / sum(steps.values()), sum(steps.values())
    whole = 1000 * spent / added.added
    return {
        "pictures": added.added,
        "cores": cores(),
        **{f"{step}, ms": round(value, 2) for step, value in steps.items()},
        **{f"share of {step}": round(value / total, 3) for step, value in steps.items()},
        "end to end, ms": round(whole, 2),
        "images/s": round(speed, 2),
        "images/s of the cores": round(possible, 2),
        "of the cores": round(speed / possible, 3),
        "of the CPU time": round(total / whole, 3),
        "target": TARGET,
        "least cosine": round(least, 6),
    }


def alone(embedder: Any, contents: Sequence[bytes]) -> dict[str, float]:
    """The CPU milliseconds per picture of each step on one core, as the median of some batches."""
    times: dict[str, list[float]] = {"decode": [], "preprocess": [], "forward": []}
    decoded = partial(open_picture, at_least=detail(embedder))
    with one_core_each(embedder) as begin:
        begin()
        embedder.pictures([embedder.prepare(open_picture(contents[0]))])  # loads the model
        for group in batched(contents, BATCH):
            pictures = spend(times["decode"], lambda contents: list(map(decoded, contents)), group)
            inputs = spend(times["preprocess"], lambda some: list(map(embedder.prepare, some)), pictures)
            spend(times["forward"], embedder.pictures, inputs)
    return {step: 1000 * statistics.median(found) / BATCH for step, found in times.items()}


def spend(times: list[float], work: Callable[[Given], Result], given: Given) -> Result:
    """Do some work, note its CPU seconds, and return its result."""
    before = time.process_time()
    result = work(given)
    times.append(time.process_time() - before)
    return result


def least_cosine(library: Library, contents: Sequence[bytes]) -> float:
    """The lowest cosine similarity of a stored vector to the vector of the picture decoded whole."""
    embedder = library.embedder
    whole = embedder.pictures([embedder.prepare(open_picture(content)) for content in contents]).vectors
    stored = {Path(image.uri).name: image.vector for image in library.store.iterate(vectors=True)}
    return min(float(vector @ stored[f"{number}.jpg"]) for number, vector in enumerate(whole))


def draw(folder: Path, count: int, size: tuple[int, int] = SIZE) -> list[bytes]:
    """Draw JPEGs, which have about 0.2 MB at 1024×768 pixels."""
    folder.mkdir()
    contents = [drawn(number, size) for number in range(count)]
    for number, content in enumerate(contents):
        (folder / f"{number}.jpg").write_bytes(content)
    return contents


def drawn(number: int, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG that costs a decoder as much as a photograph, with edges and noise."""
    random = np.random.default_rng(number)
    ground = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    pen, scale = ImageDraw.Draw(picture), size[0] / SIZE[0]
    for x, y, width, height, *colour in random.integers(0, 256, (30, 7)):
        box = (4 * x, 3 * y, 4 * x + width, 3 * y + height)
        pen.ellipse(tuple(int(scale * edge) for edge in box), fill=tuple(map(int, colour)))
    noise = random.normal(0, 5, (size[1], size[0], 1))
    pixels = (np.asarray(picture) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


def random_weights(architecture: str, folder: Path) -> str:
    """A model of that architecture with random weights, as a bare checkpoint."""
    torch.manual_seed(0)
    file = folder / f"{architecture}.pt"
    torch.save(open_clip.create_model(architecture, load_weights=False).state_dict(), file)
    return f"{architecture}@{file}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", action="append", help="can be repeated; an architecture gets random weights"
    )
    parser.add_argument("--size", default="1024x768", help="of the pictures, in pixels")
    parser.add_argument("--precision", choices=["fp32", "int8"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--quick", action="store_true", help="add only 64 pictures")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
