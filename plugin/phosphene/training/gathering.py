"""From a library's pictures to lessons: every picture is cut to a square and encoded once.

Latents are kept beside the training, by the pictures' ids. So lessons follow the library: pictures that
are new to it are encoded, those that are gone are not learnt from any more, and the rest costs nothing.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL import ImageOps
from PIL.Image import Image as Picture

from phosphene.config import cores
from phosphene.errors import ImageError, ModelError
from phosphene.images import open_picture
from phosphene.interrupt import uninterrupted
from phosphene.records import Image
from phosphene.training.kept import load_arrays, save_arrays
from phosphene.training.lessons import Latents, Lessons, Words, arrange, digest_of
from phosphene.training.run import OnNote
from phosphene.vectors import Pixels

LESSONS, LATENTS = "lessons.npz", "latents.npz"  # what is learnt from; latents of a gathering that goes on
FEWEST = 32  # pictures that a training needs
TOGETHER = 32  # pictures encoded at once; Ctrl-C waits for them
SAVE_EVERY = 60.0  # seconds

Known = dict[str, NDArray[np.float16]]  # latents (latent_channels, h, w) of pictures, by their ids


@dataclass(frozen=True, slots=True)
class Encoder:
    """What makes latents (n, latent_channels, h, w) of n pictures that are `size` pixels wide.

    `digest` tells it from others: latents of two of them must never be mixed.
    """

    encode: Callable[[Sequence[Pixels]], Latents]
    size: int
    digest: str = ""


def gather(
    images: Iterable[Image],
    words: Words,
    space: str,
    encoder: Encoder,
    folder: Path,
    *,
    on_note: OnNote | None = None,
) -> Lessons:
    """The lessons of a library's images, those kept in `folder` where they are the same.

    Files that are gone or damaged are left out, unless they were encoded before. Raises ModelError where
    fewer than FEWEST are left.
    """
    asked = [image for image in images if image.vector is not None]
    kept = Lessons.load(folder / LESSONS, on_note)
    known = _encoded(asked, encoder, folder, _known(encoder, kept, folder))
    seen = [image for image in asked if image.id in known]
    enough(len(seen))
    ids, captions = [image.id for image in seen], [image.captions for image in seen]
    own = np.stack([image.vector for image in seen if image.vector is not None])
    digest = digest_of(space, encoder.digest, ids, captions, own)
    if kept is not None and kept.digest == digest:
        return kept
    lessons = arrange(np.stack([known[each] for each in ids]), own, captions, words)
    lessons = replace(lessons, ids=np.array(ids), encoder=encoder.digest, digest=digest)
    lessons.save(folder / LESSONS)
    (folder / LATENTS).unlink(missing_ok=True)
    return lessons


def enough(count: int) -> None:
    """Raise ModelError where so many pictures are too few."""
    if count < FEWEST:
        raise ModelError(
            f"a generator needs {FEWEST} pictures or more to learn from; {count} can be read",
            hint="`phosphene add PATH…` adds more; `phosphene remove --missing` forgets those that are gone",
        )


def _known(encoder: Encoder, kept: Lessons | None, folder: Path) -> Known:
    """The latents that earlier attempts have kept, if they are of this encoder."""
    known: Known = {}
    if kept is not None and kept.encoder == encoder.digest:
        known |= zip(kept.ids.tolist(), kept.latents, strict=True)
    part = load_arrays(folder / LATENTS)
    if part.keys() >= {"encoder", "ids", "latents"} and str(part["encoder"]) == encoder.digest:
        known |= zip(part["ids"].tolist(), part["latents"], strict=True)
    return known


def _encoded(images: Sequence[Image], encoder: Encoder, folder: Path, known: Known) -> Known:
    """What is known, and the latents of the other images; Ctrl-C keeps those that are made by then."""
    rest = batched((image for image in images if image.id not in known), TOGETHER)
    made, saved = dict(known), time.monotonic()
    with uninterrupted() as interrupts, ThreadPoolExecutor(cores()) as threads:
        for block in rest:
            read = list(threads.map(lambda image: _read(image, encoder.size), block))
            seen = {image.id: pixels for image, pixels in zip(block, read, strict=True) if pixels is not None}
            made |= zip(seen, encoder.encode(list(seen.values())) if seen else (), strict=True)
            if interrupts or time.monotonic() - saved > SAVE_EVERY:
                _save(made, encoder, folder)
                saved = time.monotonic()
            if interrupts:
                break
    if interrupts:
        raise KeyboardInterrupt  # where the signal's own handler raised nothing
    return made


def _save(known: Mapping[str, NDArray[np.float16]], encoder: Encoder, folder: Path) -> None:
    if known:
        ids, latents = np.array(list(known)), np.stack(list(known.values()))
        save_arrays(folder / LATENTS, encoder=np.array(encoder.digest), ids=ids, latents=latents)


def sample(images: Sequence[Image], size: int, most: int = 4000) -> NDArray[np.uint8]:
    """At most `most` of the pictures, spread evenly over the library, (n, size, size, 3)."""
    spread = images[:: max(1, len(images) // most)][:most]
    pictures = [picture for image in spread if (picture := _read(image, size)) is not None]
    if not pictures:
        raise ModelError("none of the library's pictures can be read", hint="are their files still there?")
    return np.stack(pictures)


def squared(picture: Picture, size: int) -> Pixels:
    """The middle of a picture, `size` pixels wide and high."""
    fitted = ImageOps.fit(picture, (size, size), pillow.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.uint8)


def shared(images: Collection[Image], lessons: Lessons) -> float:
    """The share of the images that lessons hold, in [0, 1]."""
    held = set(lessons.ids.tolist())
    return sum(image.id in held for image in images) / max(1, len(images))


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
