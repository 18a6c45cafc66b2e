"""The latent encoder: it predicts the vector of a picture from its latents, without decoding them.

Only one of several candidates is kept. The latent encoder says which one, at a fraction of the cost of
decoding and embedding all of them. It is distilled from the picture tower of the space (Hinton et al. 2015).
"""

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class LatentEncoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Latents (b, latent_channels, h, w) to unit vectors (b, dimension).

    `block_out_channels` go from fine to coarse.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self, dimension: int, latent_channels: int = 8, block_out_channels: tuple[int, ...] = (48, 96, 160)
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        inputs = (latent_channels, *block_out_channels[:-1])
        strides = (1, *(2 for _ in block_out_channels[1:]))
        blocks = [
            nn.Sequential(nn.Conv2d(entering, out, 3, stride, 1), NormalisedBlock(out), NormalisedBlock(out))
            for entering, out, stride in zip(inputs, block_out_channels, strides, strict=True)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.proj_out = nn.Linear(2 * block_out_channels[-1], dimension)

    def forward(self, latents: Tensor) -> Tensor:
        """The predicted vectors of the pictures that the latents decode to."""
        hidden = self.blocks(latents)
        pooled = torch.cat([hidden.mean((2, 3)), hidden.amax((2, 3))], 1)
        vectors: Tensor = F.normalize(self.proj_out(pooled), dim=-1)
        return vectors


class NormalisedBlock(nn.Module):
    """Two convolutions, each after a group normalisation, whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _normalised(channels), _normalised(channels)

    def forward(self, hidden: Tensor) -> Tensor:
        """Cells (b, channels, h, w) to cells of the same shape."""
        added: Tensor = self.conv2(self.conv1(hidden))
        return hidden + added


def _normalised(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1))
