"""A small network that enlarges what a generator made: sharper than bicubic, and without its noise.

The last step of a cascade (Ho et al. 2021), without diffusion: drawings are made of clean shapes,
so there is little to imagine. Residual blocks at the small size, then pixels unfolded from channels
(Shi et al. 2016), added to a bicubic enlargement.
"""

import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class Upscaler(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Pictures (b, 3, h, w) in [-1, 1] to (b, 3, factor * h, factor * w); `factor` is a power of two."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, factor: int = 4, channels: int = 48, blocks: int = 6) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.enter = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.leave = nn.Conv2d(channels, 3 * factor**2, 3, padding=1)
        for weights in self.leave.parameters():
            nn.init.zeros_(weights)

    def forward(self, pictures: Tensor) -> Tensor:
        """The pictures, `factor` times as wide and high."""
        factor: int = self.config["factor"]
        enlarged = F.interpolate(pictures, scale_factor=float(factor), mode="bicubic", align_corners=False)
        hidden = self.enter(pictures)
        for block in self.body:
            hidden = hidden + block(hidden)
        return enlarged + F.pixel_shuffle(self.leave(hidden), factor)
