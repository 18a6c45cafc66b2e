"""Files that are added to a checkpoint: an IP-Adapter and LoRAs, as a user names them and as recipes do.

A recipe names each by the sha256 of its file. A replay looks for that file among those that this user has
added before, so that no recipe of somebody else chooses a path.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phosphene.embedding.identity import file_of
from phosphene.errors import GenerationError, listed
from phosphene.generation.capabilities import Addition, AdditionKind, Capabilities

TITLES: Mapping[AdditionKind, str] = {"adapter": "IP-Adapter", "lora": "LoRA"}


@dataclass(frozen=True, slots=True)
class Additions:
    """What a user adds to a checkpoint: the file or the folder of an IP-Adapter, and LoRAs.

    Each LoRA is written `FILE` or `FILE:WEIGHT`. A name of `phosphene models` may stand for its file.
    """

    adapter: str | None = None
    loras: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """What is named, for an error: `IP-Adapter` or `LoRAs`."""
        return (*(["IP-Adapter"] if self.adapter else []), *(["LoRAs"] if self.loras else []))


def additions_again(recipe: Mapping[str, Any]) -> Additions:
    """The additions of a recipe, as far as their files are known on this machine."""
    adapter, loras = None, []
    for each in _of_recipe(recipe):
        file = file_of(each.sha256)
        if file and each.kind == "adapter":
            adapter = str(file)
        elif file:
            loras.append(f"{file}:{each.weight!r}")
    return Additions(adapter, tuple(loras))


def lacking(recipe: Mapping[str, Any], capabilities: Capabilities) -> list[Addition]:
    """The additions of a recipe that a generator of the same name does not have."""
    if recipe["generator"] != capabilities.name:
        return []
    here = {(each.kind, each.sha256, each.weight) for each in capabilities.additions}
    return [each for each in _of_recipe(recipe) if (each.kind, each.sha256, each.weight) not in here]


def refuse_lacking(recipe: Mapping[str, Any], capabilities: Capabilities) -> None:
    """Raise GenerationError if a generator lacks additions of a recipe."""
    if gone := lacking(recipe, capabilities):
        described = " and ".join(map(_described, gone))
        raise GenerationError(
            f"The picture was made with {described}, which phosphene does not find on this machine.",
            hint=f"name the files if you have them: {listed(map(_option, gone))}",
        )


def _of_recipe(recipe: Mapping[str, Any]) -> Iterator[Addition]:
    entries: Iterable[Mapping[str, Any]] = recipe.get("additions") or ()
    keys = ("kind", "file", "sha256", "weight")
    return (Addition(*(entry[key] for key in keys)) for entry in entries)


def _described(addition: Addition) -> str:
    return f"the {TITLES[addition.kind]} `{addition.file}` (sha256 {addition.sha256[:12]})"


def _option(addition: Addition) -> str:
    weight = "" if addition.weight == 1 else f":{addition.weight:g}"
    return f"--{addition.kind} FILE{weight}"
