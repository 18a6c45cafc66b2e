"""The pipelines of a checkpoint: one for each mode, with the same modules behind all of them."""

import inspect
import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from phosphene.generation import Mode
from phosphene.generators.diffusers.checkpoint import Checkpoint


class Pipelines:
    """Builds the pipeline of a mode when it is first used. Nothing is loaded twice.

    `AutoPipeline` and `from_pipe` would do the same for most families, but not for the decoder of Kandinsky.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        logging.getLogger("diffusers.models.modeling_utils").addFilter(names_modules)
        self.checkpoint = checkpoint
        self._built: dict[Mode, Any] = {}

    def pipeline(self, mode: Mode) -> Any:
        """The pipeline of a mode that the family has."""
        if mode not in self._built:
            self._built[mode] = build(self.checkpoint.family.pipelines[mode], self.checkpoint.components)
        return self._built[mode]


def build(class_name: str, components: Mapping[str, Any]) -> Any:
    """A pipeline of diffusers around the components of a checkpoint."""
    cls: Any = getattr(import_module("diffusers"), class_name)
    taken = inspect.signature(cls.__init__).parameters
    modules = {name: components.get(name) for name in cls._get_signature_keys(cls)[0]}
    if "requires_safety_checker" in taken:  # would print a warning where there is none
        modules["requires_safety_checker"] = modules.get("safety_checker") is not None
    pipeline = cls(**modules)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def names_modules(record: logging.LogRecord) -> bool:
    """False for a warning about modules that have to stay in float32, if there are none.

    diffusers prints it for every `to` of a network, and its pipelines of SDXL call `to` twice per picture.
    """
    return "should be kept in float32: []" not in record.getMessage()
