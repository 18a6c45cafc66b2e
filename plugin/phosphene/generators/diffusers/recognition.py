"""Tells the family of a checkpoint from its files, without loading any of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phosphene.embedding import plain
from phosphene.errors import ModelError, listed
from phosphene.generators.diffusers.families import FAMILIES, Family

INDEX = "model_index.json"
# Families that share a class with others: the component, the setting and its value that tell them.
SIGNS: Mapping[str, tuple[str, str, int]] = {
    "unclip-small": ("image_encoder", "projection_dim", 768),
}


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
    told = [family for family in found if family.name in SIGNS and _has(folder, *SIGNS[family.name])]
    return (told or [family for family in found if family.name not in SIGNS])[0]


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


def _has(folder: Path, component: str, key: str, value: int) -> bool:
    file = folder / component / "config.json"
    return file.is_file() and plain.settings(file).get(key) == value
