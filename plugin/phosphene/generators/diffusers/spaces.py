"""The space of the vectors that a checkpoint reads, and the model that makes them.

A space's identity depends on the file of its weights, and the same weights come in many files. So a library
whose model has the name that the family gives it is taken to be in the family's space.
"""

from collections.abc import Callable, Mapping
from typing import Any

from phosphene.embedding import ImageEncoder, open_embedder
from phosphene.embedding.repositories import NotDownloaded
from phosphene.embedding.weights import resolve
from phosphene.generators.diffusers.adapters import Adapter
from phosphene.generators.diffusers.companions import dimension_of
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.identity import contents, digest
from phosphene.generators.diffusers.image_encoder import ClipImageEncoder
from phosphene.records import Space


def dimension_read(family: Family, networks: Mapping[str, Any], adapter: Adapter | None) -> int | None:
    """The dimension of the vectors that a checkpoint reads. None if it reads none, or lacks its adapter."""
    if family.conditioning in ("ip_adapter", "flux_ip_adapter"):
        return adapter.dimension if adapter else None
    if family.conditioning == "noised_image_embeds":
        return int(networks["image_normalizer"].config.embedding_dim)
    return int(networks["unet"].config.encoder_hid_dim) if family.conditioning == "image_embeds" else None


def image_encoder(
    family: Family, found: Component | None, library: Space, load: Callable[[], Any], device: str
) -> ImageEncoder | None:
    """The model that makes a family's vectors, if it is here: the found one, or open_clip's.

    `load` loads the network of the found one.
    """
    if found is not None:
        own = Space(f"{family.model}:{digest(contents(found))}", str(family.model), dimension_of(found))
        space = library if _same_model(family, library, own.dimension) else own
        return ClipImageEncoder(space, int(found.config.get("image_size", 224)), load)
    if family.model and _is_here(family.model):
        return open_embedder(family.model, device=device)
    return None


def space_read(
    family: Family, dimension: int | None, encoder: ImageEncoder | None, library: Space
) -> Space | None:
    """The space of the vectors that a checkpoint reads, if it reads any and the space is known."""
    if dimension is None:
        return None
    if _same_model(family, library, dimension):
        return library
    return encoder.space if encoder else None


def _same_model(family: Family, library: Space, dimension: int) -> bool:
    """Whether a library has vectors of the family's model, as far as names tell."""
    return (library.name, library.dimension) == (family.model, dimension)


def _is_here(model: str) -> bool:
    """Whether the weights of a model of open_clip are on this machine."""
    try:
        resolve(model)
    except NotDownloaded:
        return False
    return True
