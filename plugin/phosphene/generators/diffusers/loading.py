"""Loads a checkpoint of a family, whole or not at all."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.device import pick_device
from phosphene.errors import ModelError
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.identity import digest, files_digest
from phosphene.generators.diffusers.image_encoder import ClipImageEncoder, clip_image_encoder
from phosphene.generators.diffusers.precision import pick_dtype
from phosphene.generators.diffusers.recognition import family_of_folder, index_of
from phosphene.records import Space

if TYPE_CHECKING:
    import torch

IMAGE_ENCODER = "image_encoder"
# A classifier that blackens pictures. Folders of Stable Diffusion have it, and single files do not.
LEFT_OUT = ("safety_checker",)


def load(path: Path, *, space: Space, family: Family | None = None, device: str = "auto") -> Checkpoint:
    """Load the checkpoint in a folder of diffusers.

    `space` is the library's. If its model is the one whose vectors the family reads, they can be used as they
    are. `family` is the one that the user named, for checkpoints that look alike. Raises ModelError if the
    checkpoint is damaged, not whole, of no known family, or needs code of its own.
    """
    chosen = family_of_folder(path, family)
    found = _found(path, chosen)
    parts.whole(found, path)
    placed = pick_device(device)
    dtype = pick_dtype(placed)
    _quiet()
    loaded = {name: _placed(parts.load(each, dtype), placed) for name, each in found.items()}
    encoder = _encoder(found.get(IMAGE_ENCODER), loaded, chosen, space)
    reads_vectors = chosen.conditioning in ("image_embeds", "noised_image_embeds")
    return Checkpoint(
        family=chosen,
        components=_complete(loaded, chosen),
        weights=digest(found.values(), {}),
        device=placed,
        dtype=dtype,
        size=_size(loaded, chosen),
        reads_vectors=reads_vectors,
        space=encoder.space.id if encoder else None,
        dimension=encoder.space.dimension if encoder else None,
        image_encoder=encoder,
        size_on_disk=sum(each.header.size for each in found.values() if each.header),
        size_in_memory=sum(each.header.parameters for each in found.values() if each.header) * dtype.itemsize,
        licence=chosen.licence,
    )


def _found(folder: Path, family: Family) -> dict[str, Component]:
    """The components of a folder, and the image encoder that may lie among them."""
    named = {name: _class_name(value) for name, value in index_of(folder).items() if not name.startswith("_")}
    found = {
        name: parts.find(folder, name, class_name)
        for name, class_name in named.items()
        if class_name and name not in LEFT_OUT
    }
    if family.model and IMAGE_ENCODER not in found and (folder / IMAGE_ENCODER).is_dir():
        found[IMAGE_ENCODER] = parts.find(folder, IMAGE_ENCODER, "CLIPVisionModelWithProjection")
    if missing := sorted(_needed(family) - found.keys()):
        raise ModelError(
            f"The checkpoint `{folder}` has no {' and no '.join(f'`{name}`' for name in missing)}.",
            hint="download the checkpoint again",
        )
    return found


def _class_name(value: Any) -> str | None:
    """The class in an entry of the index, such as `["diffusers", "VQModel"]`. None for other entries."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str):
        return value[1]
    return None


def _pipeline(family: Family) -> Any:
    return getattr(import_module("diffusers"), family.pipelines["text-to-image"])


def _needed(family: Family) -> set[str]:
    """The components that the family's pipeline cannot do without."""
    pipeline = _pipeline(family)
    parameters = inspect.signature(pipeline.__init__).parameters.values()
    named = {each.name for each in parameters if each.default is each.empty} - {"self"}
    return named - set(pipeline._optional_components)


def _complete(loaded: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """The components, with None for each that the family's pipeline takes but can do without."""
    optional = dict.fromkeys(_pipeline(family)._optional_components)
    return {**optional, **loaded}


def _placed(component: Any, device: "torch.device") -> Any:
    return component.to(device) if hasattr(component, "parameters") else component


def _encoder(
    found: Component | None, loaded: Mapping[str, Any], family: Family, space: Space
) -> ClipImageEncoder | None:
    """The image encoder of a family, if it is here, with the space of the vectors that it makes.

    The identity of a space depends on the file of the weights, which has many forms. So a library whose model
    has the family's own name for it is taken to be in the same space.
    """
    if found is None or found.header is None or family.model is None:
        return None
    network = loaded[IMAGE_ENCODER]
    dimension = int(network.config.projection_dim)
    own = Space(f"{family.model}:{files_digest(found.header.files)}", family.model, dimension)
    same = (space.name, space.dimension) == (family.model, dimension)
    return clip_image_encoder(network, space if same else own)


def _size(loaded: Mapping[str, Any], family: Family) -> tuple[int, int]:
    """The default width and height: what the network was trained for, or what the family says."""
    unet, vae = loaded.get("unet"), loaded.get("vae")
    side = unet.config.sample_size * 8 if unet is not None else vae.config.sample_size if vae else None
    return (side, side) if isinstance(side, int) else family.size


def _quiet() -> None:
    """Show no progress bars of diffusers and transformers."""
    for library in ("diffusers", "transformers"):
        import_module(f"{library}.utils.logging").disable_progress_bar()
