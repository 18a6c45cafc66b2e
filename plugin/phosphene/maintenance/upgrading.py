"""Upgrading a library of an older format, before the first write to it.

    1   calls the origin of an added image `training`, and not `imported`
    2   has no fields
    3   has fields; those of generated images come from their recipes

Reading needs no upgrade: every image that phosphene did not generate counts as imported, and a field that is
not there is not known. `begin_writing` is called before everything that changes what a library holds: add,
generate, remove, copy, repair, and training its generator. A search is not among these: it may keep the
vector of its text in the journal, whose tables are the same in all formats. Recipes stay as they are, because
the id of a generated image follows from its recipe.

An upgrade has three steps, and each may be done twice:

    1. Copy the manifest to `library.json.format1` or `….format2`, in the library's folder on this machine.
    2. Upgrade the store: its schema, and then its rows, batch by batch.
    3. Write the manifest of the new format, which older versions of phosphene refuse to open.

The manifest comes last. After a kill it still says the old format, and the next write upgrades again.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from phosphene.errors import Upgraded
from phosphene.files import require_writable, write_whole
from phosphene.manifest import FORMAT, NAME, Manifest
from phosphene.store import Store


@runtime_checkable
class Upgradable(Protocol):
    """A store that older versions of phosphene wrote to."""

    @property
    def library(self) -> str:
        """The library whose store this is, by its folder or its address."""
        ...

    def read_manifest(self) -> Manifest | None:
        """The manifest of that library."""
        ...

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace that manifest."""
        ...

    def upgrade_rows(self) -> bool:
        """Write all rows in today's format. Returns False if some are out of reach for now."""
        ...


def begin_writing(folder: Path, store: Store, on_wait: Callable[[str], None] = lambda who: None) -> None:
    """Make sure that a library may be written, and upgrade one of an older format.

    If another process writes to the library, `on_wait` is told which one, and the upgrade waits for it.
    Raises LibraryError for a library that may only be read, and StoreError if the store cannot be written.
    """
    require_writable(folder)
    if isinstance(store, Upgradable) and _is_old(store):
        from phosphene.ingest.lock import writing

        with writing(folder, on_wait):
            upgrade_locked(folder, store)


def upgrade_locked(folder: Path, store: Upgradable) -> None:
    """Upgrade a library, for the one process that may write it at the moment (`ingest.lock`)."""
    before = store.read_manifest()
    if before is None or before.format >= FORMAT:
        return  # another process was faster
    copy = folder / f"{NAME}.format{before.format}"
    if not copy.exists():
        write_whole(copy, before.text.encode())
    if store.upgrade_rows():
        store.write_manifest(Manifest(before.space))
        warnings.warn(Upgraded(store.library, before.format, FORMAT, copy), stacklevel=2)


def _is_old(store: Upgradable) -> bool:
    manifest = store.read_manifest()
    return manifest is not None and manifest.format < FORMAT
