"""The vectors of the parts of a picture, from the image towers of open_clip.

A tower pools what it found everywhere in a picture by attention. The values that this attention sums are
vectors of the places, and projected as their sum would be, they lie near the texts that name what is there
(MaskCLIP; Zhou et al. 2022, "Extract Free Dense Labels from CLIP"). No weight is changed.
"""

from typing import Any

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import Tensor
from torch.nn.functional import linear, normalize, pad

STRIDE = 32  # pixels between the places of a ResNet
PARTS = 2  # a ResNet sees the picture shifted by halves of a stride, so that places lie closer together
ZOOM = 2  # a ResNet sees the picture at so many times its own size: things fill a place better


def can_see_patches(visual: Any) -> bool:
    """Whether `patches_of` knows this image tower."""
    if isinstance(visual, ModifiedResNet):
        return True
    return (
        isinstance(visual, VisionTransformer)
        and visual.attn_pool is None
        and visual.proj is not None
        and isinstance(visual.transformer.resblocks[-1], ResidualAttentionBlock)
    )


def input_side(visual: Any) -> tuple[int, int]:
    """The height and width in pixels of the pictures that `patches_of` takes."""
    if isinstance(visual, ModifiedResNet):
        return ZOOM * visual.image_size, ZOOM * visual.image_size
    height, width = visual.image_size
    return height, width


def patches_of(visual: Any, pixels: Tensor) -> Tensor:
    """The unit vectors (rows, columns, d) of the places of a picture (1, 3, height, width)."""
    patches = _of_resnet if isinstance(visual, ModifiedResNet) else _of_transformer
    return normalize(patches(visual, pixels).float(), dim=-1)


def _of_transformer(visual: Any, pixels: Tensor) -> Tensor:
    """The values of the last block's attention: what each place would add to the token that is pooled."""
    tokens = visual._embeds(pixels)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        tokens = block(tokens)
    width, attention = tokens.shape[-1], last.attn
    values = linear(
        last.ln_1(tokens), attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :]
    )
    places = visual.ln_post(attention.out_proj(values))[0, 1:] @ visual.proj
    grid: Tensor = places.unflatten(0, visual.grid_size)
    return grid


def _of_resnet(visual: Any, pixels: Tensor) -> Tensor:
    """The values of the attention that pools a ResNet, of the picture and of shifted ones between them."""
    height, width = pixels.shape[2] // STRIDE, pixels.shape[3] // STRIDE
    shifts = [part * STRIDE // PARTS - (STRIDE - STRIDE // PARTS) // 2 for part in range(PARTS)]
    wide = pad(pixels, (STRIDE,) * 4, mode="replicate")
    shifted = [
        wide[:, :, STRIDE + y : STRIDE + y + pixels.shape[2], STRIDE + x : STRIDE + x + pixels.shape[3]]
        for y in shifts
        for x in shifts
    ]
    found = visual.stem(torch.cat(shifted))
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        found = layer(found)
    values = visual.attnpool.c_proj(visual.attnpool.v_proj(found.permute(0, 2, 3, 1)))
    interleaved: Tensor = values.reshape(PARTS, PARTS, height, width, -1).permute(2, 0, 3, 1, 4)
    return interleaved.reshape(height * PARTS, width * PARTS, -1)
