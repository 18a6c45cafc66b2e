"""Finds the checkpoint that a user names: a family, a registered name, a path, or a place on the hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from phosphene import catalogue
from phosphene.catalogue import registrations, snapshots
from phosphene.catalogue.offers import how_to_fetch
from phosphene.config import expanded
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import FAMILIES, Family

HUB = "hf"
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Located:
    """A checkpoint on this machine. `family` is known if the user named it, or registered the checkpoint."""

    path: Path
    family: Family | None = None


def locate(name: str) -> Located | None:
    """The checkpoint of a name, or None for a name that is not one of a checkpoint.

    Raises ModelError if the name is one of a checkpoint that is not on this machine.
    """
    scheme, _, rest = name.partition(":")
    if scheme == HUB and rest:
        return Located(_snapshot(rest))
    if path := catalogue.find(name):
        return Located(path, _family(name))
    if name in FAMILIES:
        raise ModelError(
            f"The checkpoint of `{name}` is not on this machine.",
            hint=f"{how_to_fetch(name)}, or name a folder or a file that you have",
        )
    if (path := expanded(name)).exists():
        return Located(path)
    if "/" in name or path.suffix:
        raise ModelError(f"There is no checkpoint `{name}`.", hint="name a folder or a file that exists")
    return None


def _family(name: str) -> Family | None:
    entry = registrations.registered().get(name)
    return FAMILIES.get(entry.family if entry else name)


def _snapshot(text: str) -> Path:
    """The folder of `ORG/NAME` or `ORG/NAME@REVISION` in the hub's cache."""
    repository, _, revision = text.partition("@")
    if not REPOSITORY.fullmatch(repository):
        raise ModelError(
            f"`{HUB}:{text}` is not a repository of the hub.",
            hint="write `hf:ORG/NAME` or `hf:ORG/NAME@REVISION`",
        )
    folder = snapshots.pipeline(repository, revision or "main")
    if folder is None:
        raise ModelError(
            f"The checkpoint `{HUB}:{text}` is not on this machine.",
            hint=how_to_fetch(f"{HUB}:{text}"),
        )
    return folder
