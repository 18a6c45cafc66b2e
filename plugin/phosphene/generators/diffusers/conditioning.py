"""How each family takes references: one function per way.

All models that take vectors read the raw output of their image encoder, so a reference counts as its unit
vector times its norm. References of weight 0 are left out.
"""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from PIL import Image as pillow
from PIL import ImageOps
from PIL.Image import Image as Picture
from torch import Tensor

from phosphene.embedding import ImageEncoder
from phosphene.errors import GenerationError
from phosphene.generation import Reference, Request
from phosphene.generation.lanes import VECTOR_LANES
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.families import Conditioning
from phosphene.generators.diffusers.image_encoder import ClipImageEncoder
from phosphene.vectors import Vectors

LARGEST_PICTURE = 1024  # pixels of the longer side; pipelines make larger ones smaller
# What FLUX.2 of diffusers 0.42 refuses: a shorter side, in pixels, and a longer one in relation to it.
SMALLEST, LONGEST = 64, 8
MEAN_COLOUR = (123, 117, 104)  # that CLIP subtracts from its pixels, rounded
# From the checkpoint, a pipeline, a completed request and the number of rows to arguments of the pipeline.
Conditioner = Callable[[Checkpoint, Any, Request, int], dict[str, Any]]


def arguments(checkpoint: Checkpoint, pipeline: Any, request: Request, rows: int) -> dict[str, Any]:
    """The arguments by which a pipeline follows the references of a request."""
    way = checkpoint.family.conditioning
    if way is None or not checkpoint.reads & {"vectors", "pictures"}:
        return {}
    return CONDITIONS[way](checkpoint, pipeline, request, rows)


def ip_adapter(checkpoint: Checkpoint, pipeline: Any, request: Request, rows: int) -> dict[str, Any]:
    """IP-Adapter (Ye et al. 2023) of Stable Diffusion: references are read by an attention of their own.

    References of equal weights share one softmax, as they do in the paper. Otherwise each has a softmax of
    its own, and their outputs are added by their weights. One row of embeddings serves all rows of a batch.

    With styles, the references are read everywhere but in the blocks that decide how a picture looks. There
    only the styles are read (InstantStyle, Wang et al. 2024).
    """
    used, styles = references(request), list(request.styles)
    shares, vectors = weights(used), raw(checkpoint, [*used, *styles])[None]
    closeness = (request.closeness or 0) if used else 0.0
    found: dict[str, Any] = {}
    if not styles and len(set(shares.tolist())) == 1:
        pipeline.set_ip_adapter_scale(closeness)
    else:
        content = (closeness * shares).tolist()[: len(used)]
        set_scales(checkpoint, pipeline.unet, content, weights(styles).tolist()[: len(styles)])
        masks = everywhere(checkpoint, request, len(used) + len(styles))
        found["cross_attention_kwargs"] = {"ip_adapter_masks": [masks]}
    guided = (request.guidance_scale or 0) > 1 and pipeline.unet.config.time_cond_proj_dim is None
    found["ip_adapter_image_embeds"] = [
        torch.cat([torch.zeros_like(vectors), vectors]) if guided else vectors
    ]
    return found


def set_scales(checkpoint: Checkpoint, network: Any, content: list[float], styles: list[float]) -> None:
    """Set how much each attention reads of each reference and of each style.

    Without styles all attentions read the references.
    """
    for name, processor in network.attn_processors.items():
        if hasattr(processor, "scale"):  # it is one of the adapter's
            of_style = bool(styles) and name.startswith(checkpoint.family.style_blocks)
            kept = [[0.0] * len(content), styles] if of_style else [content, [0.0] * len(styles)]
            processor.scale = [[scale for part in kept for scale in part]]


def flux_ip_adapter(checkpoint: Checkpoint, pipeline: Any, request: Request, rows: int) -> dict[str, Any]:
    """The IP-Adapter of Flux. References of different weights become their weighted mean.

    It has no masks, so that it cannot weigh references that it reads one by one.
    """
    used = references(request)
    vectors = raw(checkpoint, used)
    if len({reference.weight for reference in used}) > 1:
        vectors = mean(checkpoint, used)
    pipeline.set_ip_adapter_scale((request.closeness or 0) if used else 0.0)
    return {
        "ip_adapter_image_embeds": [vectors[None]],
        "negative_ip_adapter_image_embeds": [torch.zeros_like(vectors[None])],
    }


def image_embeds(checkpoint: Checkpoint, pipeline: Any, request: Request, rows: int) -> dict[str, Any]:
    """Kandinsky's decoder: one embedding. `closeness` is how far it is from that of an empty picture."""
    used, nothing = references(request), zero_embedding(checkpoint)
    closeness = (request.closeness or 0) if used else 0.0
    mixed = torch.lerp(nothing, mean(checkpoint, used), closeness)
    return {"image_embeds": mixed.expand(rows, -1), "negative_image_embeds": nothing.expand(rows, -1)}


