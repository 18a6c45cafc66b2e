"""The latent encoder: it predicts the vector of a picture from its latents, without decoding them.

Of many candidates only one is kept. The latent encoder says which one, at a fraction of what it would cost to
decode and embed all of them. It is distilled from the picture tower of the space (Hinton et al. 2015).
"""

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class LatentEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Latents (b, depth, grid, grid) to unit vectors (b, dimension); `channels` from fine to coarse."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, dimension: int, depth: int = 8, channels: tuple[int, ...] = (48, 96, 160)) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        entries = (depth, *channels[:-1])
        strides = (1, *(2 for _ in channels[1:]))
        stages = [
            nn.Sequential(nn.Conv2d(enter, leave, 3, stride, 1), Residual(leave), Residual(leave))
            for enter, leave, stride in zip(entries, channels, strides, strict=True)
        ]
        self.look = nn.Sequential(*stages)
        self.say = nn.Linear(2 * channels[-1], dimension)

    def forward(self, latents: Tensor) -> Tensor:
        """The vectors of what the latents would be decoded to."""
        seen = self.look(latents)
        vectors: Tensor = F.normalize(self.say(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)), dim=-1)
        return vectors


class Residual(nn.Module):
    """Two convolutions that add to what comes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _normed(channels), _normed(channels)

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, channels, h, w), the same out."""
        added: Tensor = self.second(self.first(hidden))
        return hidden + added


def _normed(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1))
