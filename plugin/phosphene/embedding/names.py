"""How a space is written: `landscape`, `NAME/TAG`, `hf-hub:ORG/NAME`, `local-dir:PATH`, `NAME@FILE`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phosphene.config import expanded
from phosphene.errors import ModelError

BUILT_IN = "landscape"
NOTATION = (
    "a space is `landscape`, `NAME/TAG` of open_clip, `hf-hub:ORG/NAME`, `local-dir:PATH`, "
    "or `NAME@FILE` for a bare checkpoint"
)
Kind = Literal["built-in", "tag", "hub", "folder", "file"]


@dataclass(frozen=True, slots=True)
class Named:
    """A space's name, taken apart. `model` is an architecture or a repository, `rest` a tag or a path."""

    text: str
    kind: Kind
    model: str = ""
    rest: str = ""

    @property
    def path(self) -> Path:
        """The folder or the checkpoint that the name points to."""
        return expanded(self.rest)


def parse(text: str) -> Named:
    """Take a space's name apart. Raises ModelError where it is none."""
    scheme, _, rest = text.partition(":")
    if text == BUILT_IN:
        return Named(text, "built-in")
    if scheme == "local-dir" and rest:
        return Named(text, "folder", rest=rest)
    if scheme == "hf-hub" and rest.count("/") == 1 and all(rest.split("/")):
        return Named(text, "hub", model=rest)
    model, at, file = text.partition("@")
    if at and model and file and "/" not in model:
        return Named(text, "file", model=model, rest=file)
    model, slash, tag = text.partition("/")
    if slash and model and tag and not set("/:@") & set(tag) and ":" not in model:
        return Named(text, "tag", model=model, rest=tag)
    raise ModelError(f"`{text}` names no space", NOTATION)
