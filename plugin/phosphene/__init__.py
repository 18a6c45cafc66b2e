"""phosphene: a library of pictures that you can search by meaning and generate into.

    import phosphene

    with phosphene.open("photos.lib", create=True) as library:
        library.add("Pictures")
        for hit in library.search("dog on a beach"):
            print(hit.score, hit.image.uri)

`open` gives a `Library`; its methods give the results that are listed here, and raise `PhospheneError`.
`phosphene.render` draws results: sheets, maps, walks and families. Every name is loaded when it is first
used, so that `import phosphene` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from phosphene.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from phosphene.errors import GenerationError as GenerationError
    from phosphene.errors import ImageError as ImageError
    from phosphene.errors import LibraryError as LibraryError
    from phosphene.errors import MissingExtraError as MissingExtraError
    from phosphene.errors import ModelError as ModelError
    from phosphene.errors import OutputError as OutputError
    from phosphene.errors import PhospheneError as PhospheneError
    from phosphene.errors import PhospheneWarning as PhospheneWarning
    from phosphene.errors import PluginError as PluginError
    from phosphene.errors import QueryError as QueryError
    from phosphene.errors import ServerError as ServerError
    from phosphene.errors import StoreError as StoreError
    from phosphene.errors import VectorError as VectorError
    from phosphene.explore.facets import Facet as Facet
    from phosphene.explore.map import Map as Map
    from phosphene.explore.map import Point as Point
    from phosphene.explore.walk import Stop as Stop
    from phosphene.fields import Fields as Fields
    from phosphene.generation.comparison import Replayed as Replayed
    from phosphene.generation.making import GeneratedImage as GeneratedImage
    from phosphene.generation.novelty import Novelty as Novelty
    from phosphene.generation.requests import Step as Step
    from phosphene.generation.wishes import WalkWishes as WalkWishes
    from phosphene.generation.wishes import Wishes as Wishes
    from phosphene.ingest.progress import Added as Added
    from phosphene.ingest.progress import Progress as Progress
    from phosphene.library import Library as Library
    from phosphene.maintenance.missing import Missing as Missing
    from phosphene.query import Query as Query
    from phosphene.records import Failure as Failure
    from phosphene.records import Hit as Hit
    from phosphene.records import Image as Image
    from phosphene.records import Parent as Parent
    from phosphene.records import Precision
    from phosphene.records import Shown as Shown
    from phosphene.records import Space as Space
    from phosphene.records import Status as Status
    from phosphene.sources.item import Item as Item

_MODULES = {
    "phosphene.errors": (
        "GenerationError",
        "ImageError",
        "LibraryError",
        "MissingExtraError",
        "ModelError",
        "OutputError",
        "PhospheneError",
        "PhospheneWarning",
        "PluginError",
        "QueryError",
        "ServerError",
        "StoreError",
        "VectorError",
    ),
    "phosphene.explore.facets": ("Facet",),
    "phosphene.explore.map": ("Map", "Point"),
    "phosphene.explore.walk": ("Stop",),
    "phosphene.fields": ("Fields",),
    "phosphene.generation.making": ("GeneratedImage",),
    "phosphene.generation.novelty": ("Novelty",),
    "phosphene.generation.comparison": ("Replayed",),
    "phosphene.generation.requests": ("Step",),
    "phosphene.generation.wishes": ("WalkWishes", "Wishes"),
    "phosphene.ingest.progress": ("Added", "Progress"),
    "phosphene.library": ("Library",),
    "phosphene.maintenance.missing": ("Missing",),
    "phosphene.query": ("Query",),
    "phosphene.records": ("Failure", "Hit", "Image", "Parent", "Shown", "Space", "Status"),
    "phosphene.sources.item": ("Item",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
__all__ = ["__version__", "open", *_PLACES]


def open(
    url: "str | Path | None" = None,
    *,
    model: str | None = None,
    precision: "Precision | None" = None,
    space: "Space | None" = None,
    create: bool = False,
    generator: str | None = None,
    adapter: "str | Path | None" = None,
    loras: "Sequence[str]" = (),
    compiled: bool = False,
    device: str = "auto",
    on_fetch: "Callable[[int], None] | None" = None,
) -> "Library":
    """Open a library by its folder or its URL, or make it with `create`. None is the user's default one.

    `model` names the embedding model of a new library, and `precision` says in which numbers it computes the
    vectors of pictures: `fp32`, or `int8`, which is faster and less exact. A library that exists keeps its
    model and precision. `space`, instead of both, is the space of another library, and then no model is
    loaded. `generator` names a generator as `generators.open_generator` takes it. None is the user's
    preference for the library, else the library's own, else the built-in one. `adapter` is the file or the
    folder of an IP-Adapter for it, and `loras` are files of LoRAs, each `FILE` or `FILE:WEIGHT`. With
    `compiled`, its network is compiled for a GPU by CUDA. The models run on `device`. `on_fetch` is called
    with the number of bytes of a model that have arrived since its last call.

    Raises LibraryError if there is no library or it is of another space, and ModelError if the model cannot
    be loaded.
    """
    from functools import partial

    from phosphene.embedding import open_embedder
    from phosphene.generation import Additions
    from phosphene.library import Library
    from phosphene.opening import opened

    load = partial(open_embedder, device=device, precision=precision, on_fetch=on_fetch)
    found = opened(url, space or model, precision, create=create, load=load)
    additions = Additions(str(adapter) if adapter else None, tuple(loras))
    return Library(found, generator=generator, additions=additions, compiled=compiled, device=device)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'phosphene' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
