"""The location of a library on a Weaviate server, in its own collection or in an external one.

The server has the store and the manifest. The journal and the generated pictures are in the user's data
folder, in a folder with the name of the collection. The store decides what the library holds.
"""

from pathlib import Path

from phosphene.config import home
from phosphene.manifest import Manifest
from phosphene.records import Space
from phosphene.store import Store
from phosphene.store.location import LoadModel, Location
from phosphene.store.weaviate.address import Address


def locate(url: str) -> Location:
    """The location at an address. Raises LibraryError that names what is wrong with the address."""
    address = Address.parse(url)
    return ExternalLocation(address) if address.external else WeaviateLocation(address)


class WeaviateLocation:
    """A collection that phosphene made or will make."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._exists = False

    @property
    def url(self) -> str:
        """The whole address."""
        return self._address.url

    @property
    def folder(self) -> Path:
        """A folder for each server, collection and tenant."""
        first = self._address.endpoints[0]
        server = f"{first.host.replace(':', '-')}-{first.rest}"  # not every system allows a colon in a name
        return home() / "servers" / server / self._address.collection / (self._address.tenant or "")

    def manifest(self, load: LoadModel) -> Manifest | None:
        """The manifest in the server's registry."""
        from phosphene.store.weaviate.registry import registered

        manifest = registered(self._address)
        self._exists = manifest is not None
        return manifest

    def open(self, space: Space, *, create: bool) -> Store:
        """Open the collection. With `create`, register and make it unless `manifest` has found it."""
        from phosphene.store.weaviate.store import WeaviateStore

        new = create and not self._exists
        store = WeaviateStore.create(self._address, space) if new else WeaviateStore(self._address, space)
        self.folder.mkdir(parents=True, exist_ok=True)
        return store


class ExternalLocation:
    """A collection that phosphene did not make and only reads."""

    def __init__(self, address: Address) -> None:
        self._address = address

    @property
    def url(self) -> str:
        """The whole address, with the options that say how the collection is read."""
        return self._address.url

    @property
    def folder(self) -> Path:
        """A folder for each way to read a collection."""
        from phosphene.store.weaviate.probe import folder_of

        return folder_of(self._address)

    def manifest(self, load: LoadModel) -> Manifest:
        """The result of a probe, now or earlier. See `probe`."""
        from phosphene.store.weaviate.probe import probe

        return probe(self._address, load)

    def open(self, space: Space, *, create: bool) -> Store:
        """Open the collection. There is nothing to create."""
        from phosphene.store.weaviate.probe import open_external

        return open_external(self._address, space)
