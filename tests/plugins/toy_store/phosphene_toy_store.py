"""A toy store of numpy arrays in a folder. `-L numpy:///home/me/photos.lib` makes or opens its library.

Every call reads the whole file, and every write replaces it. This is simple and slow.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.errors import StoreError
from phosphene.files import write_whole
from phosphene.filters import EVERYTHING, Filter, matches
from phosphene.records import Hit, Image, Space
from phosphene.store import StoreInfo
from phosphene.store.diversity import checked, diverse
from phosphene.store.location import FolderLocation
from phosphene.store.properties import checked_vector, image_of, properties_of
from phosphene.vectors import Vector, unit


def locate(url: str) -> FolderLocation:
    """The library of a URL such as `numpy:///home/me/photos.lib`."""
    folder = Path(url.removeprefix("numpy://")).absolute()
    return FolderLocation(f"numpy://{folder}", folder, NumpyStore)


class NumpyStore:
    """A Store in one file."""

    def __init__(self, folder: Path, space: Space) -> None:
        self.space = space
        self._file = folder / "images.json"

    def info(self) -> StoreInfo:
        """Facts about this store."""
        return StoreInfo("numpy", exact=True, writable=True)

    def upsert(self, images: Sequence[Image[Any]]) -> None:
        """Write images by id. The last of equal ids wins."""
        for image in images:
            unit(checked_vector(image.vector, self.space))
        held = self._read()
        for image in images:
            before = held.get(image.id)
            kept = before.thumbnail if before and image.thumbnail is None else image.thumbnail
            held[image.id] = replace(image, thumbnail=kept)
        self._write(held)

    def get(self, ids: Sequence[str], *, vectors: bool = False) -> list[Image[Any]]:
        """The images of these ids, in this order."""
        held = self._read()
        return [_shown(held[id], vectors) for id in ids if id in held]

    def near(
        self,
        vector: Vector,
        count: int,
        where: Filter = EVERYTHING,
        *,
        diversity: float = 0.0,
        vectors: bool = False,
    ) -> list[Hit[Any]]:
        """The `count` images of highest cosine similarity to a unit vector (d,), best first."""
        query = unit(checked_vector(vector, self.space))
        if checked(diversity):
            return diverse(self, query, count, where, diversity)
        images = [image for image in self._read().values() if matches(where, image)]
        if not images:
            return []
        scores = np.clip(np.stack([image.vector for image in images]) @ query, -1, 1)
        best = np.argsort(-scores, kind="stable")[:count]
        return [Hit(_shown(images[place], vectors), float(scores[place])) for place in best]

    def iterate(self, where: Filter = EVERYTHING, *, vectors: bool = False) -> Iterator[Image[Any]]:
        """All images that match."""
        return (_shown(image, vectors) for image in self._read().values() if matches(where, image))

    def thumbnails(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The thumbnails of these ids."""
        held = self._read()
        return {id: held[id].thumbnail or b"" for id in ids if id in held and held[id].thumbnail}

    def count(self, where: Filter = EVERYTHING) -> int:
        """The number of images that match."""
        return sum(1 for _ in self.iterate(where))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete images. Returns how many there were."""
        held = self._read()
        gone = held.keys() & set(ids)
        self._write({id: image for id, image in held.items() if id not in gone})
        return len(gone)

    def close(self) -> None:
        """Do nothing, because nothing is open."""

    def _read(self) -> dict[str, Image[Vector]]:
        rows = json.loads(self._file.read_bytes()) if self._file.exists() else []
        return {row["id"]: _image(row) for row in rows}

    def _write(self, images: dict[str, Image[Vector]]) -> None:
        try:
            content = json.dumps([_row(image) for image in images.values()], ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise StoreError(f"{error.object[error.start : error.end]!r} is not Unicode text") from error
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, content)


def _shown(image: Image[Any], vectors: bool) -> Image[Any]:
    return image if vectors else replace(image, vector=None)


def _row(image: Image[Vector]) -> dict[str, Any]:
    vector, thumbnail = np.asarray(image.vector, dtype="<f4").tobytes(), image.thumbnail or b""
    encoded = {"vector": base64.b64encode(vector).decode(), "thumbnail": base64.b64encode(thumbnail).decode()}
    return {"id": image.id, **properties_of(image), **encoded}


def _image(row: dict[str, Any]) -> Image[Any]:
    vector = np.frombuffer(base64.b64decode(row["vector"]), dtype="<f4").astype(np.float32)
    return replace(image_of(row["id"], row, vector), thumbnail=base64.b64decode(row["thumbnail"]) or None)
