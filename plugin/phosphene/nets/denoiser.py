"""The denoiser: it predicts clean latents from noisy ones and from vectors.

Notation, as in the code:

    b, k, d     pictures in the batch, vectors per picture, dimension of the vectors
    noisy       (1 - sigma) * clean + sigma * noise, (b, latent_channels, h, w), see `nets.autoencoder`
    sigma       (b,), from 0 (clean) to 1 (noise)
    tokens      the vectors of texts and pictures that the picture is made from, in no particular order

It is a UNet on latents. At every level the cells cross-attend to the tokens. At all levels but the finest
they also attend to one another, in the same softmax (as in Imagen; Saharia et al. 2022). A learned null token
is always present, so that "from nothing" is a case like any other. The weight of a token is added to its
attention scores as a logarithm: weight 0 is exactly the same as leaving the token out, and weight 2 is the
same as passing it twice.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

TEXT, OWN, NEIGHBOUR = range(3)  # a vector belongs to a text, the picture itself, or a neighbour of it
FREQUENCIES = 64  # of the timestep embedding, with a sine and a cosine each
GROUP_SIZE = 16  # channels that are normalised together


class Denoiser(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Noisy latents and tokens to clean latents.

    `dimension` is that of the vectors, `sample_size` the height and width of the latents, a multiple of
    2^(levels - 1). Each level, from fine to coarse, has its `block_out_channels` and `layers_per_block`.
    Every vector becomes `num_tokens` tokens of `cross_attention_dim` numbers.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        dimension: int,
        sample_size: int = 16,
        latent_channels: int = 8,
        block_out_channels: tuple[int, ...] = (96, 192),
        cross_attention_dim: int = 256,
        num_attention_heads: int = 4,
        layers_per_block: tuple[int, ...] = (2, 1),
        num_tokens: int = 4,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        width, heads, first = cross_attention_dim, num_attention_heads, block_out_channels[0]
        self.image_proj = VectorProjection(dimension, width, num_tokens)
        self.time_embedding = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.conv_in = nn.Conv2d(latent_channels, first, 3, padding=1)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skips, current = [first], first
        levels = list(enumerate(zip(block_out_channels, layers_per_block, strict=True)))
        for level, (out, count) in levels:
            if level:
                self.down_blocks.append(nn.Conv2d(current, out, 3, stride=2, padding=1))
                skips, current = [*skips, out], out
            for _ in range(count):
                self.down_blocks.append(Block(current, out, width, heads, self_attention=level > 0))
                skips, current = [*skips, out], out
        self.mid_blocks = nn.ModuleList(
            Block(current, current, width, heads, self_attention=True) for _ in range(2)
        )
        for level, (out, count) in reversed(levels):
            for _ in range(count + 1):
                self.up_blocks.append(
                    Block(current + skips.pop(), out, width, heads, self_attention=level > 0)
                )
                current = out
            if level:
                self.up_blocks.append(nn.Conv2d(current, block_out_channels[level - 1], 3, padding=1))
                current = block_out_channels[level - 1]
        last = _zero(nn.Conv2d(current, latent_channels, 3, padding=1))
        self.conv_out = nn.Sequential(_group_norm(current), nn.SiLU(), last)

    def forward(
        self, noisy: Tensor, sigma: Tensor, vectors: Tensor, kinds: Tensor, weights: Tensor
    ) -> Tensor:
        """Predict the clean latents (b, latent_channels, h, w).

        `vectors` (b, k, d) are unit vectors, `kinds` (b, k) says what they are of, and `weights` (b, k) are 0
        for padding.
        """
        tokens, bias, pooled = self.image_proj(vectors, kinds, weights)
        condition = F.silu(self.time_embedding(timestep_embedding(sigma)) + pooled)
        hidden = self.conv_in(noisy)
        skips = [hidden]
        for block in self.down_blocks:
            hidden = block(hidden, condition, tokens, bias) if isinstance(block, Block) else block(hidden)
            skips.append(hidden)
        for block in self.mid_blocks:
            hidden = block(hidden, condition, tokens, bias)
        for block in self.up_blocks:
            if isinstance(block, Block):
                hidden = block(torch.cat([hidden, skips.pop()], 1), condition, tokens, bias)
            else:
                hidden = block(F.interpolate(hidden, scale_factor=2.0))
        clean: Tensor = self.conv_out(hidden)
        return clean


class VectorProjection(nn.Module):
    """Vectors to tokens that cells attend to, and to one pooled vector that conditions every block.

    A vector becomes `num_tokens` tokens (as in IP-Adapter; Ye et al. 2023), so that different places of the
    picture can ask for different things that the vector says.
    """

    def __init__(self, dimension: int, width: int, num_tokens: int) -> None:
        super().__init__()
        self.scale = math.sqrt(dimension)  # because the entries of a unit vector are small
        self.num_tokens = num_tokens
        self.proj = nn.Linear(dimension, num_tokens * width)
        self.type_embedding = nn.Embedding(3, width)
        self.norm = nn.LayerNorm(width)
        self.null_token = nn.Parameter(torch.randn(width) / math.sqrt(width))
        self.pool_score = nn.Linear(width, 1)
        self.pool_proj = nn.Linear(width, width)

    def forward(self, vectors: Tensor, kinds: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (b, n, width) with n = 1 + k * num_tokens, their attention bias (b, n), and the pooled
        vector (b, width).
        """
        projected = self.proj(vectors * self.scale).unflatten(-1, (self.num_tokens, -1))
        given = self.norm(projected + self.type_embedding(kinds)[:, :, None]).flatten(1, 2)
        tokens = torch.cat([self.null_token.to(given.dtype).expand(len(given), 1, -1), given], 1)
        # The tokens of a vector share its weight, so that the vector counts once.
        shares = (weights / self.num_tokens).repeat_interleave(self.num_tokens, 1)
        bias = F.pad(shares.log(), (1, 0)).to(tokens.dtype)
        share = (self.pool_score(tokens).squeeze(-1) + bias).softmax(-1)
        return tokens, bias, self.pool_proj((share.unsqueeze(1) @ tokens).squeeze(1))


