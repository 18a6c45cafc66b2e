"""The init image of a generation and its mask, and where to find them again for a replay.

A recipe names them by the sha256 of the file and, when they are images of the library, by their ids. It
never names a place. This machine's journal remembers where a file lay that is no image of the library.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from PIL.Image import Image as Picture

from phosphene.errors import GenerationError, ImageError, QueryError
from phosphene.images import digest, image_id, open_picture
from phosphene.journal import Journal
from phosphene.query.terms import file_or_id, find
from phosphene.recipes import in_picture
from phosphene.recipes.lineage import generated_id, parents_of
from phosphene.records import Image
from phosphene.sources import is_remote, to_path, to_uri
from phosphene.store import Store
from phosphene.store.invalid import is_id

OpenPicture = Callable[[Path], Picture]


@dataclass(frozen=True, slots=True)
class InitImage:
    """A picture that a generation begins with, or its mask."""

    sha256: str  # of the file's bytes
    picture: Picture
    path: Path  # of the file; no recipe tells it
    id: str | None = None  # where it is an image of the library
    similarity: float = 1.0  # its cosine to the query, where it is an image of the library


@dataclass(frozen=True, slots=True)
class InitImages:
    """Finds init images and masks for one library, and remembers where they lay. Needs no model."""

    folder: Path
    store: Store
    journal: Journal

    def open(self, named: Path | str, opened: OpenPicture = open_picture) -> InitImage:
        """The picture of a file, or of an image by its id, with or without `id:` before it.

        A name is that of a file where there is one. Raises QueryError where nothing has that name,
        and ImageError where the file is no picture.
        """
        place = file_or_id(named) if isinstance(named, str) else named
        if isinstance(place, Path):
            return self._of_file(place, opened)
        return self._of_image(find(self.store, place), opened)

    def again(
        self,
        recipe: Mapping[str, Any],
        role: str,
        instead: Path | str | None = None,
        opened: OpenPicture = open_picture,
    ) -> InitImage | None:
        """The `init` or the `mask` of a recipe: where the library has it, or where it lay.

        `instead` is where to look in place of all that. Raises GenerationError where it is not found.
        """
        named = recipe[role]
        if named is None and instead is not None:
            raise GenerationError(f"The recipe names no {role} picture.", hint=f"leave out `--{role}`")
        if named is None:
            return None
        if instead is not None:
            return _same(self.open(instead, opened), named["sha256"], role)
        for path in self._places(named):
            if _holds(path, named["sha256"]):
                return _by_the_recipe(self._of_file(path, opened), recipe, role)
        raise GenerationError(
            f"The {role} picture of the recipe is not found. Its file has the sha256 {named['sha256']}.",
            hint=f"name that file: `phosphene replay … --{role} FILE`",
        )

    def remember(self, source: InitImage | None) -> None:
        """Remember where a source lay: it may be no image of the library, or may leave it."""
        if source is not None:
            self.journal.inputs.remember(source.sha256, to_uri(source.path, self.folder))

    def _of_file(self, path: Path, opened: OpenPicture) -> InitImage:
        """The source in a file, and the image of the library that it is."""
        picture, sha256 = opened(path), digest(path)
        image = self._image(path, sha256)
        return InitImage(sha256, picture, path, image.id if image else None)

    def _of_image(self, image: Image, opened: OpenPicture) -> InitImage:
        """The source that an image is: its file as it was added, or that file as it is now."""
        paths = [path for path in self._files(image) if path.is_file()]
        if not paths:
            raise QueryError(
                f"The file of the image `{image.id}` is not on this machine: `{image.uri}`.",
                hint="name a file of that picture instead of its id",
            )
        same = (path for path in paths if _holds(path, image.sha256))
        source = self._of_file(next(same, paths[0]), opened)
        return source if image.sha256 else replace(source, id=image.id)

    def _image(self, path: Path, sha256: str) -> Image | None:
        """The image of the library that a file is: an added one by its bytes, ours by its recipe."""
        ids = [image_id(sha256)]
        with suppress(ImageError):  # a recipe that is not sound makes it no image of ours
            if recipe := in_picture(path):
                ids.append(generated_id(recipe))
        own = to_uri(path, self.folder)
        return next((it for it in self.store.get(ids) if it.sha256 == sha256 or it.uri == own), None)

    def _places(self, named: Mapping[str, Any]) -> Iterator[Path]:
        """Where the picture that a recipe names may lie."""
        old = named.get("uri") or ""  # as older versions wrote it
        ids = [named.get("id", ""), image_id(named["sha256"]), PurePosixPath(old).stem]
        ids = [id for id in ids if is_id(id)]
        for image in self.store.get(ids):
            yield from self._files(image)
        for id in ids:  # its file stays where it was removed
            yield self.folder / "pictures" / f"{id}.png"
        for uri in (self.journal.inputs.uri(named["sha256"]), old):
            if uri and not is_remote(uri):
                yield to_path(uri, self.folder)

    def _files(self, image: Image) -> Iterator[Path]:
        """Where files of an image lie, or lay, on this machine."""
        seen = self.journal.places([image.id]).get(image.id, ())
        for uri in (image.uri, *(each.uri for each in seen)):
            if not is_remote(uri):
                yield to_path(uri, self.folder)


def _by_the_recipe(source: InitImage, recipe: Mapping[str, Any], role: str) -> InitImage:
    """The source, still by the id that the recipe gives it, where its image has left the library."""
    said = [parent.similarity for parent in parents_of(recipe) if parent.role == role]
    id, similarity = source.id or recipe[role].get("id"), said[0] if said else 1.0
    return replace(source, id=id, similarity=similarity)


def _same(source: InitImage, sha256: str, role: str) -> InitImage:
    """The source, where it is the very file. Raises GenerationError where it is another one."""
    if source.sha256 != sha256:
        raise GenerationError(
            f"The {role} picture of the recipe has the sha256 {sha256}, but the file that you named has"
            f" {source.sha256}.",
            hint="only the very file makes the same picture again",
        )
    return source


def _holds(path: Path, sha256: str) -> bool:
    """Whether it is a file of these bytes. A recipe may name any place: nothing but files is opened."""
    if not os.path.isfile(path):  # unlike Path.is_file, never raises  # noqa: PTH113
        return False
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return False
