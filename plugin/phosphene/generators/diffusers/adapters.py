"""IP-Adapters: small networks by which a family reads vectors of pictures beside words.

A family of UNets has one pair of weights for each cross-attention, and Flux.1 one for each double block.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import FAMILIES, Family
from phosphene.generators.diffusers.headers import Header, Shape, faults, read_header, refuse_pickles

if TYPE_CHECKING:
    import torch

TOKENS = 4  # that a vector becomes
PROJECTION = "proj.weight"  # (tokens × width, dimension of the vectors)
# The beginnings of the names of the two parts of an adapter's file, of UNets' adapters and of Flux.1's.
PROJECTIONS, ATTENTIONS = ("image_proj.", "ip_adapter_proj_model."), ("ip_adapter.", "double_blocks.")
FLUX = "ip_adapter_proj_model."
WIDTHS: Mapping[int, str] = {768: "sd15", 1024: "sd21", 2048: "sdxl"}  # of the texts that a UNet reads


@dataclass(frozen=True, slots=True)
class Adapter:
    """The file of an IP-Adapter, by its header. Nothing is loaded yet."""

    file: Path
    header: Header
    shapes: Mapping[str, Shape]  # by their names in diffusers

    @property
    def dimension(self) -> int:
        """The dimension of the vectors that it reads."""
        return self.shapes[f"image_proj.{PROJECTION}"][1]

    @property
    def family(self) -> str | None:
        """The name of the family that it was trained for, if its shapes tell it."""
        if any(name.startswith(FLUX) for name in self.header.shapes):
            return "flux1"
        widths = {shape[1] for name, shape in self.shapes.items() if name.endswith("to_k_ip.weight")}
        return WIDTHS.get(widths.pop()) if len(widths) == 1 else None


def read_adapter(file: Path) -> Adapter:
    """The IP-Adapter in a file. Raises ModelError if it is none, or one that does not read vectors."""
    refuse_pickles(file)
    header = read_header(file)
    shapes = {_name(name): shape for name, shape in header.shapes.items()}
    if not any(name.startswith("ip_adapter.") for name in shapes):
        raise ModelError(
            f"`{file}` is not an IP-Adapter.", hint="name a file such as `ip-adapter_sd15.safetensors`"
        )
    if len(shapes.get(f"image_proj.{PROJECTION}", ())) != 2:
        raise ModelError(
            f"`{file}` is an IP-Adapter that reads patches or faces. phosphene has vectors of pictures.",
            hint="use the plain one of its family, such as `ip-adapter_sd15.safetensors`",
        )
    return Adapter(file, header, shapes)


def check_adapter(adapter: Adapter, network: Any, family: Family) -> None:
    """Raise ModelError unless an adapter is whole and fits a network, of which only the shapes count."""
    wanted = dict(_wanted(adapter, network))
    if not (wrong := faults(wanted, adapter.shapes)):
        return
    if adapter.family not in (None, family.name) and adapter.family in FAMILIES:
        raise ModelError(
            f"`{adapter.file}` is an IP-Adapter for `{adapter.family}`, but the checkpoint is of the family"
            f" `{family.name}`.",
            hint=f"use `{family.adapter.file}` of `{family.adapter.repository}`" if family.adapter else "",
        )
    raise ModelError(
        f"The IP-Adapter `{adapter.file}` is not whole, or is for another network: {'; '.join(wrong)}.",
        hint="download it again",
    )


def load_adapter(adapter: Adapter, network: Any) -> None:
    """Load an adapter into a network that it fits."""
    from safetensors.torch import load_file

    weights: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for stored, weight in load_file(adapter.file).items():
        part, _, name = _name(stored).partition(".")
        if part in weights:
            weights[part][name] = weight
    # The pipelines' `load_ip_adapter` does the same, after it has looked for an image encoder by itself.
    network._load_ip_adapter_weights([weights])
    network.eval().requires_grad_(False)


def _name(stored: str) -> str:
    """The name of a weight in diffusers, which has the same layout for all families."""
    for prefixes, part in ((PROJECTIONS, "image_proj"), (ATTENTIONS, "ip_adapter")):
        for prefix in prefixes:
            if stored.startswith(prefix):
                name = f"{part}.{stored.removeprefix(prefix)}".replace(".processor.", ".")
                for kind in "kv":
                    name = name.replace(f"ip_adapter_double_stream_{kind}_proj", f"to_{kind}_ip")
                return name
    return stored


def _wanted(adapter: Adapter, network: Any) -> Iterator[tuple[str, Shape]]:
    """The names and shapes of the weights of an adapter for a network."""
    flux = hasattr(network, "transformer_blocks")
    width = int(network.config.joint_attention_dim if flux else network.config.cross_attention_dim)
    for place, rows in _attentions(network, flux):
        for kind in ("to_k_ip", "to_v_ip"):
            yield f"ip_adapter.{place}.{kind}.weight", (rows, width)
            if flux:
                yield f"ip_adapter.{place}.{kind}.bias", (rows,)
    tokens = 16 if flux and adapter.shapes[f"image_proj.{PROJECTION}"][0] == 16 * width else TOKENS
    yield f"image_proj.{PROJECTION}", (tokens * width, adapter.dimension)
    yield "image_proj.proj.bias", (tokens * width,)
    for kind in ("weight", "bias"):
        yield f"image_proj.norm.{kind}", (width,)


def _attentions(network: Any, flux: bool) -> Iterator[tuple[int, int]]:
    """The number of each attention that reads an adapter, as files have it, and its width."""
    if flux:
        yield from ((place, network.inner_dim) for place in range(len(network.transformer_blocks)))
        return
    named = [name for name in network.attn_processors if name.endswith("attn2.processor")]
    for place, name in enumerate(named):
        yield 2 * place + 1, network.get_submodule(name.removesuffix(".processor")).to_k.out_features
