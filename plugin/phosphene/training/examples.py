"""Pictures and captions as a training reads them: prepared once, and kept in one array on the disk."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from phosphene.config import cores
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.errors import ImageError, ModelError
from phosphene.files import write_whole
from phosphene.images import open_picture
from phosphene.records import Failure
from phosphene.sources import Item

SHIFT = 3  # pixels that a picture is moved at most
SIZE = 64  # pixels of a side
PREPROCESS = {
    "size": SIZE, "mode": "RGB", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
    "interpolation": "bicubic", "resize_mode": "squash",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures as the model sees them, uint8 (n, size, size, 3), and their captions, the fullest last."""

    pictures: NDArray[np.uint8]
    captions: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return len(self.captions)

    def part(self, start: int, end: int) -> "Examples":
        """The examples from `start` to before `end`."""
        return Examples(self.pictures[start:end], self.captions[start:end])


def read(
    items: Iterable[Item], folder: Path, *, on_read: Callable[[int], None] | None = None
) -> tuple[Examples, tuple[Failure, ...]]:
    """Read pictures that have captions, at the model's size; what was read is kept in `folder`.

    Returns the examples, and the pictures that could not be read.
    Raises ModelError where fewer than two are left.
    """
    captioned = [item for item in items if item.captions]
    stated = [[str(item.path), _changed(item.path), item.captions] for item in captioned]
    digest = hashlib.sha256(json.dumps(stated).encode()).hexdigest()
    kept, array = folder / "examples.json", folder / "pictures.npy"
    if not kept.exists() or json.loads(kept.read_text())["digest"] != digest:
        folder.mkdir(parents=True, exist_ok=True)
        captions, unread = _fill(captioned, array, on_read)
        state = {"digest": digest, "captions": captions, "failures": unread}
        write_whole(kept, json.dumps(state).encode())
    state = json.loads(kept.read_text())
    if len(state["captions"]) < 2:
        message = f"{len(state['captions'])} of {len(captioned)} pictures with captions can be read"
        raise ModelError(message, "give a COCO captions file, or a .txt beside each picture")
    failures = tuple(Failure(uri, reason) for uri, reason in state["failures"])
    return Examples(np.load(array, mmap_mode="r"), state["captions"]), failures


def _fill(
    items: Sequence[Item], array: Path, on_read: Callable[[int], None] | None
) -> tuple[list[Sequence[str]], list[tuple[str, str]]]:
    """Write all pictures that can be read into one array, in order; their captions and the failures."""
    pictures = np.lib.format.open_memmap(array, "w+", np.uint8, (len(items), SIZE, SIZE, 3))
    captions: list[Sequence[str]] = []
    failures: list[tuple[str, str]] = []
    preprocessing = Preprocessing(PREPROCESS)

    def prepare(item: Item) -> NDArray[np.uint8] | ImageError:
        try:
            picture = open_picture(item.path)
        except ImageError as error:
            return error
        return preprocessing(picture)

    with ThreadPoolExecutor(cores()) as threads:
        for item, prepared in zip(items, threads.map(prepare, items), strict=True):
            if isinstance(prepared, ImageError):
                failures.append((str(item.path), prepared.message))
            else:
                pictures[len(captions)] = prepared
                captions.append(sorted(item.captions, key=len))
            if on_read:
                on_read(len(captions) + len(failures))
    pictures.flush()
    return captions, failures


def _changed(path: Path) -> int:
    """When a file was last changed; 0 where it is not there, which reading it will say."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def normal(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Pictures as PREPROCESS makes them: float32 (n, 3, size, size), (value / 255 - 0.5) / 0.25."""
    return torch.tensor(pictures).permute(0, 3, 1, 2).float().sub_(127.5).div_(63.75)


def shifted(pictures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Each picture (n, size, size, 3) moved by a few pixels; its edges are repeated."""
    size = pictures.shape[1]
    moves = random.integers(-SHIFT, SHIFT + 1, size=(len(pictures), 2))
    places = np.clip(np.arange(size)[None, None] + moves[:, :, None], 0, size - 1)  # (n, 2, size)
    rows = np.arange(len(pictures))[:, None, None]
    return np.asarray(pictures[rows, places[:, 0, :, None], places[:, 1, None, :]])


def mirrored(pictures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The pictures (n, size, size, 3), each with left and right exchanged in half of all cases."""
    turned = random.random(len(pictures)) < 0.5
    return np.where(turned[:, None, None, None], pictures[:, :, ::-1], pictures)
