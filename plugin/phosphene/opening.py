"""Opening a library: finding its folder and its store, and loading its model if that is needed.

A library in a folder lies there as a whole. A library on a server has its store and its manifest there. Its
journal and its generated pictures lie in the user's data folder, under the name of the collection. What the
library holds is decided by the ids in the store; the journal is a cache.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from phosphene.config import default_library, expanded, home
from phosphene.embedding import DEFAULT_MODEL, Embedder
from phosphene.embedding.consent import is_listed, remember
from phosphene.errors import LibraryError
from phosphene.manifest import Manifest
from phosphene.records import Space
from phosphene.store import Store, open_store
from phosphene.store.weaviate.address import Address

Load = Callable[[str], Embedder]  # loads a model by its name


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of an open library, and the url that opens it again."""

    url: str
    folder: Path
    store: Store
    embedder: Embedder | None = None


def opened(url: str | Path | None, space: str | Space | None, *, create: bool, load: Load) -> Opened:
    """Open the library of a folder or an address, as `phosphene.open` says."""
    text = str(url or default_library())
    if not Address.is_one(text):
        return _folder(expanded(text).absolute(), space, create=create, load=load)
    address = Address.parse(text)
    if address.external:
        return _external(address, load)
    return _server(address, space, create=create, load=load)


def same_space(embedder: Embedder, space: Space, library: str) -> Embedder:
    """The embedder, if it makes vectors of the library's space. Otherwise raises LibraryError."""
    compatible(embedder.space, space, library)
    return embedder


def compatible(asked: Space, space: Space, library: str) -> None:
    """Raises LibraryError if a library is in another space than the one that is asked for."""
    if asked.id != space.id:
        raise LibraryError(
            f"the library `{library}` was made with the model `{space.name}` ({space.id}), "
            f"not with `{asked.name}` ({asked.id}), and their vectors do not mix",
            hint="leave out `--model`, or make another library: `phosphene -L NEW add PATH… --model MODEL`",
        )


def _folder(folder: Path, asked: str | Space | None, *, create: bool, load: Load) -> Opened:
    _refuse_links(folder)
    before = Manifest.read(folder)
    space, embedder = _settle(before, asked, str(folder), create=create, load=load)
    if before is None:
        Manifest(space).write(folder)
    elif not create:
        _refuse_storeless(folder)
    return Opened(str(folder), folder, open_store(folder / "store", space), embedder)


def _refuse_storeless(folder: Path) -> None:
    """Raises LibraryError if the store of a library is gone: otherwise the library would look empty."""
    if not (folder / "store" / "images.lance").is_dir():
        raise LibraryError(
            f"the library `{folder}` has no store: `{folder / 'store'}` is missing or empty",
            hint=f"`phosphene -L {quote(str(folder))} repair` makes it again from pictures and journal",
        )


def _refuse_links(folder: Path) -> None:
    """Raises LibraryError if a part of the library that is written to is a link out of the library.

    With such a link a stranger could make `add` and `remove` change another library, and the journal
    any other file.
    """
    parts = [folder / name for name in ("journal.sqlite", "pictures", "generator", "store")]
    for part in (*parts, *folder.glob("store/*"), *folder.glob("store/*.lance/*")):
        if part.is_symlink() and not part.resolve().is_relative_to(folder.resolve()):
            raise LibraryError(
                f"`{part}` is a link that leads out of the library",
                hint="move its target into the library, or make the folder of the whole library a link",
            )


def _server(address: Address, asked: str | Space | None, *, create: bool, load: Load) -> Opened:
    from phosphene.store.weaviate.registry import registered
    from phosphene.store.weaviate.store import WeaviateStore

    before = registered(address)
    space, embedder = _settle(before, asked, address.url, create=create, load=load)
    store = open_store(address, space) if before is None else WeaviateStore(address, space)
    folder = _folder_of(address)
    folder.mkdir(parents=True, exist_ok=True)
    return Opened(address.url, folder, store, embedder)


def _external(address: Address, load: Load) -> Opened:
    from phosphene.store.weaviate.probe import probe

    probed = probe(address, lambda name: _named(name, load)[1])
    return Opened(address.url, probed.folder, probed.store, probed.embedder)


def _folder_of(address: Address) -> Path:
    """Where the journal and the generated pictures of a server's library lie on this machine."""
    first = address.endpoints[0]
    server = f"{first.host.replace(':', '-')}-{first.rest}"  # no system likes a colon in a name
    return home() / "servers" / server / address.collection / (address.tenant or "")


def _settle(
    before: Manifest | None, asked: str | Space | None, library: str, *, create: bool, load: Load
) -> tuple[Space, Embedder | None]:
    """The space of a library, new or not, and its model if it had to be loaded."""
    if before is None:
        if not create:
            raise LibraryError(
                f"there is no library in `{library}`",
                hint=f"`phosphene -L {quote(library)} add PATH…` makes one",
            )
        if isinstance(asked, Space):
            return asked, None
        return _named(asked or DEFAULT_MODEL, load)
    if isinstance(asked, Space):
        compatible(asked, before.space, library)
    elif asked is not None and (asked != before.space.name or not is_listed(asked)):
        space, embedder = _named(asked, load)
        compatible(space, before.space, library)
        return before.space, embedder
    return before.space, None


def _named(name: str, load: Load) -> tuple[Space, Embedder]:
    """The space of a model that the user named, and the model. From now on libraries may load it."""
    embedder = load(name)
    remember(name, embedder.space)
    return embedder.space, embedder
