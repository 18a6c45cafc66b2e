"""Embeddings: texts and pictures become unit vectors of one space (the Embedder seam).

`open_embedder` opens a model by the name that a user writes after `--model`: one of open_clip's, or one
that a plugin brings.
"""

from collections.abc import Callable

from phosphene.embedding.embedder import Cut, Embedded, Embedder, OpenEmbedder
from phosphene.embedding.model_names import DEFAULT_MODEL, SCHEMES, parse
from phosphene.plugins import Registry

__all__ = [
    "DEFAULT_MODEL",
    "EMBEDDERS",
    "Cut",
    "Embedded",
    "Embedder",
    "OpenEmbedder",
    "open_embedder",
]


def _open_clip() -> OpenEmbedder:
    from phosphene.embedding.openclip import open_model

    return open_model


EMBEDDERS: Registry[OpenEmbedder] = Registry("embedders", dict.fromkeys(SCHEMES, _open_clip))


def open_embedder(
    name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None
) -> Embedder:
    """The embedder of a model's name, see `model_names`. Weights that are not on this machine are downloaded.

    `on_fetch` is told how many bytes have come since its last call. The model is loaded when the first
    vector is asked for. Raises ModelError where the weights cannot be downloaded or trusted, or where there
    is no such device, and PluginError for a broken plugin.
    """
    named = parse(name)
    opener = EMBEDDERS.load(named.model) if named.kind == "plugin" else _open_clip()
    return opener(name, device=device, on_fetch=on_fetch)
