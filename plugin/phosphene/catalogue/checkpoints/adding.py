"""Adds checkpoints and LoRAs that are on this machine already, by reference.

What is not whole is refused.
"""

import re
from pathlib import Path

from phosphene.catalogue import registrations
from phosphene.catalogue.offers import offer
from phosphene.catalogue.registrations import Registered, RegisteredLora
from phosphene.config import expanded
from phosphene.errors import ModelError
from phosphene.generators import GENERATORS

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)


def add(path: Path, name: str | None = None) -> Registered | RegisteredLora:
    """Register a checkpoint or a LoRA under a name, by default its own. Nothing is copied.

    Raises ModelError if it is not whole, of no known family, or if the name is taken.
    """
    place = expanded(path).absolute()
    if not place.exists():
        raise ModelError(f"There is no file or folder `{path}`.", hint="check the path")
    chosen = name or (place.name if place.is_dir() else place.stem)
    _check_name(chosen)
    if _is_lora(place):
        lora = RegisteredLora(chosen, place)
        registrations.register_lora(lora)
        return lora
    entry = described(chosen, place)
    registrations.register(entry)
    return entry


def described(name: str, place: Path) -> Registered:
    """The entry of a checkpoint, by its headers and hashes. Raises ModelError if it is not whole."""
    from phosphene.generators.diffusers.identity import digest
    from phosphene.generators.diffusers.loading import open_saved

    saved = open_saved(place)
    saved.check()
    return Registered(name, saved.family.name, place, digest(saved.identity))


def _is_lora(place: Path) -> bool:
    """Whether a file is a LoRA. Raises ModelError for one that is not whole."""
    from phosphene.generators.diffusers.headers import SUFFIX, read_header
    from phosphene.generators.diffusers.lora import Lora, read_lora

    if place.is_dir() or place.suffix != SUFFIX:
        return False
    found = any("lora" in name for name in read_header(place).shapes)
    if found:
        read_lora(Lora(place))
    return found


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ModelError(
            f"`{name}` cannot be the name of a checkpoint.",
            hint="choose one of letters, digits, dots, hyphens and underscores with `--name`",
        )
    if offer(name) or GENERATORS.has(name):
        raise ModelError(
            f"The name `{name}` stands for another model already.", hint="choose another one with `--name`"
        )
