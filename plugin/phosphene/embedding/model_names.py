"""Parses the names of models.

They are `landscape`, `NAME/TAG`, `hf-hub:ORG/NAME`, `local-dir:PATH`, `NAME@FILE`, or the name of a plugin.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phosphene.config import expanded
from phosphene.errors import ModelError
from phosphene.plugins import installed

BUILT_IN = "landscape"
DEFAULT_MODEL = "ViT-B-32-SigLIP2-256/webli"  # docs/decisions.md says why
SCHEMES = (BUILT_IN, "hf-hub", "local-dir")  # plugins cannot have these names
ModelKind = Literal["built-in", "tag", "hub", "folder", "file", "plugin"]


@dataclass(frozen=True, slots=True)
class ModelName:
    """The parts of a model's name. `model` is an architecture, a repository or a plugin."""

    text: str
    kind: ModelKind
    model: str = ""
    rest: str = ""

    @property
    def path(self) -> Path:
        """The folder or the checkpoint that the name points to."""
        return expanded(self.rest)


def parse(text: str) -> ModelName:
    """Split a model's name into its parts. Raises ModelError for a text that is not the name of a model."""
    scheme, _, rest = text.partition(":")
    if text == BUILT_IN:
        return ModelName(text, "built-in")
    if scheme == "local-dir" and rest:
        return ModelName(text, "folder", rest=rest)
    if scheme == "hf-hub" and rest.count("/") == 1 and all(rest.split("/")):
        return ModelName(text, "hub", model=rest)
    model, at, file = text.partition("@")
    if at and model and file and "/" not in model:
        return ModelName(text, "file", model=model, rest=file)
    model, slash, tag = text.partition("/")
    if slash and model and tag and not set("/:@") & set(tag) and ":" not in model:
        return ModelName(text, "tag", model=model, rest=tag)
    if scheme in _plugins():
        return ModelName(text, "plugin", model=scheme, rest=rest)
    raise ModelError(f"`{text}` is not the name of a model.", notation())


def notation() -> str:
    """The hint that says how to name models of open_clip and of plugins."""
    plugins = " or ".join(f"`{name}`" for name in _plugins())
    return (
        "write `landscape`, `NAME/TAG` of open_clip, `hf-hub:ORG/NAME`, `local-dir:PATH`,"
        f" `NAME@FILE` for a bare checkpoint, or {plugins or 'the name'} of a plugin;"
        " `phosphene models list` lists some"
    )


def _plugins() -> list[str]:
    return [plugin.name for plugin in installed("embedders")]
