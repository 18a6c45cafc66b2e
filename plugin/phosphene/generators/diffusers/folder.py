"""A checkpoint in a folder of diffusers: `model_index.json`, and a folder for each component."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.catalogue.snapshots import LEFT_OUT
from phosphene.errors import ModelError
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.identity import contents
from phosphene.generators.diffusers.recognition import family_of_folder, index_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """The components of a checkpoint in a folder or in a file. Nothing is loaded yet."""

    path: Path
    family: Family
    components: Mapping[str, Component]

    def check(self) -> dict[str, Any]:
        """The networks without their weights. Raises ModelError unless all weights are there and fit."""
        return parts.whole(self.components, self.path)

    def load(self, dtype: "torch.dtype") -> dict[str, Any]:
        """The components, loaded on the CPU."""
        return {name: parts.load(each, dtype) for name, each in self.components.items()}

    @property
    def identity(self) -> object:
        """What decides the pictures: the components' settings, and the sha256 of their files."""
        return {name: contents(each) for name, each in self.components.items()}

    def sizes_in_memory(self, itemsize: int) -> list[int]:
        """Bytes of each network in memory, if a number has `itemsize` bytes."""
        headers = [each.header for each in self.components.values() if each.header]
        return [header.size_in_memory(itemsize) for header in headers]

    @property
    def size(self) -> int:
        """Bytes of the weights on disk."""
        files = {file for each in self.components.values() if each.header for file in each.header.files}
        return sum(file.stat().st_size for file in files)


def open_folder(path: Path, asked: Family | None = None) -> SavedCheckpoint:
    """The checkpoint in a folder. `asked` is the family that the user named, see `family_of_folder`.

    Raises ModelError if it is of no known family, if its files are damaged, or if a component is missing.
    """
    family = family_of_folder(path, asked)
    found = {name: parts.find(path / name, name, kind) for name, kind in named_components(path).items()}
    if missing := sorted(_needed(family) - found.keys()):
        raise ModelError(
            f"The checkpoint `{path}` has no {' and no '.join(f'`{name}`' for name in missing)}.",
            hint="download the checkpoint again",
        )
    return SavedCheckpoint(path, family, found)


def named_components(folder: Path) -> dict[str, str]:
    """The names of the components that the index of a folder lists, and their classes."""
    listed = ((name, _class_name(value)) for name, value in index_of(folder).items())
    return {name: kind for name, kind in listed if kind and name not in LEFT_OUT}


def pipeline_class(family: Family) -> Any:
    """The class of diffusers that makes a family's pictures from words or vectors."""
    return getattr(import_module("diffusers"), family.pipelines["text-to-image"])


def _class_name(value: Any) -> str | None:
    """The class in an entry of the index, such as `["diffusers", "VQModel"]`. None for other entries."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], str):
        return value[1]
    return None


def _needed(family: Family) -> set[str]:
    """The components that the family's pipeline cannot do without."""
    pipeline = pipeline_class(family)
    parameters = inspect.signature(pipeline.__init__).parameters.values()
    named = {each.name for each in parameters if each.default is each.empty} - {"self"}
    return named - set(pipeline._optional_components)
