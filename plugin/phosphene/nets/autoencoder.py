"""Pictures to small grids of numbers and back: the space in which the generator works.

As in latent diffusion (Rombach et al. 2022): what a picture shows is decided on a coarse grid, which is
cheap; how it looks close by is drawn by the decoder, which is the same for every picture.

Notation, as in the code:

    b, depth, grid    pictures in the batch, numbers per cell, cells a side
    latents           (b, depth, grid, grid); the squares of a cell's numbers have the mean 1

So each cell lies on a sphere: noise of one strength means the same to all of them, and what the generator
makes too weak or too strong is put right before it is decoded.
"""

import math

import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

FACTOR = 16  # pixels of a picture that a cell is wide
FOLD = 8  # pixels a side that the encoder first folds into channels
UNFOLD = 4  # the same of the decoder's last step


class Autoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Pictures (b, 3, size, size) in [-1, 1] to latents and back; `channels` from coarse to fine."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self, size: int = 256, depth: int = 8, channels: tuple[int, int, int] = (128, 64, 48), blocks: int = 2
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        coarse, middle, fine = channels
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(FOLD),
            _conv(3 * FOLD**2, middle),
            Residual(middle),
            nn.Conv2d(middle, coarse, 3, stride=2, padding=1),
            *(Residual(coarse) for _ in range(blocks)),
            _conv(coarse, depth),
        )
        self.decoder = nn.Sequential(
            _conv(depth, coarse),
            *(Residual(coarse) for _ in range(blocks)),
            *_wider(coarse, middle),
            *(Residual(middle) for _ in range(blocks)),
            *_wider(middle, fine),
            *(Residual(fine) for _ in range(blocks)),
            _conv(fine, 3 * UNFOLD**2),
            nn.PixelShuffle(UNFOLD),
        )

    @property
    def grid(self) -> int:
        """Cells a side."""
        return int(self.config["size"]) // FACTOR

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (b, depth, h, w) of pictures (b, 3, FACTOR * h, FACTOR * w)."""
        return on_sphere(self.encoder(pictures))

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (b, 3, FACTOR * h, FACTOR * w), about in [-1, 1], of latents (b, depth, h, w)."""
        pictures: Tensor = self.decoder(on_sphere(latents))
        return pictures


def on_sphere(latents: Tensor) -> Tensor:
    """Latents (b, depth, h, w) with the mean square of every cell at 1."""
    fitted: Tensor = F.normalize(latents, dim=1) * math.sqrt(latents.shape[1])
    return fitted


def within_sphere(latents: Tensor) -> Tensor:
    """Latents (b, depth, h, w), those of cells beyond the sphere drawn back to it.

    A guess is a mean over pictures that there could be, and a mean of points on a sphere lies inside.
    """
    radius = math.sqrt(latents.shape[1])
    inside: Tensor = latents * (radius / latents.norm(dim=1, keepdim=True).clamp(min=radius))
    return inside


class Residual(nn.Module):
    """Two convolutions that add to what comes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _conv(channels, channels), _conv(channels, channels)
        nn.init.zeros_(self.second.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, channels, h, w), the same out."""
        added: Tensor = self.second(F.silu(self.first(F.silu(hidden))))
        return hidden + added


def _conv(enter: int, leave: int) -> nn.Conv2d:
    return nn.Conv2d(enter, leave, 3, padding=1)


def _wider(enter: int, leave: int) -> tuple[nn.Module, ...]:
    """Twice as many cells a side: pixels unfolded from channels (Shi et al. 2016)."""
    return _conv(enter, 4 * leave), nn.PixelShuffle(2)