class Block(nn.Module):
    """A residual block with adaptive group normalisation (AdaGN; Dhariwal & Nichol 2021), then attention."""

    def __init__(self, channels: int, out: int, width: int, heads: int, *, self_attention: bool) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(_group_norm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.ada_gn = nn.Linear(width, 2 * out)
        self.norm = _group_norm(out)
        self.conv2 = _zero(nn.Conv2d(out, out, 3, padding=1))
        self.conv_shortcut = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)
        self.attention = Attention(out, width, heads, self_attention=self_attention)

    def forward(self, pixels: Tensor, condition: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        """Cells (b, channels, h, w) to (b, out, h, w)."""
        scale, shift = self.ada_gn(condition)[:, :, None, None].chunk(2, 1)
        hidden = self.conv2(F.silu(self.norm(self.conv1(pixels)) * (1 + scale) + shift))
        attended: Tensor = self.attention(self.conv_shortcut(pixels) + hidden, tokens, bias)
        return attended


class Attention(nn.Module):
    """Cells cross-attend to the tokens and, with `self_attention`, in the same softmax to one another."""

    def __init__(self, channels: int, width: int, heads: int, *, self_attention: bool) -> None:
        super().__init__()
        self.heads, self.self_attention = heads, self_attention
        self.norm = _group_norm(channels)
        self.to_qkv = nn.Linear(channels, 3 * channels if self_attention else channels)
        self.to_kv = nn.Linear(width, 2 * channels)  # of the tokens
        self.to_out = _zero(nn.Linear(channels, channels))

    def forward(self, pixels: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        """Cells (b, channels, h, w) plus the result of their attention."""
        rows = self.norm(pixels).flatten(2).transpose(1, 2)
        query = self.to_qkv(rows)
        key, value = self.to_kv(tokens).chunk(2, -1)
        if self.self_attention:
            query, own_key, own_value = query.chunk(3, -1)
            key, value = torch.cat([key, own_key], 1), torch.cat([value, own_value], 1)
            bias = F.pad(bias, (0, rows.shape[1]))
        query, key, value = (self._heads(rows) for rows in (query, key, value))
        attended = _attention(query, key, value, bias[:, None, None])
        merged: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return pixels + merged.transpose(1, 2).reshape(pixels.shape)

    def _heads(self, rows: Tensor) -> Tensor:
        """Rows (b, n, channels) to (b, heads, n, channels of a head)."""
        return rows.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)


def _attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Attention. It is in single precision on CPUs, whose backward pass in half takes four times as long."""
    dtype = torch.float32 if query.device.type == "cpu" else query.dtype
    with torch.autocast(query.device.type, enabled=False):
        attended = F.scaled_dot_product_attention(
            query.to(dtype), key.to(dtype), value.to(dtype), bias.to(dtype)
        )
    return attended.to(query.dtype)


def timestep_embedding(sigma: Tensor) -> Tensor:
    """Sigma (b,) as sines and cosines (b, 2 * FREQUENCIES), of frequencies from 1 to 1000.

    diffusers' `get_timestep_embedding` spaces its frequencies for timesteps up to 1000, not for [0, 1].
    """
    rates = torch.logspace(0, 3, FREQUENCIES, device=sigma.device)
    angles = sigma.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1).to(sigma.dtype)


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // GROUP_SIZE), channels)


def _zero(layer: Any) -> Any:
    """A layer with weights of 0, so that at first a residual block adds nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
