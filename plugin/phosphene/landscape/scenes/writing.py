"""Writes scenes as PNG files with their captions in COCO's captions format."""

import io
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from phosphene.files import write_whole
from phosphene.landscape.scenes.captions import captions
from phosphene.landscape.scenes.drawing import draw
from phosphene.landscape.scenes.scene import compose


def write(
    folder: Path,
    seeds: Sequence[int],
    *,
    size: int = 256,
    workers: int = 2,
    on_picture: Callable[[int], None] | None = None,
) -> Path:
    """Draw a picture per seed into `folder`, then write and return its captions.json.

    Existing pictures stay as they are, so the same call continues a run that was stopped. `on_picture` is
    called with each seed once its picture has been written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for seed in drawn(partial(write_picture, folder, size), seeds, workers):
        if on_picture:
            on_picture(seed)
    path = folder / "captions.json"
    write_whole(path, json.dumps(coco(seeds, size), separators=(",", ":")).encode())
    return path


def drawn(task: Callable[[int], int], seeds: Sequence[int], workers: int) -> Iterator[int]:
    """Yield each seed when its picture is done, drawn here or by several processes."""
    if workers <= 1 or len(seeds) < 32:
        yield from map(task, seeds)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(seeds)), mp_context=spawn) as pool:
        yield from pool.map(task, seeds, chunksize=16)


def write_picture(folder: Path, size: int, seed: int) -> int:
    """Draw one picture, unless its file exists, and return its seed."""
    path = folder / file_name(seed)
    if not path.exists():
        buffer = io.BytesIO()
        draw(compose(seed), size).save(buffer, format="PNG", compress_level=1)
        write_whole(path, buffer.getvalue())
    return seed


def file_name(seed: int) -> str:
    """Return the file name of a picture."""
    return f"{seed:07d}.png"


def coco(seeds: Sequence[int], size: int) -> dict[str, object]:
    """Return the captions as COCO writes them; an image's id is its seed."""
    images = [{"id": seed, "file_name": file_name(seed), "width": size, "height": size} for seed in seeds]
    annotations = [
        {"id": seed * 5 + number, "image_id": seed, "caption": caption.text}
        for seed in seeds
        for number, caption in enumerate(captions(compose(seed)))
    ]
    info = {"description": "Landscapes drawn by phosphene.landscape.scenes", "version": "1"}
    return {"info": info, "images": images, "annotations": annotations}
