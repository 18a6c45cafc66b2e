"""Embedding texts and pictures as unit vectors of one space: the Embedder seam.

`open_embedder` opens a model by the name that a user writes after `--model`. open_clip or a plugin has it.
"""

from collections.abc import Callable

from phosphene.embedding.embedder import (
    Cut,
    Embedded,
    Embedder,
    ImageEncoder,
    OpenEmbedder,
    PatchEncoder,
    SharesCores,
)
from phosphene.embedding.model_names import DEFAULT_MODEL, SCHEMES, parse
from phosphene.plugins import Registry
from phosphene.vectors import Patches

__all__ = [
    "DEFAULT_MODEL",
    "EMBEDDERS",
    "Cut",
    "Embedded",
    "Embedder",
    "ImageEncoder",
    "OpenEmbedder",
    "PatchEncoder",
    "Patches",
    "SharesCores",
    "open_embedder",
]


def _open_clip() -> OpenEmbedder:
    from phosphene.embedding.openclip import open_model

    return open_model


EMBEDDERS: Registry[OpenEmbedder] = Registry("embedders", dict.fromkeys(SCHEMES, _open_clip))


def open_embedder(
    name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None
) -> Embedder:
    """Open the embedder of a model by its name, see `model_names`.

    Weights that are not on this machine are downloaded. `on_fetch` is called with the number of bytes that
    have been downloaded since its last call. The model itself is loaded when a vector is first needed. Raises
    ModelError if the weights cannot be downloaded or trusted, or if there is no such device, and PluginError
    for a broken plugin.
    """
    named = parse(name)
    opener = EMBEDDERS.load(named.model) if named.kind == "plugin" else _open_clip()
    return opener(name, device=device, on_fetch=on_fetch)
