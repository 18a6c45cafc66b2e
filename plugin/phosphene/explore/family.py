"""The relatives of an image, which are its parents and its descendants."""

from phosphene.filters import GENERATED
from phosphene.recipes.lineage import descendants
from phosphene.records import Image, Shown
from phosphene.store import Store


def with_relatives(store: Store, image: Image) -> Shown:
    """An image with its parents, in the order of its recipe, and all of its descendants."""
    known = {parent.id: parent for parent in store.get([parent.id for parent in image.parents])}
    parents = tuple(known.get(parent.id, parent.id) for parent in image.parents)
    return Shown(image, parents, tuple(descendants(image.id, store.iterate(GENERATED))))
