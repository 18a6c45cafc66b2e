"""A loaded checkpoint of a family: its modules on one device, and what identifies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phosphene.embedding import ImageEncoder
from phosphene.generation import Addition, Reads
from phosphene.generators.diffusers.families import Family

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The modules of one checkpoint, which all pipelines of its family share.

    `components` are what `DiffusionPipeline.components` has: modules, tokenizers and the scheduler by the
    names that the constructors of the family's pipelines take. An IP-Adapter and LoRAs are already loaded
    into them.
    """

    family: Family
    components: Mapping[str, Any]
    weights: str  # sha256 over all parts, the adapter and the LoRAs
    additions: tuple[Addition, ...] = ()  # the adapter and the LoRAs
    compiled: bool = False  # whether torch compiles the denoising network
    device: "torch.device"
    dtype: "torch.dtype"
    size: tuple[int, int]  # the default width and height
    reads_vectors: bool = False  # whether it has an image's vector for an input, perhaps by its adapter
    space: str | None = None  # the `Space.id` of the vectors that it reads
    dimension: int | None = None  # of those vectors
    image_encoder: ImageEncoder | None = None  # makes those vectors, if its files are here
    tiny_vae: Any | None = None  # TAESD (AutoencoderTiny): for previews, and on CPUs for the pictures, too
    size_on_disk: int | None = None  # bytes
    size_in_memory: int | None = None  # bytes
    licence: str = ""

    @property
    def reads(self) -> frozenset[Reads]:
        """The parts of a request that it uses. Without its adapter, a family reads only words."""
        return self.family.reads if self.reads_vectors else self.family.reads_without_vectors
