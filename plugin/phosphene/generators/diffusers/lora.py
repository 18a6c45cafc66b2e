"""LoRAs: small changes to the weights of a checkpoint (Hu et al. 2021), in diffusers' or kohya's files.

A LoRA has two matrices for each layer that it changes.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from phosphene import extras
from phosphene.catalogue import registrations
from phosphene.config import expanded
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.headers import Header, read_header, refuse_pickles, summary
from phosphene.generators.diffusers.pipelines import build

# The names of the two matrices, as diffusers has them today, as kohya has them, and as diffusers had them.
HALVES = ((".lora_A.", ".lora_B."), (".lora_down.", ".lora_up."), (".down.", ".up."))
# The errors that diffusers and peft raise for a LoRA of another network.
UNFIT = (ValueError, RuntimeError, KeyError)


@dataclass(frozen=True, slots=True)
class Lora:
    """A file with a LoRA, and how much of it is added. A weight of 0 leaves it out."""

    path: Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ReadLora:
    """A LoRA by its header, which is whole. Nothing is loaded yet."""

    lora: Lora
    header: Header
    layers: int  # how many layers it changes


def parse_lora(text: str) -> Lora:
    """The LoRA of `FILE` or `FILE:WEIGHT`, where the catalogue's name of one may stand for its file.

    Raises ModelError if the file does not exist.
    """
    file, colon, weight = text.rpartition(":")
    try:
        lora = Lora(_place(file), float(weight)) if colon else Lora(_place(text))
    except ValueError:  # the colon is part of the path
        lora = Lora(_place(text))
    if not lora.path.is_file() or not isfinite(lora.weight):
        raise ModelError(
            f"There is no LoRA `{text}`.", hint="write the path of a file, its name, or `FILE:WEIGHT`"
        )
    return lora


def _place(name: str) -> Path:
    path, known = expanded(name), registrations.loras()
    return known[name].path if name in known and not path.exists() else path


def read_lora(lora: Lora) -> ReadLora:
    """The header of a LoRA. Raises ModelError if the file is none, or lacks one of two matrices."""
    refuse_pickles(lora.path)
    header = read_header(lora.path)
    pairs = dict(_pairs(header))
    if not pairs:
        raise ModelError(
            f"`{lora.path}` is not a LoRA that phosphene can load.",
            hint="name a LoRA in the format of diffusers or of kohya, and not a LoHa, LoKr or DoRA",
        )
    missing = [name for pair in pairs.items() for name in pair if name not in header.shapes]
    odd = [down for down, up in pairs.items() if not missing and _ranks_differ(header, down, up)]
    if wrong := [*summary("missing", missing), *summary("misshapen", odd)]:
        raise ModelError(
            f"The LoRA `{lora.path}` is not whole: {'; '.join(wrong)}.", hint="download it again"
        )
    return ReadLora(lora, header, len(pairs))


def load_loras(loras: Sequence[ReadLora], components: Mapping[str, Any], family: Family) -> None:
    """Load LoRAs into the networks of a checkpoint. Raises ModelError if one was made for another network."""
    if not loras:
        return
    extras.require("peft")
    pipeline = build(family.pipelines["text-to-image"], components)  # it knows how LoRAs are named
    for place, each in enumerate(loras):
        _load(each, pipeline, f"lora{place}")
    names = [f"lora{place}" for place in range(len(loras))]
    pipeline.set_adapters(names, [each.lora.weight for each in loras])


def _load(read: ReadLora, pipeline: Any, name: str) -> None:
    from safetensors.torch import load_file

    try:
        with warnings.catch_warnings():  # that a second LoRA comes to the first one, which is what we want
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            pipeline.load_lora_weights(load_file(read.lora.path), adapter_name=name)
    except UNFIT as error:
        raise _unfit(read, "its layers have other shapes or names") from error
    loaded = sum(_layers(network, name) for network in pipeline.components.values())
    if loaded < read.layers:  # diffusers only warns of layers that it cannot place
        raise _unfit(read, f"the checkpoint has only {loaded} of its {read.layers} layers")


def _unfit(read: ReadLora, reason: str) -> ModelError:
    return ModelError(
        f"The LoRA `{read.lora.path}` does not fit the checkpoint: {reason}.",
        hint="use a LoRA that was trained for the checkpoint's family",
    )


def _layers(network: Any, name: str) -> int:
    """How many layers of a network have weights of a LoRA."""
    modules = network.modules() if hasattr(network, "modules") else ()
    return sum(name in getattr(module, "lora_A", {}) for module in modules)


def _pairs(header: Header) -> Iterator[tuple[str, str]]:
    """The names of the two matrices of each layer, where the file has at least one of them."""
    for name in header.shapes:
        for first, second in HALVES:
            if first in name:
                yield name, name.replace(first, second)
            elif second in name:
                yield name.replace(second, first), name


def _ranks_differ(header: Header, down: str, up: str) -> bool:
    """Whether two matrices do not fit together: (rank, inputs …) and (outputs, rank …)."""
    return header.shapes[down][0] != header.shapes[up][1]
