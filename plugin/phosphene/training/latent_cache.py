"""Builds the dataset of a generator: every picture of a library is cut to a square and encoded once.

The latents are kept beside the training, by the ids of the pictures. So the dataset follows the library: new
pictures are encoded, removed ones are no longer learnt from, and the others cost nothing.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL import ImageOps
from PIL.Image import Image as Picture

from phosphene.batches import batched
from phosphene.config import cores
from phosphene.errors import ImageError, ModelError
from phosphene.images import open_picture
from phosphene.interrupt import uninterrupted
from phosphene.records import Image
from phosphene.sources.contents import content_at
from phosphene.training.arrays import load_arrays, save_arrays
from phosphene.training.dataset import LatentDataset, Latents, TextEncoder, digest_of, with_neighbours
from phosphene.training.run import OnNote
from phosphene.vectors import Pixels

DATASET, LATENTS = "dataset.npz", "latents.npz"  # latents.npz exists only while pictures are being encoded
MIN_PICTURES = 32  # that a training needs
BATCH_SIZE = 32  # pictures that are encoded at once; Ctrl-C waits for them
SAVE_EVERY = 60.0  # seconds

LatentsById = dict[str, NDArray[np.float16]]  # latents (latent_channels, h, w) of pictures, by their ids


@dataclass(frozen=True, slots=True)
class PictureEncoder:
    """Encodes n pictures of `size` pixels a side as latents (n, latent_channels, h, w).

    `digest` identifies it: the latents of two encoders must never be mixed.
    """

    encode: Callable[[Sequence[Pixels]], Latents]
    size: int
    digest: str = ""


def build_dataset(
    images: Iterable[Image],
    embedder: TextEncoder,
    space: str,
    encoder: PictureEncoder,
    folder: Path,
    *,
    device: str = "cpu",
    on_note: OnNote | None = None,
) -> LatentDataset:
    """The dataset of a library's images. The one in `folder` is used again if nothing has changed.

    Neighbours are searched on the `device`. Files that are missing or damaged are left out, unless they were
    encoded before. Raises ModelError if fewer than MIN_PICTURES are left.
    """
    asked = [image for image in images if image.vector is not None]
    kept = LatentDataset.load(folder / DATASET, on_note)
    known = encode_images(asked, encoder, folder, kept)
    seen = [image for image in asked if image.id in known]
    check_count(len(seen))
    ids, captions = [image.id for image in seen], [image.captions for image in seen]
    own = np.stack([image.vector for image in seen if image.vector is not None])
    digest = digest_of(space, encoder.digest, ids, captions, own)
    if kept is not None and kept.digest == digest:
        return kept
    dataset = with_neighbours(np.stack([known[each] for each in ids]), own, captions, embedder, device)
    dataset = replace(dataset, ids=np.array(ids), encoder=encoder.digest, digest=digest)
    dataset.save(folder / DATASET)
    (folder / LATENTS).unlink(missing_ok=True)
    return dataset


def encode_images(
    images: Iterable[Image], encoder: PictureEncoder, folder: Path, kept: LatentDataset | None = None
) -> LatentsById:
    """The latents of all images whose files can be read, or that were encoded before.

    Earlier attempts left theirs in `folder` or in a `kept` dataset. Ctrl-C keeps what is encoded so far.
    """
    asked, made, saved = list(images), _known(encoder, kept, folder), time.monotonic()
    rest = batched((image for image in asked if image.id not in made), BATCH_SIZE)
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
        raise KeyboardInterrupt  # in case the signal's own handler has not raised it
    return made


def check_count(count: int) -> None:
    """Raise ModelError if `count` pictures are too few."""
    if count < MIN_PICTURES:
        raise ModelError(
            f"A generator needs {MIN_PICTURES} or more pictures to learn from, but only {count} can be read.",
            hint="add more pictures with `phosphene add PATH…`",
        )


def _known(encoder: PictureEncoder, kept: LatentDataset | None, folder: Path) -> LatentsById:
    """The latents from earlier attempts with the same encoder."""
    known: LatentsById = {}
    if kept is not None and kept.encoder == encoder.digest:
        known |= zip(kept.ids.tolist(), kept.latents, strict=True)
    part = load_arrays(folder / LATENTS)
    if part.keys() >= {"encoder", "ids", "latents"} and str(part["encoder"]) == encoder.digest:
        known |= zip(part["ids"].tolist(), part["latents"], strict=True)
    return known


def _save(known: Mapping[str, NDArray[np.float16]], encoder: PictureEncoder, folder: Path) -> None:
    if known:
        ids, latents = np.array(list(known)), np.stack(list(known.values()))
        save_arrays(folder / LATENTS, encoder=np.array(encoder.digest), ids=ids, latents=latents)


def sample(images: Sequence[Image], size: int, most: int) -> NDArray[np.uint8]:
    """At most `most` of the pictures (n, size, size, 3), spread evenly over the library."""
    spread = images[:: max(1, len(images) // most)][:most]
    with ThreadPoolExecutor(cores()) as threads:
        read = threads.map(lambda image: _read(image, size), spread)
        pictures = [picture for picture in read if picture is not None]
    if not pictures:
        raise ModelError("None of the library's pictures can be read.", hint="check that their files exist")
    return np.stack(pictures)


def squared(picture: Picture, size: int) -> Pixels:
    """The middle square of a picture, resized to `size` pixels a side."""
    fitted = ImageOps.fit(picture, (size, size), pillow.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.uint8)


def shared(images: Collection[Image], dataset: LatentDataset) -> float:
    """The share of the images that a dataset has, in [0, 1]."""
    held = set(dataset.ids.tolist())
    return sum(image.id in held for image in images) / max(1, len(images))


def _read(image: Image, size: int) -> Pixels | None:
    try:
        return squared(open_picture(content_at(image.uri, Path())), size)
    except (ImageError, OSError):  # the picture has been removed or damaged since it was added
        return None
