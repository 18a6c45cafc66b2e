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
    TakesBatches,
)
from phosphene.embedding.model_names import DEFAULT_MODEL, SCHEMES, parse
from phosphene.errors import ModelError
from phosphene.plugins import Registry
from phosphene.records import Precision
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
    "TakesBatches",
    "open_embedder",
]


def _open_clip() -> OpenEmbedder:
    from phosphene.embedding.openclip import open_model

    return open_model


EMBEDDERS: Registry[OpenEmbedder] = Registry("embedders", dict.fromkeys(SCHEMES, _open_clip))


def open_embedder(
    name: str,
    *,
    device: str = "auto",
    precision: Precision | None = None,
    on_fetch: Callable[[int], None] | None = None,
) -> Embedder:
    """Open the embedder of a model by its name, see `model_names`.

    `precision` is that of the vectors of pictures. None is bf16 on a GPU that computes in it, and else fp32.
    Weights that are not on this machine are downloaded. `on_fetch` is called with the number of bytes that
    have been downloaded since its last call. The model itself is loaded when a vector is first needed. Raises
    ModelError if the weights cannot be downloaded or trusted, or if there is no such device, and PluginError
    for a broken plugin.
    """
    named = parse(name)
    if named.kind != "plugin":
        from phosphene.embedding.openclip import open_model

        return open_model(name, device=device, precision=precision, on_fetch=on_fetch)
    if precision not in (None, "fp32"):
        raise ModelError(
            f"`{name}` is a model of a plugin, which has no precision `{precision}`.",
            hint="leave out `--precision`",
        )
    return EMBEDDERS.load(named.model)(name, device=device, on_fetch=on_fetch)
