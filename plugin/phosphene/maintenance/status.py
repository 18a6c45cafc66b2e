"""What a library holds."""

from phosphene.filters import GENERATED, IMPORTED
from phosphene.records import Status
from phosphene.store import Store


def status_of(url: str, store: Store) -> Status:
    """Count the images of the library at `url`, and name its store and its model."""
    imported, generated = store.count(IMPORTED), store.count(GENERATED)
    return Status(
        library=url,
        store=store.info().kind,
        model=store.space.name,
        dimension=store.space.dimension,
        images=imported + generated,
        imported=imported,
        generated=generated,
    )
