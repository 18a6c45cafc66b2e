"""What a generator learns from: a library's pictures as latents, and who is near to whom.

Pictures are cut to a square and encoded once; captions are embedded once; the neighbours of every
picture and of every caption are searched once, exactly, among the pictures.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL import ImageOps
from PIL.Image import Image as Picture

from phosphene.config import cores
from phosphene.errors import ImageError, ModelError
from phosphene.files import write_whole
from phosphene.images import open_picture
from phosphene.records import Image
from phosphene.vectors import Pixels, Vectors

NEAREST = 16  # neighbours kept per picture and per caption
ALIKE = 0.995  # cosine from which two pictures count as the same one: it would be copied
FEWEST = 32  # pictures that a training needs
BLOCK = 2048  # rows searched at once
TOGETHER = 32  # pictures encoded at once

Latents: TypeAlias = NDArray[np.float16]  # (n, depth, grid, grid)


class Words(Protocol):
    """What embeds captions: an Embedder, or a part of one."""

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, d)."""
        ...


@dataclass(frozen=True, slots=True)
class Lessons:
    """n pictures and their m captions; neighbours are indices of pictures, -1 where there are fewer."""

    latents: Latents
    own: Vectors  # (n, d)
    texts: Vectors  # (m, d)
    first: NDArray[np.int64]  # (n + 1,): the captions of picture i are first[i] to first[i + 1]
    near_own: NDArray[np.int32]  # (n, NEAREST)
    near_texts: NDArray[np.int32]  # (m, NEAREST)

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self.own.shape[1])

    def captions_of(self, index: int) -> range:
        """Where a picture's captions are in `texts`."""
        return range(int(self.first[index]), int(self.first[index + 1]))

    def save(self, path: Path) -> None:
        """Write them as one .npz, whole or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, **{name: getattr(self, name) for name in self.__slots__})
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Lessons":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{name: arrays[name] for name in cls.__slots__})


def gather(
    examples: Iterable[Image],
    words: Words,
    encode: Callable[[Sequence[Pixels]], Latents],
    size: int,
) -> Lessons:
    """Read a library's training images, `size` pixels wide. Files that are gone or damaged are left out.

    `encode` makes latents (n, depth, grid, grid) of n pictures. Raises ModelError where fewer than
    FEWEST are left.
    """
    latents, vectors, captions = [], [], []
    with ThreadPoolExecutor(cores()) as threads:
        for block in batched(examples, TOGETHER):
            read = threads.map(lambda image: _read(image, size), block)
            seen = [
                (image, picture) for image, picture in zip(block, read, strict=True) if picture is not None
            ]
            if seen:
                latents.append(encode([picture for _, picture in seen]))
                vectors += [image.vector for image, _ in seen]
                captions += [image.captions for image, _ in seen]
    enough(len(captions))
    own = np.stack([vector for vector in vectors if vector is not None])
    return arrange(np.concatenate(latents), own, captions, words)


def enough(count: int) -> None:
    """Raise ModelError where so many pictures are too few."""
    if count < FEWEST:
        raise ModelError(
            f"a generator needs {FEWEST} pictures or more to learn from; {count} can be read",
            hint="`phosphene add PATH…` adds more; `phosphene remove --missing` forgets those that are gone",
        )


def arrange(latents: Latents, own: Vectors, captions: Sequence[Sequence[str]], words: Words) -> Lessons:
    """Embed the captions and find everyone's neighbours."""
    first = np.cumsum([0, *(len(texts) for texts in captions)], dtype=np.int64)
    flat = [text for texts in captions for text in texts]
    texts = _embedded(flat, words, own.shape[1])
    owners = np.repeat(np.arange(len(own)), np.diff(first))
    near_own = neighbours(own, np.arange(len(own)), own)
    return Lessons(latents, own, texts, first, near_own, neighbours(texts, owners, own))


def neighbours(queries: Vectors, owners: NDArray[np.integer], pictures: Vectors) -> NDArray[np.int32]:
    """The NEAREST pictures of each query (q, d), nearest first: (q, NEAREST), -1 where there are fewer.

    A query's owner, and whatever is ALIKE to the owner, is not its neighbour.
    """
    found = np.full((len(queries), NEAREST), -1, dtype=np.int32)
    wide, among = min(2 * NEAREST, len(pictures)), torch.from_numpy(pictures).T
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        best = (torch.from_numpy(queries[block]) @ among).topk(wide).indices.numpy()
        alike = np.einsum("qkd,qd->qk", pictures[best], pictures[owners[block]]) > ALIKE
        alike |= best == owners[block][:, None]
        kept = np.argsort(alike, axis=1, kind="stable")[:, :NEAREST]  # the others first, in their order
        best = np.where(np.take_along_axis(alike, kept, axis=1), -1, np.take_along_axis(best, kept, axis=1))
        found[block, : best.shape[1]] = best
    return found


def sample(examples: Sequence[Image], size: int, most: int = 4000) -> NDArray[np.uint8]:
    """At most `most` of the pictures, spread evenly over the library, (n, size, size, 3)."""
    spread = examples[:: max(1, len(examples) // most)][:most]
    pictures = [picture for image in spread if (picture := _read(image, size)) is not None]
    if not pictures:
        raise ModelError("none of the library's pictures can be read", hint="are their files still there?")
    return np.stack(pictures)


def squared(picture: Picture, size: int) -> Pixels:
    """The middle of a picture, `size` pixels wide and high."""
    fitted = ImageOps.fit(picture, (size, size), pillow.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.uint8)


def _read(image: Image, size: int) -> Pixels | None:
    try:
        return squared(open_picture(Path(image.uri)), size)
    except (ImageError, OSError):  # a picture that was added once and is gone or damaged now
        return None


def batched(images: Iterable[Image], count: int) -> Iterator[list[Image]]:
    """The images in lists of `count`."""
    rest = iter(images)
    while block := list(islice(rest, count)):
        yield block


def _embedded(texts: Sequence[str], words: Words, dimension: int) -> Vectors:
    """The texts' vectors; equal texts are embedded once."""
    distinct = list(dict.fromkeys(texts))
    blocks = [words.texts(distinct[start : start + BLOCK]) for start in range(0, len(distinct), BLOCK)]
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, dimension), dtype=np.float32)
    places = {text: place for place, text in enumerate(distinct)}
    return vectors[[places[text] for text in texts]] if texts else vectors
