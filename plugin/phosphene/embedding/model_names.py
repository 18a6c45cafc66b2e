"""Names of models: `landscape`, `NAME/TAG`, `hf-hub:ORG/NAME`, `local-dir:PATH`, `NAME@FILE`, a plugin's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phosphene.config import expanded
from phosphene.errors import ModelError
from phosphene.plugins import installed

BUILT_IN = "landscape"
DEFAULT_MODEL = "ViT-B-32-256/datacomp_s34b_b86k"  # why this one: docs/decisions.md
SCHEMES = (BUILT_IN, "hf-hub", "local-dir")  # no plugin can have these names
ModelKind = Literal["built-in", "tag", "hub", "folder", "file", "plugin"]


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model's name in its parts: `model` is an architecture, a repository or a plugin."""

    text: str
    kind: ModelKind
    model: str = ""
    rest: str = ""

    @property
    def path(self) -> Path:
        """The folder or the checkpoint that the name points to."""
        return expanded(self.rest)


def parse(text: str) -> ModelName:
    """Take a model's name apart. Raises ModelError where it is not one."""
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
    raise ModelError(f"`{text}` is not the name of a model", notation())


def notation() -> str:
    """How models are named, for hints: those of open_clip, and those that plugins bring."""
    plugins = " or ".join(f"`{name}`" for name in _plugins())
    return (
        "a model is `landscape`, `NAME/TAG` of open_clip, `hf-hub:ORG/NAME`, `local-dir:PATH`,"
        f" `NAME@FILE` for a bare checkpoint, or {plugins or 'the name'} of a plugin;"
        " `phosphene models list` names some"
    )


def _plugins() -> list[str]:
    return [plugin.name for plugin in installed("embedders")]
