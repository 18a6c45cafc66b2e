"""Tells the family of a checkpoint from its files, without loading any of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phosphene.embedding import plain
from phosphene.errors import ModelError, listed
from phosphene.generators.diffusers.families import FAMILIES, Family
from phosphene.generators.diffusers.headers import Header

INDEX = "model_index.json"
# Families that share a class with others: the file, the setting and its value that tell them, in the order of
# asking.
SIGNS: Mapping[str, tuple[str, str, object]] = {
    "sdxs": ("vae/config.json", "_class_name", "AutoencoderTiny"),
    "unclip-small": ("image_encoder/config.json", "projection_dim", 768),
    "sd-turbo": ("scheduler/scheduler_config.json", "timestep_spacing", "trailing"),
    "sd21": ("unet/config.json", "cross_attention_dim", 1024),
}
# The beginnings of names of weights that only the files of one family have, in the order of asking.
BEGINNINGS: Mapping[str, str] = {
    "conditioner.embedders.1.": "sdxl",
    "cond_stage_model.model.": "sd21",
    "cond_stage_model.transformer.": "sd15",
}
DENOISER = "model.diffusion_model."
INPUT = f"{DENOISER}input_blocks.0.0.weight"  # (channels, channels of the latents, 3, 3)
LATENTS = 4


def family_of_folder(folder: Path, asked: Family | None = None) -> Family:
    """The family of a checkpoint in a folder of diffusers.

    `asked` is the family that the user named, if it has the checkpoint's class. Raises ModelError if there is
    no such family.
    """
    name = index_of(folder).get("_class_name")
    found = [family for family in FAMILIES.values() if name in family.pipelines.values()]
    if not found:
        raise ModelError(
            f"`{folder}` is a checkpoint of `{str(name)[:80]}`, and phosphene has no such family.",
            hint=f"use a checkpoint of one of {listed(FAMILIES)}",
        )
    if asked in found:
        return asked
    told = [FAMILIES[name] for name, sign in SIGNS.items() if FAMILIES[name] in found and _has(folder, *sign)]
    return (told or [family for family in found if family.name not in SIGNS])[0]


def family_of_header(path: Path, header: Header) -> Family:
    """The family of a checkpoint in one file.

    Raises ModelError if there is no such family, or if the file is something else than a checkpoint.
    """
    for beginning, family in BEGINNINGS.items():
        if any(name.startswith(beginning) for name in header.shapes) and INPUT in header.shapes:
            if header.shapes[INPUT][1:2] != (LATENTS,):
                raise ModelError(
                    f"`{path}` is a checkpoint for inpainting or for instructions only. phosphene does not"
                    " use those.",
                    hint="use the plain checkpoint, which can inpaint, too",
                )
            return FAMILIES[family]
    raise ModelError(
        f"`{path}` is not a checkpoint of {listed(BEGINNINGS.values())}, the families that phosphene reads"
        " from one file.",
        hint="name a folder of diffusers, which phosphene reads for every family",
    )


def class_in(path: Path) -> str | None:
    """The class of the pipeline in a folder, if the folder has an index."""
    return str(index_of(path).get("_class_name")) if (path / INDEX).is_file() else None


def index_of(folder: Path) -> dict[str, Any]:
    """The index of a checkpoint's folder. Raises ModelError if there is none."""
    if not (folder / INDEX).is_file():
        raise ModelError(
            f"`{folder}` is not a checkpoint of diffusers: it has no `{INDEX}`.",
            hint="name a folder that `save_pretrained` wrote, or a `.safetensors` file",
        )
    return plain.settings(folder / INDEX)


def _has(folder: Path, name: str, key: str, value: object) -> bool:
    file = folder / name
    return file.is_file() and plain.settings(file).get(key) == value
