"""Opening a library: finding its folder and its store, and loading its model if that is needed.

`OPENERS` is the one table of what a URL may begin with. A plain path is a folder with a LanceDB store.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from phosphene.config import default_library
from phosphene.embedding import DEFAULT_MODEL, Embedder, open_embedder
from phosphene.embedding.consent import is_listed, remember
from phosphene.errors import LibraryError
from phosphene.manifest import Manifest
from phosphene.plugins import Registry
from phosphene.records import Precision, Space
from phosphene.store import Store
from phosphene.store.location import LoadModel, Location, Opener

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")


def _lancedb() -> Opener:
    from phosphene.store.lance.location import locate

    return locate


def _weaviate() -> Opener:
    from phosphene.store.weaviate.location import locate

    return locate


OPENERS: Registry[Opener] = Registry(
    "stores", {"lancedb": _lancedb, "weaviate": _weaviate, "weaviates": _weaviate}
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of an open library, and the url that opens it again."""

    url: str
    folder: Path
    store: Store
    embedder: Embedder | None = None


def locate(url: str | Path | None = None) -> Location:
    """The place that a URL or a path names (None: the default library), whether a library is there or not.

    Raises LibraryError for an unknown scheme or a wrong address, and PluginError for a broken plugin.
    """
    text = str(url or default_library())
    if "://" not in text:
        return OPENERS.load("lancedb")(text)
    found = SCHEME.match(text)
    if not found or not OPENERS.has(found[1]):
        schemes = ", ".join(f"`{name}://`" for name in OPENERS.names())
        raise LibraryError(  # without the text, which may hold a password
            f"No store is known for `{found[1]}://`." if found else "The scheme of this URL is not valid.",
            hint=f"a library is a folder, or a URL that begins with one of {schemes}",
        )
    return OPENERS.load(found[1])(text)


def opened(
    url: str | Path | None,
    model: str | Space | None,
    precision: Precision | None = None,
    *,
    create: bool,
    load: LoadModel,
) -> Opened:
    """Open the library at a path or a URL, as `phosphene.open` describes it."""
    location = locate(url)
    loaded: list[Embedder] = []

    def loading(name: str) -> Embedder:
        loaded.append(load(name))
        remember(name, loaded[-1].space)  # the user named it: from now on libraries may load it
        return loaded[-1]

    before = location.manifest(loading)
    space = _space(before, model, location.url, create=create, load=loading)
    if precision not in (None, space.precision):
        raise LibraryError(
            f"The vectors of the library `{location.url}` are in {space.precision}, not in {precision}.",
            hint="leave out `--precision`, or make another library: `phosphene -L NEW add PATH…`",
        )
    store = location.open(space, create=create)
    if (store.space.id, store.space.dimension) != (space.id, space.dimension):
        store.close()
        raise LibraryError(
            f"The store of `{location.url}` holds vectors of `{store.space.name}` ({store.space.id}),"
            f" but its manifest says `{space.name}` ({space.id}).",
            hint=f"run `phosphene -L {quote(location.url)} check` to see what is wrong",
        )
    embedder = loaded[-1] if loaded and loaded[-1].space.precision == space.precision else None
    return Opened(location.url, location.folder, store, embedder)


def no_library(library: str) -> LibraryError:
    """The error for a place where no library is."""
    return LibraryError(
        f"There is no library in `{library}`.",
        hint=f"make one with `phosphene -L {quote(library)} add PATH…`",
    )


def open_model_of(space: Space, device: str, library: str, name: str) -> Embedder:
    """Open the model of a library's space by its name. Another process may call this, too.

    Raises LibraryError unless the model makes vectors of that space.
    """
    embedder = open_embedder(name, device=device, precision=space.precision)
    compatible(embedder.space, space, library)
    return embedder


def compatible(asked: Space, space: Space, library: str) -> None:
    """Raise LibraryError if a library is in another space than the one that was asked for."""
    if asked.id != space.id:
        raise LibraryError(
            f"The library `{library}` was made with the model `{space.name}` ({space.id}), "
            f"not with `{asked.name}` ({asked.id}), and their vectors do not mix.",
            hint="leave out `--model`, or make another library: `phosphene -L NEW add PATH… --model MODEL`",
        )


def _space(
    before: Manifest | None, asked: str | Space | None, library: str, *, create: bool, load: LoadModel
) -> Space:
    """The space of a library, new or not. Raises LibraryError if it is not the one that was asked for."""
    if before is None:
        if not create:
            raise no_library(library)
        return asked if isinstance(asked, Space) else load(asked or DEFAULT_MODEL).space
    if isinstance(asked, Space):
        compatible(asked, before.space, library)
    elif asked is not None and (asked != before.space.name or not is_listed(asked)):
        compatible(load(asked).space, before.space, library)
    return before.space
