"""A worker opens, hashes, decodes and embeds a batch of items. It writes nothing.

Every worker does all steps of a batch on one core, so that no thread waits for another one in the middle of a
forward pass. One pass on each core takes a quarter less CPU time than one pass on all cores (docs/log.md).
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from PIL import Image as Pillow

from phosphene.embedding import Embedder, SharesCores
from phosphene.errors import ImageError, UnsupportedPicture
from phosphene.fields import NONE
from phosphene.images import THUMBNAIL, decode, image_id, thumbnail
from phosphene.ingest.former_adds import FormerAdds
from phosphene.journal import Refused, Seen
from phosphene.metadata import checked, in_picture
from phosphene.recipes import Recipe, in_content
from phosphene.recipes.description import described
from phosphene.recipes.lineage import generated_id, parents_of
from phosphene.records import Image
from phosphene.sources import Item, uri_in
from phosphene.vectors import Pixels, Vector

# A JPEG is decoded at no less than this multiple of the model's input size, and never below that of a
# thumbnail. Prepared pictures then differ from those of whole ones by 0.2 % (root mean square), and vectors
# have a cosine of 0.9999 or more to theirs (bench/add.py). With 1, it may be 0.9996.
SURPLUS = 2

Outcome = tuple[Seen | Refused, Image | None]  # an item, and its image if that is new


@dataclass(frozen=True, slots=True)
class _New:
    """A new picture that has no vector yet."""

    seen: Seen
    sha256: str
    size: tuple[int, int]
    thumbnail: bytes
    input: Pixels  # the picture as the embedder has prepared it
    recipe: Recipe | None  # if phosphene made the picture
    modified: float | None  # seconds since 1970


class Worker:
    """Processes batches of items, in many threads at once, until `stop` is set.

    Images that the store has `lost` are embedded again, although they were added before.
    """

    def __init__(
        self,
        embedder: Embedder,
        former: FormerAdds,
        stop: threading.Event,
        lost: frozenset[str] = frozenset(),
    ) -> None:
        self.lost = lost
        self.embedder, self.former, self.stop = embedder, former, stop
        self.at_least = detail(embedder)

    def __call__(self, items: Sequence[Item]) -> list[Outcome]:
        """Process a batch. Returns each item with its image if that is new, or nothing once it is stopped."""
        looks = [self._look(item) for item in items if not self.stop.is_set()]
        if self.stop.is_set():
            return []
        images = self._embedded([look for look in looks if isinstance(look, _New)])
        return [(look.seen, next(images)) if isinstance(look, _New) else (look, None) for look in looks]

    def _look(self, item: Item) -> Seen | Refused | _New:
        uri = uri_in(self.former.folder, item.uri)
        try:
            return self._looked_at(uri, item)
        except MemoryError:  # there may be enough memory the next time
            return Refused(uri, "", "there is not enough memory for it")

    def _looked_at(self, uri: str, item: Item) -> Seen | Refused | _New:
        try:
            content = item.open()
        except (ImageError, OSError) as error:  # without a stamp, the item is tried again every time
            return Refused(uri, "", error.message if isinstance(error, ImageError) else str(error))
        digest = sha256(content).hexdigest()
        seen = Seen(uri, item.stamp, image_id(digest), item.captions, checked(item.fields))
        if self._is_known(seen.id):
            return replace(seen, inside=in_picture(content))
        try:
            decoded = decode(content, at_least=self.at_least)
        except UnsupportedPicture as error:  # without a stamp, it is tried again
            return Refused(uri, "", f"{error.message}: {error.hint}")
        except ImageError as error:
            return Refused(uri, item.stamp, error.message)
        size, picture = (decoded.width, decoded.height), decoded.picture
        recipe = _recipe(content, uri)
        seen = replace(seen, inside=in_picture(content, is_ours=recipe is not None))
        if recipe:
            seen = replace(seen, id=generated_id(recipe))
            if self._is_known(seen.id):
                return seen
        prepared = self.embedder.prepare(picture)
        return _New(seen, digest, size, thumbnail(picture), prepared, recipe, item.modified)

    def _is_known(self, id: str) -> bool:
        return id not in self.lost and self.former.holds(id)

    def _embedded(self, new: Sequence[_New]) -> Iterator[Image]:
        """Yield the images in order."""
        if not new:
            return
        embedded = self.embedder.pictures([one.input for one in new])
        for one, vector, norm in zip(new, embedded.vectors, embedded.norms, strict=True):
            yield _image(one, vector, float(norm))


def _recipe(content: bytes, place: str) -> Recipe | None:
    """The recipe in a picture, or None if there is none or it cannot be used."""
    with suppress(ImageError):
        return in_content(content, place)
    return None


def _image(new: _New, vector: Vector, norm: float) -> Image:
    """The image of a picture. A generated picture becomes the same image in every library."""
    made = new.recipe
    is_dated = made and new.modified is not None
    when = datetime.fromtimestamp(new.modified or 0.0, UTC) if is_dated else datetime.now(UTC)
    return Image(
        id=new.seen.id,
        sha256=new.sha256,
        uri=new.seen.uri,
        caption=made["prompt"] if made else "",
        captions=(made["prompt"],) if made else (),
        origin="generated" if made else "imported",
        width=new.size[0],
        height=new.size[1],
        created=when.isoformat(timespec="seconds"),
        norm=norm,
        recipe=made,
        parents=parents_of(made) if made else (),
        fields=described(made) if made else NONE,  # captions and fields of files are added in `commit`
        vector=vector,
        thumbnail=new.thumbnail,
    )


def detail(embedder: Embedder) -> int:
    """The number of pixels of a picture's shorter side that are worth decoding for an embedder."""
    smallest = embedder.prepare(Pillow.new("RGB", (1, 1)))
    return max(THUMBNAIL, SURPLUS * int(max(smallest.shape[:2])))


@contextmanager
def one_core_each(embedder: Embedder) -> Iterator[Callable[[], None]]:
    """Yield a function that each worker calls first, so that it computes on one core.

    An embedder may have a way of its own for that, see `SharesCores`. Otherwise a setting of torch is changed
    if the embedder has loaded torch. The setting is restored at the end.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    try:
        with embedder.one_core_each() if isinstance(embedder, SharesCores) else nullcontext():
            yield lambda: torch.set_num_threads(1) if torch else None
    finally:
        if torch:
            torch.set_num_threads(before)
