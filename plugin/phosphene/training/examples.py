"""The dataset of a CLIP: pictures and captions, prepared once and kept in one array on the disk.

Reading thousands of photographs takes so long that a user should not have to do it twice. `examples.json`
records the progress, and the next attempt continues from there.
"""

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from phosphene.batches import batched
from phosphene.config import cores
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.errors import ImageError, ModelError
from phosphene.files import naming, sync, write_whole
from phosphene.images import open_picture
from phosphene.interrupt import uninterrupted
from phosphene.records import Failure
from phosphene.sources import Item, fullest
from phosphene.vectors import Pixels

MAX_SHIFT = 3  # pixels by which a picture is shifted
SIZE = 64  # pixels of a side
MIN_PICTURES = 20  # that a training needs: one in twenty is held out to measure the recall
BATCH_SIZE = 32  # pictures that are read at once; Ctrl-C waits for them
SAVE_EVERY = 60.0  # seconds
STATE, ARRAY = "examples.json", "pictures.npy"
PREPROCESS = {
    "size": SIZE, "mode": "RGB", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
    "interpolation": "bicubic", "resize_mode": "squash",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures at the size of the model, uint8 (n, size, size, 3), and their captions, the fullest last.

    `digest` identifies the pictures and captions.
    """

    pictures: NDArray[np.uint8]
    captions: Sequence[Sequence[str]]
    digest: str = ""

    def __len__(self) -> int:
        return len(self.captions)

    def part(self, start: int, end: int) -> "Examples":
        """The examples from `start` to before `end`."""
        return Examples(self.pictures[start:end], self.captions[start:end], self.digest)


@dataclass(slots=True)
class State:
    """The progress of reading some items, which `digest` identifies."""

    digest: str
    done: int = 0  # items, including those that could not be read
    captions: list[Sequence[str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        write_whole(path, json.dumps(asdict(self)).encode())

    @classmethod
    def of(cls, digest: str, folder: Path) -> "State":
        """The state that is kept in `folder`, or a new one if that is damaged or belongs to other items."""
        try:
            state = cls(**json.loads((folder / STATE).read_bytes()))
            whole = (folder / ARRAY).stat().st_size >= _place(len(state.captions))
            return state if whole and state.digest == digest else cls(digest)
        except (FileNotFoundError, ValueError, TypeError, RecursionError):
            return cls(digest)


def read(
    items: Iterable[Item | Failure], folder: Path, *, on_read: Callable[[int], None] | None = None
) -> tuple[Examples, tuple[Failure, ...]]:
    """Read pictures that have captions, at the size of the model. What was read is kept in `folder`.

    Returns the examples, and the pictures and captions files that could not be read. Raises ModelError if
    fewer than MIN_PICTURES are left.
    """
    everything = list(items)
    captioned = with_captions(everything)
    stated = [[item.uri, item.stamp, item.captions] for item in captioned]
    digest = hashlib.sha256(json.dumps(stated).encode()).hexdigest()
    state = State.of(digest, folder)
    if state.done < len(captioned):
        folder.mkdir(parents=True, exist_ok=True)
        state.save(folder / STATE)
        _fill(captioned, state, folder, on_read)
    _check_count(len(state.captions), len(captioned))
    failures = tuple(Failure(uri, reason) for uri, reason in state.failures)
    failures += tuple(item for item in everything if isinstance(item, Failure))
    shape = (len(state.captions), SIZE, SIZE, 3)
    pictures = np.memmap(folder / ARRAY, np.uint8, "r", _place(0), shape)
    return Examples(pictures, state.captions, digest), failures


def with_captions(items: Iterable[Item | Failure]) -> list[Item]:
    """The items that have captions. Raises ModelError if there are too few."""
    pictures = (item for item in items if isinstance(item, Item))
    captioned = [item for item in pictures if any(map(str.strip, item.captions))]
    _check_count(len(captioned), len(captioned))
    return captioned


def _check_count(count: int, captioned: int) -> None:
    """Raise ModelError if `count` pictures are too few."""
    if count < MIN_PICTURES:
        raise ModelError(
            f"A CLIP needs {MIN_PICTURES} or more pictures with captions to learn from, but only {count} of"
            f" {captioned} pictures with captions can be read.",
            "give a COCO captions file, or a .txt file beside each picture",
        )


def _fill(items: Sequence[Item], state: State, folder: Path, on_read: Callable[[int], None] | None) -> None:
    """Read the remaining items in order into the array and the state. Ctrl-C keeps what has been read.

    The array is written as it grows, so that a full disk is an error. A sparse file that is mapped into
    memory would end the process without a message.
    """
    saved = time.monotonic()
    path = folder / ARRAY
    with (
        uninterrupted() as interrupts,
        naming(path),
        ThreadPoolExecutor(cores()) as threads,
        path.open("r+b" if state.captions else "w+b") as file,
    ):
        file.truncate(_place(len(state.captions)))
        file.seek(0, io.SEEK_END)
        for block in batched(items[state.done :], BATCH_SIZE):
            if interrupts:
                break
            for item, prepared in zip(block, threads.map(_prepared, block), strict=True):
                _take(item, prepared, state, file)
            if on_read:
                on_read(state.done)
            if time.monotonic() - saved > SAVE_EVERY:
                _keep(state, file, folder)
                saved = time.monotonic()
        _keep(state, file, folder)
    if state.done < len(items):
        raise KeyboardInterrupt  # in case the signal's own handler has not raised it


def _prepared(item: Item) -> Pixels | ImageError:
    try:
        return Preprocessing(PREPROCESS)(open_picture(item.open()))
    except ImageError as error:
        return error
    except OSError as error:
        return ImageError(f"it cannot be read: {error}")
    except MemoryError:
        return ImageError("there is not enough memory for it")


def _take(item: Item, prepared: Pixels | ImageError, state: State, file: BinaryIO) -> None:
    """Add an item that was read to the array and to the state."""
    state.done += 1
    if isinstance(prepared, ImageError):
        state.failures.append((item.uri, prepared.message))
    else:
        file.write(prepared.tobytes())
        captions = filter(str.strip, item.captions)
        best = fullest(item.captions)
        state.captions.append(sorted(captions, key=lambda caption: (caption == best, len(caption))))


def _keep(state: State, file: BinaryIO, folder: Path) -> None:
    """Flush the array before the state is written, so that the state never claims more than there is."""
    file.seek(0)
    file.write(_header(len(state.captions)))
    file.seek(0, io.SEEK_END)
    file.flush()
    sync(file.fileno())
    state.save(folder / STATE)


def _header(count: int) -> bytes:
    """The header of a .npy of `count` pictures. numpy pads it to the same length for every count."""
    file = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (count, SIZE, SIZE, 3)}
    np.lib.format.write_array_header_1_0(file, shape)
    return file.getvalue()


def _place(count: int) -> int:
    """The offset in the array's file at which the picture of this number begins."""
    return len(_header(count)) + count * SIZE * SIZE * 3


def normalised(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Pictures as PREPROCESS makes them: float32 (n, 3, size, size), (value / 255 - 0.5) / 0.25."""
    return torch.tensor(pictures).permute(0, 3, 1, 2).float().sub_(127.5).div_(63.75)


def shifted(pictures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Each picture (n, size, size, 3) shifted by a few pixels. Its edges are repeated."""
    size = pictures.shape[1]
    moves = random.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=(len(pictures), 2))
    places = np.clip(np.arange(size)[None, None] + moves[:, :, None], 0, size - 1)  # (n, 2, size)
    rows = np.arange(len(pictures))[:, None, None]
    return np.asarray(pictures[rows, places[:, 0, :, None], places[:, 1, None, :]])


def mirrored(pictures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The pictures (n, size, size, 3), a random half of them mirrored."""
    turned = random.random(len(pictures)) < 0.5
    return np.where(turned[:, None, None, None], pictures[:, :, ::-1], pictures)
