"""What a worker does to a batch of items: open, hash, decode, embed. It writes nothing.

Every worker takes a batch through all steps on one core, so that no thread waits for another in
the middle of a forward pass: as many passes at once as there are cores take a quarter less CPU
time than one pass spread over all cores (docs/log.md).
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from PIL import Image as Pillow

from phosphene.embedding import Embedder
from phosphene.errors import ImageError
from phosphene.images import THUMBNAIL, decode, image_id, thumbnail
from phosphene.journal import Journal, Refused, Seen
from phosphene.recipes import Recipe, in_content
from phosphene.recipes.lineage import generated_id, parents_of
from phosphene.records import Image
from phosphene.sources import Item, uri_in
from phosphene.vectors import Pixels, Vector

# A JPEG is decoded to at least so many times the model's input. That leaves vectors at a cosine of
# 0.9999 or more to those of whole pictures (bench/add.py); at 2, the smallest model comes to 0.9987.
SURPLUS = 3

Outcome = tuple[Seen | Refused, Image | None]  # an item, and its image where that had to be embedded


@dataclass(frozen=True, slots=True)
class _New:
    """A picture on its way to its vector."""

    seen: Seen
    sha256: str
    size: tuple[int, int]
    thumbnail: bytes
    input: Pixels  # as the embedder prepared it
    recipe: Recipe | None  # where phosphene made it
    modified: float | None  # seconds since 1970


class Worker:
    """Looks at batches of items, in many threads at once, until `stop` is set.

    Images that the store has `lost` are embedded, although the journal holds them.
    """

    def __init__(
        self, embedder: Embedder, journal: Journal, stop: threading.Event, lost: frozenset[str] = frozenset()
    ) -> None:
        self.lost = lost
        self.embedder, self.journal, self.stop = embedder, journal, stop
        self.at_least = detail(embedder)

    def __call__(self, items: Sequence[Item]) -> list[Outcome]:
        """Each item as refused, as an image that is known, or with a new image. Empty once stopped."""
        looks = [self._look(item) for item in items if not self.stop.is_set()]
        if self.stop.is_set():
            return []
        images = self._embedded([look for look in looks if isinstance(look, _New)])
        return [(look.seen, next(images)) if isinstance(look, _New) else (look, None) for look in looks]

    def _look(self, item: Item) -> Seen | Refused | _New:
        uri = uri_in(self.journal.folder, item.uri)
        try:
            return self._looked_at(uri, item)
        except MemoryError:  # there may be more memory the next time
            return Refused(uri, "", "there is not enough memory for it")

    def _looked_at(self, uri: str, item: Item) -> Seen | Refused | _New:
        try:
            content = item.open()
        except (ImageError, OSError) as error:  # nothing is known of its content: it is tried every time
            return Refused(uri, "", error.message if isinstance(error, ImageError) else str(error))
        digest = sha256(content).hexdigest()
        seen = Seen(uri, item.stamp, image_id(digest), item.captions)
        if self._is_known(seen.id):
            return seen
        try:
            decoded = decode(content, at_least=self.at_least)
        except ImageError as error:
            return Refused(uri, item.stamp, error.message)
        size, picture = (decoded.width, decoded.height), decoded.picture
        if recipe := _recipe(content, uri):
            seen = replace(seen, id=generated_id(recipe))
            if self._is_known(seen.id):
                return seen
        prepared = self.embedder.prepare(picture)
        return _New(seen, digest, size, thumbnail(picture), prepared, recipe, item.modified)

    def _is_known(self, id: str) -> bool:
        return id not in self.lost and self.journal.holds(id)

    def _embedded(self, new: Sequence[_New]) -> Iterator[Image]:
        """The images, in order."""
        if not new:
            return
        embedded = self.embedder.pictures([one.input for one in new])
        for one, vector, norm in zip(new, embedded.vectors, embedded.norms, strict=True):
            yield _image(one, vector, float(norm))


def _recipe(content: bytes, place: str) -> Recipe | None:
    """The recipe of a picture that phosphene made. One that is not sound does not count."""
    with suppress(ImageError):
        return in_content(content, place)
    return None


def _image(new: _New, vector: Vector, norm: float) -> Image:
    """The image of a file. One that phosphene made is as it was, whichever library it comes from."""
    made = new.recipe
    is_dated = made and new.modified is not None
    when = datetime.fromtimestamp(new.modified or 0.0, UTC) if is_dated else datetime.now(UTC)
    return Image(
        id=new.seen.id,
        sha256=new.sha256,
        uri=new.seen.uri,
        caption=made["prompt"] if made else "",
        captions=(made["prompt"],) if made else (),  # those of files follow when it is committed
        origin="generated" if made else "imported",
        width=new.size[0],
        height=new.size[1],
        created=when.isoformat(timespec="seconds"),
        norm=norm,
        recipe=made,
        parents=parents_of(made) if made else (),
        vector=vector,
        thumbnail=new.thumbnail,
    )


def detail(embedder: Embedder) -> int:
    """How many pixels of a picture's shorter side are worth decoding for this embedder."""
    smallest = embedder.prepare(Pillow.new("RGB", (1, 1)))
    return max(THUMBNAIL, SURPLUS * int(max(smallest.shape[:2])))


@contextmanager
def one_core_each() -> Iterator[Callable[[], None]]:
    """What each worker is to call first, so that it computes on one core.

    Torch is asked only where the embedder has loaded it; its setting is put back at the end.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield lambda: None
        return
    before = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(1)
    finally:
        torch.set_num_threads(before)
