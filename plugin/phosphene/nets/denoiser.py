"""The network that guesses the clean latents behind noisy ones, from vectors.

Notation, as in the code:

    b, k, d     pictures in the batch, tokens per picture, dimension of the vectors
    noisy       (1 - sigma) * clean + sigma * noise, (b, depth, grid, grid), see `nets.autoencoder`
    sigma       (b,), from 0 (clean) to 1 (noise)
    tokens      what the picture is made from: vectors of texts and pictures, without any order

A UNet on the grid of the latents. At every level the cells attend to the tokens, on
all but the finest level to one another too, in one softmax (as in Imagen; Saharia et al. 2022).
A learned token that is always there makes "from nothing" a case like any other. The weight of a
token is added to its attention scores as a logarithm, so that weight 0 is exactly absence
and weight 2 the same as handing a token over twice.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

TEXT, OWN, NEIGHBOUR = range(3)  # kinds of tokens: of a text, of the picture itself, of its neighbour
FREQUENCIES = 64  # sines and cosines that sigma is spread over
GROUP = 16  # channels that are normalised together


class Denoiser(ModelMixin, ConfigMixin):  # type: ignore[misc]  # diffusers is untyped
    """Noisy latents and tokens to clean latents. `grid` is a multiple of 2^(levels - 1).

    Each level, from fine to coarse, has its `channels` and its `blocks`; see `Tokens` for `pieces`.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        dimension: int,
        grid: int = 16,
        depth: int = 8,
        channels: tuple[int, ...] = (96, 192),
        width: int = 256,
        heads: int = 4,
        blocks: tuple[int, ...] = (2, 1),
        pieces: int = 4,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tokens = Tokens(dimension, width, pieces)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.enter = nn.Conv2d(depth, channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, current = [channels[0]], channels[0]
        levels = list(enumerate(zip(channels, blocks, strict=True)))
        for level, (out, count) in levels:
            if level:
                self.down.append(nn.Conv2d(current, out, 3, stride=2, padding=1))
                skips, current = [*skips, out], out
            for _ in range(count):
                self.down.append(Block(current, out, width, heads, among=level > 0))
                skips, current = [*skips, out], out
        self.middle = nn.ModuleList(Block(current, current, width, heads, among=True) for _ in range(2))
        for level, (out, count) in reversed(levels):
            for _ in range(count + 1):
                self.up.append(Block(current + skips.pop(), out, width, heads, among=level > 0))
                current = out
            if level:
                self.up.append(nn.Conv2d(current, channels[level - 1], 3, padding=1))
                current = channels[level - 1]
        self.leave = nn.Sequential(_norm(current), nn.SiLU(), _zero(nn.Conv2d(current, depth, 3, padding=1)))

    def forward(
        self, noisy: Tensor, sigma: Tensor, vectors: Tensor, kinds: Tensor, weights: Tensor
    ) -> Tensor:
        """Guess the clean latents (b, depth, grid, grid).

        `vectors` (b, k, d) are unit vectors, `kinds` (b, k) says what they are of, `weights`
        (b, k) are 0 where a picture has no such token.
        """
        tokens, bias, summary = self.tokens(vectors, kinds, weights)
        condition = F.silu(self.time(_waves(sigma)) + summary)
        hidden = self.enter(noisy)
        skips = [hidden]
        for part in self.down:
            hidden = part(hidden, condition, tokens, bias) if isinstance(part, Block) else part(hidden)
            skips.append(hidden)
        for part in self.middle:
            hidden = part(hidden, condition, tokens, bias)
        for part in self.up:
            if isinstance(part, Block):
                hidden = part(torch.cat([hidden, skips.pop()], 1), condition, tokens, bias)
            else:
                hidden = part(F.interpolate(hidden, scale_factor=2.0))
        clean: Tensor = self.leave(hidden)
        return clean


class Tokens(nn.Module):
    """Vectors to what pixels attend to, and to one summary that steers every block.

    A vector becomes several tokens, its `pieces` (as in IP-Adapter; Ye et al. 2023), so that where the house
    is can ask for something else than where the tents are.
    """

    def __init__(self, dimension: int, width: int, pieces: int) -> None:
        super().__init__()
        self.scale = math.sqrt(dimension)  # a unit vector's entries are small
        self.pieces = pieces
        self.project = nn.Linear(dimension, pieces * width)
        self.kind = nn.Embedding(3, width)
        self.norm = nn.LayerNorm(width)
        self.always = nn.Parameter(torch.randn(width) / math.sqrt(width))
        self.score = nn.Linear(width, 1)
        self.summarise = nn.Linear(width, width)

    def forward(self, vectors: Tensor, kinds: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (b, 1 + k * pieces, width), their bias (b, 1 + k * pieces), and the summary (b, width)."""
        pieces = self.project(vectors * self.scale).unflatten(-1, (self.pieces, -1))
        given = self.norm(pieces + self.kind(kinds)[:, :, None]).flatten(1, 2)
        tokens = torch.cat([self.always.to(given.dtype).expand(len(given), 1, -1), given], 1)
        shares = (weights / self.pieces).repeat_interleave(self.pieces, 1)  # a vector counts as one still
        bias = F.pad(shares.log(), (1, 0)).to(tokens.dtype)
        share = (self.score(tokens).squeeze(-1) + bias).softmax(-1)
        return tokens, bias, self.summarise((share.unsqueeze(1) @ tokens).squeeze(1))


class Block(nn.Module):
    """Two convolutions steered by the condition (FiLM; Perez et al. 2018), then attention."""

    def __init__(self, channels: int, out: int, width: int, heads: int, *, among: bool) -> None:
        super().__init__()
        self.first = nn.Sequential(_norm(channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1))
        self.steer = nn.Linear(width, 2 * out)
        self.norm = _norm(out)
        self.second = _zero(nn.Conv2d(out, out, 3, padding=1))
        self.skip = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)
        self.attend = Attention(out, width, heads, among=among)

    def forward(self, pixels: Tensor, condition: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        """Pixels (b, channels, h, w) to (b, out, h, w)."""
        scale, shift = self.steer(condition)[:, :, None, None].chunk(2, 1)
        hidden = self.second(F.silu(self.norm(self.first(pixels)) * (1 + scale) + shift))
        attended: Tensor = self.attend(self.skip(pixels) + hidden, tokens, bias)
        return attended


class Attention(nn.Module):
    """Pixels attend to the tokens and, with `among`, in the same softmax to one another."""

    def __init__(self, channels: int, width: int, heads: int, *, among: bool) -> None:
        super().__init__()
        self.heads, self.among = heads, among
        self.norm = _norm(channels)
        self.from_pixels = nn.Linear(channels, 3 * channels if among else channels)
        self.from_tokens = nn.Linear(width, 2 * channels)
        self.merge = _zero(nn.Linear(channels, channels))

    def forward(self, pixels: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        """Pixels (b, channels, h, w) with what they found added."""
        rows = self.norm(pixels).flatten(2).transpose(1, 2)
        query = self.from_pixels(rows)
        key, value = self.from_tokens(tokens).chunk(2, -1)
        if self.among:
            query, near, nearby = query.chunk(3, -1)
            key, value = torch.cat([key, near], 1), torch.cat([value, nearby], 1)
            bias = F.pad(bias, (0, rows.shape[1]))
        query, key, value = (self._split(rows) for rows in (query, key, value))
        found = _attend(query, key, value, bias[:, None, None])
        merged: Tensor = self.merge(found.transpose(1, 2).flatten(2))
        return pixels + merged.transpose(1, 2).reshape(pixels.shape)

    def _split(self, rows: Tensor) -> Tensor:
        """Rows (b, n, channels) to (b, heads, n, channels of a head)."""
        return rows.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Attention; on CPUs in single precision: the way back through half of it is four times as long."""
    kind = torch.float32 if query.device.type == "cpu" else query.dtype
    with torch.autocast(query.device.type, enabled=False):
        found = F.scaled_dot_product_attention(query.to(kind), key.to(kind), value.to(kind), bias.to(kind))
    return found.to(query.dtype)


def _waves(sigma: Tensor) -> Tensor:
    """Sigma (b,) as sines and cosines (b, 2 * FREQUENCIES), from one wave to about 160."""
    rates = torch.logspace(0, 3, FREQUENCIES, device=sigma.device)
    angles = sigma.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1).to(sigma.dtype)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // GROUP), channels)


def _zero(layer: Any) -> Any:
    """A layer that begins by adding nothing, so that deep networks start shallow."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