def noised_image_embeds(checkpoint: Checkpoint, pipeline: Any, request: Request, rows: int) -> dict[str, Any]:
    """Stable unCLIP: one embedding, with noise. `closeness` is the share of the embedding that is left."""
    used = references(request)
    closeness = (request.closeness or 0) if used else 0.0
    kept = pipeline.image_noising_scheduler.alphas_cumprod.sqrt()  # at each noise level
    level = min(int((kept > closeness).sum()), len(kept) - 1)
    return {"image_embeds": mean(checkpoint, used).expand(rows, -1), "noise_level": level}


def pictures(checkpoint: Checkpoint, pipeline: Any, request: Request, rows: int) -> dict[str, Any]:
    """A list of pictures, for a model that reads them itself. Those that are gone are left out."""
    opened = opened_references(request) if request.lane in (None, "pictures") else []
    if not opened and checkpoint.family.needs_pictures:
        raise GenerationError(
            f"`{checkpoint.family.name}` changes pictures, and this request has none.",
            hint="name one with `--neighbour ID`, or use a generator that needs none, such as `qwen-image`",
        )
    return {"image": [readable(picture) for picture in opened]} if opened else {}


def opened_references(request: Request) -> list[Picture]:
    """The pictures of the references that have a weight, without those that are gone."""
    used = (reference for reference in request.references if reference.weight > 0)
    return [picture for reference in used if (picture := reference.picture(LARGEST_PICTURE)) is not None]


def readable(picture: Picture) -> Picture:
    """A picture of a size that FLUX.2 takes: small ones are enlarged, and very long ones lose their ends."""
    width, height = picture.size
    longest = LONGEST * min(width, height)
    if max(width, height) > longest:
        picture = ImageOps.fit(picture, (min(width, longest), min(height, longest)))
    factor = SMALLEST / min(picture.size)
    return ImageOps.scale(picture, factor) if factor > 1 else picture


def everywhere(checkpoint: Checkpoint, request: Request, count: int) -> Tensor:
    """A mask (1, count, height, width) per reference, by which each of them counts in the whole picture."""
    assert request.size is not None, "the request is completed"
    width, height = (side // 8 for side in request.size)  # the size of the latents
    return torch.ones(1, count, height, width, device=checkpoint.device, dtype=checkpoint.dtype)


def references(request: Request) -> list[Reference]:
    """The references whose vectors count."""
    if request.lane not in (None, *VECTOR_LANES):
        return []
    return [reference for reference in request.references if reference.weight > 0]


def raw(checkpoint: Checkpoint, used: list[Reference]) -> Tensor:
    """The raw embeddings (k, d) of references. Without any, a row of zeros stands for them."""
    assert checkpoint.dimension is not None, "the checkpoint reads vectors"
    none = np.zeros((1, checkpoint.dimension), dtype=np.float32)
    stacked = torch.from_numpy(np.stack([each.raw for each in used]) if used else none)
    return stacked.to(checkpoint.device, checkpoint.dtype)


def weights(used: list[Reference]) -> Tensor:
    """The weights (k,) of references, whose sum is 1."""
    given = torch.tensor([reference.weight for reference in used] or [1.0])
    return given / given.sum()


def mean(checkpoint: Checkpoint, used: list[Reference]) -> Tensor:
    """The weighted mean (1, d) of the raw embeddings of references."""
    return (weights(used) @ raw(checkpoint, used).float().cpu())[None].to(checkpoint.device, checkpoint.dtype)


ZERO_EMBEDDINGS: MutableMapping[ImageEncoder, Tensor] = WeakKeyDictionary()


def zero_embedding(checkpoint: Checkpoint) -> Tensor:
    """The raw embedding (1, d) of an empty picture, whose pixels are zeros for CLIP."""
    encoder = checkpoint.image_encoder
    assert encoder is not None, "a checkpoint whose guidance needs its image encoder is not loaded without it"
    if encoder not in ZERO_EMBEDDINGS:
        ZERO_EMBEDDINGS[encoder] = torch.from_numpy(_empty_picture(encoder))
    return ZERO_EMBEDDINGS[encoder].to(checkpoint.device, checkpoint.dtype)


def _empty_picture(encoder: ImageEncoder) -> Vectors:
    if isinstance(encoder, ClipImageEncoder):
        return encoder.empty_picture()
    grey = encoder.pictures([encoder.prepare(pillow.new("RGB", (224, 224), MEAN_COLOUR))])
    return grey.vectors * grey.norms[:, None]


CONDITIONS: Mapping[Conditioning, Conditioner] = {
    "ip_adapter": ip_adapter,
    "flux_ip_adapter": flux_ip_adapter,
    "image_embeds": image_embeds,
    "noised_image_embeds": noised_image_embeds,
    "pictures": pictures,
}
