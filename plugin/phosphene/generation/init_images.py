"""Opens the init image and the mask of a generation, and finds them again for a replay.

A recipe names them by the sha256 of their files and, if they are images of the library, by their ids. It does
not contain their paths, because a recipe travels with its picture. The journal, which stays on this machine,
remembers where the files were.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from PIL.Image import Image as Picture

from phosphene.errors import GenerationError, ImageError, QueryError
from phosphene.images import digest, image_id, no_picture, open_picture, small_picture
from phosphene.journal import Journal
from phosphene.query.terms import file_or_id, find
from phosphene.recipes import in_picture
from phosphene.recipes.lineage import generated_id, parents_of
from phosphene.records import Image
from phosphene.sources import is_remote, to_path, to_uri
from phosphene.sources.contents import content_at
from phosphene.sources.uris import part_of
from phosphene.store import Store
from phosphene.store.invalid import is_id
from phosphene.vectors import Vector

OpenPicture = Callable[[Path], Picture]


@dataclass(frozen=True, slots=True)
class InitImage:
    """The picture that a generation begins with, or the mask of that picture."""

    sha256: str  # of the file's bytes
    picture: Picture
    path: Path | None  # of the file, or None for a thumbnail; it is never written to a recipe
    id: str | None = None  # if it is an image of the library
    similarity: float = 1.0  # cosine to the query, if it is an image of the library

    @property
    def named(self) -> dict[str, str]:
        """How a recipe names it. It leaves out the path, which is private to the user who made it."""
        return {"sha256": self.sha256, **({"id": self.id} if self.id else {})}


@dataclass(frozen=True, slots=True)
class InitImages:
    """Finds init images and masks for one library, and remembers their paths. This needs no model."""

    folder: Path
    store: Store
    journal: Journal

    def open(self, named: Path | str, read: OpenPicture = open_picture) -> InitImage:
        """Open a file, or an image of the library by its id, with or without `id:` before it.

        A name that is both is taken for the file. Raises QueryError if there is neither a file nor an image
        of this name, and ImageError if the file is not a picture.
        """
        found = file_or_id(named) if isinstance(named, str) else named
        if isinstance(found, Path):
            return self._of_file(found, read)
        return self._of_image(find(self.store, found), read)

    def of_neighbour(self, image: Image[Vector], target: Vector) -> InitImage:
        """The picture of a neighbour, with its cosine to `target` (d,): its file, or else its thumbnail.

        Raises GenerationError if neither is left.
        """
        similarity = float(image.vector @ target)
        for path in self._files(image):
            with suppress(ImageError):
                return InitImage(digest(path), open_picture(path), path, image.id, similarity)
        if found := self._of_part(image) or self._of_thumbnail(image.id):
            return replace(found, similarity=similarity)
        raise GenerationError(
            f"The nearest neighbour `{image.id}` has no picture left to start from: its file is gone, and the"
            " library has no thumbnail of it.",
            hint="bring the file back, name another picture with `--init`, or use `--lane words`",
        )

    def find_again(
        self,
        recipe: Mapping[str, Any],
        role: str,
        given: Path | str | None = None,
        read: OpenPicture = open_picture,
    ) -> InitImage | None:
        """Find the `init` or the `mask` of a recipe, in the library or at the path where it was used before.

        If the user has `given` a file or an id, only that is looked at. Returns None for a recipe that has no
        such picture. Raises GenerationError if the picture is not found.
        """
        named = recipe[role]
        if named is None and given is not None:
            raise GenerationError(f"The recipe has no {role} picture.", hint=f"leave out `--{role}`")
        if named is None:
            return None
        if given is not None:
            return _checked(self.open(given, read), named["sha256"], role)
        for path in self._possible_paths(named):
            if _has_sha256(path, named["sha256"]):
                return _as_in_recipe(self._of_file(path, read), recipe, role)
        ids = self._possible_ids(named)
        parts = (self._of_part(image) for image in self.store.get(ids))
        for kept in chain(parts, map(self._of_thumbnail, ids)):
            if kept and kept.sha256 == named["sha256"]:
                return _as_in_recipe(kept, recipe, role)
        raise GenerationError(
            f"The {role} picture of the recipe was not found. Its file has the sha256 {named['sha256']}.",
            hint=f"name that file: `phosphene replay … --{role} FILE`",
        )

    def remember(self, image: InitImage | None) -> None:
        """Write the path of a picture to the journal, so that a replay finds it outside of the library."""
        if image is not None and image.path is not None:
            self.journal.inputs.remember(image.sha256, to_uri(image.path, self.folder))

    def _of_file(self, path: Path, read: OpenPicture) -> InitImage:
        """The picture in a file, with its id if it is an image of the library."""
        picture, sha256 = read(path), digest(path)
        image = self._image(path, sha256)
        return InitImage(sha256, picture, path, image.id if image else None)

    def _of_image(self, image: Image, read: OpenPicture) -> InitImage:
        """The picture of an image: a file that is still as it was added, or else the changed file."""
        paths = [path for path in self._files(image) if path.is_file()]
        if not paths:
            raise QueryError(
                f"The file of the image `{image.id}` is not on this machine: `{image.uri}`.",
                hint="name a file with that picture instead of the id",
            )
        unchanged = (path for path in paths if _has_sha256(path, image.sha256))
        opened = self._of_file(next(unchanged, paths[0]), read)
        return opened if image.sha256 else replace(opened, id=image.id)

    def _image(self, path: Path, sha256: str) -> Image | None:
        """The image of the library in a file: an added one by its bytes, a generated one by its recipe."""
        ids = [image_id(sha256)]
        with suppress(ImageError):  # a picture with a damaged recipe is treated like any other
            if recipe := in_picture(path):
                ids.append(generated_id(recipe))
        own = to_uri(path, self.folder)
        return next((it for it in self.store.get(ids) if it.sha256 == sha256 or it.uri == own), None)

    def _possible_paths(self, named: Mapping[str, Any]) -> Iterator[Path]:
        """The paths where a picture of a recipe may be."""
        ids = self._possible_ids(named)
        for image in self.store.get(ids):
            yield from self._files(image)
        for id in ids:  # the file of an image stays when the image is removed from the library
            yield self.folder / "pictures" / f"{id}.png"
        for uri in (self.journal.inputs.uri(named["sha256"]), named.get("uri")):  # older versions wrote it
            if uri and not is_remote(uri):
                yield to_path(uri, self.folder)

    def _possible_ids(self, named: Mapping[str, Any]) -> list[str]:
        """The ids that the image of a picture in a recipe may have."""
        old = PurePosixPath(named.get("uri") or "").stem
        return [id for id in (named.get("id", ""), image_id(named["sha256"]), old) if is_id(id)]

    def _of_thumbnail(self, id: str) -> InitImage | None:
        """The stored thumbnail of an image, or None if there is none."""
        content = self.store.thumbnails([id]).get(id, no_picture())
        if content == no_picture():
            return None
        return InitImage(hashlib.sha256(content).hexdigest(), small_picture(content), None, id)

    def _of_part(self, image: Image) -> InitImage | None:
        """The picture of an image that is a part of a file, such as a member of a tar."""
        with suppress(ImageError):
            if part_of(image.uri):
                content = content_at(image.uri, self.folder)
                return InitImage(hashlib.sha256(content).hexdigest(), open_picture(content), None, image.id)
        return None

    def _files(self, image: Image) -> Iterator[Path]:
        """The paths on this machine where an image was added or written."""
        seen = self.journal.places([image.id]).get(image.id, ())
        for uri in (image.uri, *(each.uri for each in seen)):
            if not is_remote(uri) and not part_of(uri):
                yield to_path(uri, self.folder)


def _as_in_recipe(image: InitImage, recipe: Mapping[str, Any], role: str) -> InitImage:
    """The picture with the similarity of the recipe, and with its id even if it has left the library."""
    similarities = [parent.similarity for parent in parents_of(recipe) if parent.role == role]
    id, similarity = image.id or recipe[role].get("id"), similarities[0] if similarities else 1.0
    return replace(image, id=id, similarity=similarity)


def _checked(image: InitImage, sha256: str, role: str) -> InitImage:
    """The picture. Raises GenerationError if its file is not the one that the recipe names."""
    if image.sha256 != sha256:
        raise GenerationError(
            f"The {role} picture of the recipe has the sha256 {sha256}, but the file that you named has"
            f" {image.sha256}.",
            hint="name the original file, unchanged",
        )
    return image


def _has_sha256(path: Path, sha256: str) -> bool:
    """Whether this is a file with this sha256. Nothing but files is opened: a recipe may name anything."""
    if not os.path.isfile(path):  # unlike Path.is_file, this never raises  # noqa: PTH113
        return False
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    return False
