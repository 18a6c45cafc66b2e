"""From latents to pictures: by the family's own decoder, or by TAESD, which is ten times as fast."""

from typing import Any, Literal

import torch
from PIL import Image as pillow
from PIL.Image import Image as Picture
from torch import Tensor

from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.images.sizes import Size

Decoder = Literal["vae", "taesd"]


@torch.inference_mode()
def decode(checkpoint: Checkpoint, latents: Tensor, decoder: Decoder) -> list[Picture]:
    """The pictures of latents (n, channels, height, width), as the network makes them."""
    if decoder == "taesd":
        assert checkpoint.tiny_vae is not None, "the option exists only if TAESD is loaded"
        pixels = checkpoint.tiny_vae.decode(latents.to(checkpoint.tiny_vae.dtype)).sample
    elif "movq" in checkpoint.components:
        pixels = checkpoint.components["movq"].decode(latents, force_not_quantize=True).sample
    else:
        pixels = _by_vae(checkpoint.components["vae"], latents)
    return [to_picture(one) for one in pixels]


def unpacked(pipeline: Any, latents: Tensor, size: Size) -> Tensor:
    """The latents of a picture as (n, channels, height, width). Transformers work on rows of patches."""
    if latents.ndim == 4:
        return latents
    width, height = size
    if hasattr(pipeline, "_unpatchify_latents"):
        return _unpatchified(pipeline, latents, width // 16)
    whole: Tensor = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
    return whole[:, :, 0] if whole.ndim == 5 else whole  # Qwen's VAE is one for films


def _unpatchified(pipeline: Any, latents: Tensor, columns: int) -> Tensor:
    """The latents of Flux 2: patches of 2 × 2 in rows, which its VAE has normalised."""
    patches = latents.view(len(latents), -1, columns, latents.shape[-1]).permute(0, 3, 1, 2)
    norm, epsilon = pipeline.vae.bn, pipeline.vae.config.batch_norm_eps
    mean, variance = (each.view(1, -1, 1, 1).to(latents) for each in (norm.running_mean, norm.running_var))
    whole: Tensor = pipeline._unpatchify_latents(patches * (variance + epsilon).sqrt() + mean)
    return whole


def _by_vae(vae: Any, latents: Tensor) -> Tensor:
    """The pixels of an AutoencoderKL, whose config says how its latents were scaled."""
    config, half = vae.config, vae.dtype
    overflows = half == torch.float16 and config.get("force_upcast")  # that of SDXL in half precision
    if overflows:
        vae.to(torch.float32)
    clean = _unscaled(latents.to(vae.dtype), config)
    film = "temperal_downsample" in config  # as diffusers spells it
    pixels = vae.decode(clean[:, :, None]).sample[:, :, 0] if film else vae.decode(clean).sample
    if overflows:
        vae.to(half)
    assert isinstance(pixels, Tensor)
    return pixels


def _unscaled(latents: Tensor, config: Any) -> Tensor:
    factor, shift = float(config.get("scaling_factor") or 1), float(config.get("shift_factor") or 0)
    if config.get("latents_mean") is None or config.get("latents_std") is None:
        return latents / factor + shift
    mean, std = (
        latents.new_tensor(config[name]).view(1, -1, 1, 1) for name in ("latents_mean", "latents_std")
    )
    return latents * std / factor + mean


def to_picture(pixels: Tensor) -> Picture:
    """Turn pixels (3, h, w) in [-1, 1] into a picture with 8 bits per channel, rounded as diffusers does."""
    grey = ((pixels.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return pillow.fromarray(grey.permute(1, 2, 0).cpu().numpy())
