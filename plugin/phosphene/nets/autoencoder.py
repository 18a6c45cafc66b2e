"""The autoencoder: pictures to latents and back. The generator works on latents.

As in latent diffusion (Rombach et al. 2022), the generator only decides a coarse grid of cells, which is
cheap. The decoder, which is the same for every picture, draws the details.

Notation, as in the code:

    b, h, w           pictures in the batch, height and width of their latents, in cells
    latents           (b, latent_channels, h, w); the mean square of every cell is 1

So each cell lies on a sphere. Noise of one strength means the same to all of them, and a cell that the
generator makes too weak or too strong is corrected before it is decoded.
"""

import math

import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

SCALE_FACTOR = 16  # width of a cell in pixels
FOLD = 8  # the encoder first turns squares of so many pixels a side into channels
UNFOLD = 4  # the decoder's last step turns channels into squares of so many pixels a side


class Autoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Pictures (b, 3, sample_size, sample_size) in [-1, 1] to latents and back.

    `block_out_channels` go from coarse to fine.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        sample_size: int = 256,
        latent_channels: int = 8,
        block_out_channels: tuple[int, int, int] = (128, 64, 48),
        layers_per_block: int = 2,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        coarse, middle, fine = block_out_channels
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(FOLD),
            _conv(3 * FOLD**2, middle),
            ResidualBlock(middle),
            nn.Conv2d(middle, coarse, 3, stride=2, padding=1),
            *(ResidualBlock(coarse) for _ in range(layers_per_block)),
            _conv(coarse, latent_channels),
        )
        self.decoder = nn.Sequential(
            _conv(latent_channels, coarse),
            *(ResidualBlock(coarse) for _ in range(layers_per_block)),
            *_upsample(coarse, middle),
            *(ResidualBlock(middle) for _ in range(layers_per_block)),
            *_upsample(middle, fine),
            *(ResidualBlock(fine) for _ in range(layers_per_block)),
            _conv(fine, 3 * UNFOLD**2),
            nn.PixelShuffle(UNFOLD),
        )

    @property
    def latent_size(self) -> int:
        """Height and width of the latents, in cells."""
        return int(self.config["sample_size"]) // SCALE_FACTOR

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents (b, latent_channels, h, w) of pictures (b, 3, SCALE_FACTOR * h, SCALE_FACTOR * w)."""
        return on_sphere(self.encoder(pictures))

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (b, 3, SCALE_FACTOR * h, SCALE_FACTOR * w), about in [-1, 1], of latents."""
        pictures: Tensor = self.decoder(on_sphere(latents))
        return pictures


def on_sphere(latents: Tensor) -> Tensor:
    """Scale latents (b, latent_channels, h, w) so that the mean square of every cell is 1."""
    normalised: Tensor = F.normalize(latents, dim=1) * math.sqrt(latents.shape[1])
    return normalised


def within_sphere(latents: Tensor) -> Tensor:
    """Move the cells of latents (b, latent_channels, h, w) that are outside of the sphere back onto it.

    A prediction is a mean of possible pictures, and a mean of points on a sphere lies inside of it.
    """
    radius = math.sqrt(latents.shape[1])
    inside: Tensor = latents * (radius / latents.norm(dim=1, keepdim=True).clamp(min=radius))
    return inside


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(channels, channels), _conv(channels, channels)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, hidden: Tensor) -> Tensor:
        """Cells (b, channels, h, w) to cells of the same shape."""
        added: Tensor = self.conv2(F.silu(self.conv1(F.silu(hidden))))
        return hidden + added


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def _upsample(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    """Layers that double the height and width, by sub-pixel convolution (Shi et al. 2016)."""
    return _conv(in_channels, 4 * out_channels), nn.PixelShuffle(2)
