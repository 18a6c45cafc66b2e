"""Six styles: each one changes a finished canvas, and scales it down to the size of the picture.

Every pattern (cells, tiles, strokes, paper) is counted in the picture's width, so that a style looks
the same at 64 and at 256 pixels.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter

CELLS = 32  # of pixel art
TILES = 30  # of a mosaic
Array = np.ndarray[Any, np.dtype[Any]]


def shrink(canvas: Image.Image, size: int) -> Image.Image:
    """Bring the canvas to its size by averaging."""
    factor = canvas.width // size
    return (
        canvas.reduce(factor)
        if canvas.width == factor * size
        else canvas.resize((size, size), Image.Resampling.BOX)
    )


def flat(canvas: Image.Image, size: int, turn: int) -> Image.Image:
    """Clean shapes, as they were drawn."""
    return shrink(canvas, size)


def edges(canvas: Image.Image, width: float) -> Image.Image:
    """Return a mask of the places where colours change. `width` is that of the lines, in picture widths."""
    step = max(1, round(width * canvas.width))
    across = ImageChops.difference(canvas, shifted(canvas, step, 0))
    down = ImageChops.difference(canvas, shifted(canvas, 0, step))
    red, green, blue = ImageChops.lighter(across, down).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def shifted(picture: Image.Image, x: int, y: int) -> Image.Image:
    """Move a picture, and keep the first rows or columns in place."""
    moved = picture.copy()
    moved.paste(picture, (x, y))
    return moved


def ink(canvas: Image.Image, size: int, turn: int) -> Image.Image:
    """A pen drawing on cream paper: dark lines, hatched shadows, a thin wash of colour."""
    wash = Image.blend(canvas, Image.new("RGB", canvas.size, (252, 246, 230)), 0.42)
    dark = canvas.convert("L").point([max(0, min(150, round((150 - n) * 1.3))) for n in range(256)])
    wash.paste((36, 32, 48), (0, 0), ImageChops.multiply(dark, hatching(canvas.width)))
    lines = edges(canvas, 0.008).point([max(0, min(235, (n - 14) * 8)) for n in range(256)])
    wash.paste((30, 26, 40), (0, 0), lines)
    return shrink(wash, size)


@lru_cache(maxsize=8)
def hatching(side: int) -> Image.Image:
    """Return diagonal pen strokes as a mask."""
    x, y = np.meshgrid(np.arange(side) / side, np.arange(side) / side)
    wobble = 0.004 * np.sin(y * 23) + 0.003 * np.sin(x * 31)
    return Image.fromarray((255 * (((x + y + wobble) * 30 % 1) < 0.42)).astype(np.uint8))


def pixel(canvas: Image.Image, size: int, turn: int) -> Image.Image:
    """Pixel art: 32 by 32 cells in few, strong colours."""
    cells = ImageEnhance.Color(canvas.resize((CELLS, CELLS), Image.Resampling.BOX)).enhance(1.3)
    steps = [round(round(n / 255 * 11) / 11 * 255) for n in range(256)]
    crisp = cells.filter(ImageFilter.UnsharpMask(0.7, 90, 0)).point(steps * 3)
    return crisp.resize((size, size), Image.Resampling.NEAREST)


def mosaic(canvas: Image.Image, size: int, turn: int) -> Image.Image:
    """Uneven tiles of one colour each, with pale joints."""
    owner, joints = tiles(canvas.width)
    small = np.asarray(canvas.resize((2 * TILES, 2 * TILES), Image.Resampling.BOX))
    x, y, tone = tile_middles()
    colours = small[y, x] * tone[:, None]
    laid = Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8)[owner])
    laid.paste((226, 220, 208), (0, 0), joints)
    return shrink(laid, size)


def tile_seeds() -> tuple[Array, Array]:
    """Return the tiles' middles in tile widths, (TILES, TILES, 2), and their tones."""
    rng = np.random.default_rng(7)
    grid = np.stack(np.meshgrid(np.arange(TILES), np.arange(TILES)), axis=-1)
    return grid + rng.uniform(0.16, 0.84, grid.shape), rng.uniform(0.87, 1.10, TILES * TILES)


def tile_middles() -> tuple[Array, Array, Array]:
    """Return each tile's x and y in a picture of 2 TILES pixels, and its tone."""
    seeds, tones = tile_seeds()
    spots = (seeds.reshape(-1, 2) * 2).astype(int)
    return spots[:, 0], spots[:, 1], tones


@lru_cache(maxsize=4)
def tiles(side: int) -> tuple[Array, Image.Image]:
    """Return which tile owns each pixel (the nearest middle does), and the joints between tiles as a mask."""
    seeds, _ = tile_seeds()
    spots = np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side * TILES] * 2), axis=-1)
    home = spots.astype(int)
    ranked = []
    for right in (-1, 0, 1):
        for down in (-1, 0, 1):
            near = np.clip(home + np.array((right, down)), 0, TILES - 1)
            ranked.append((((seeds[near[..., 1], near[..., 0]] - spots) ** 2).sum(-1), near))
    reach = np.sqrt(np.stack([distance for distance, _ in ranked]))
    first = reach.argmin(0)
    owners = np.stack([near[..., 1] * TILES + near[..., 0] for _, near in ranked])
    owner = np.take_along_axis(owners, first[None], 0)[0]
    rival = np.where(owners == owner, 9, reach).min(
        0
    )  # at the border a tile may stand in for its missing neighbour
    gap = np.clip((0.11 - (rival - reach.min(0))) / 0.05, 0, 1)
    return owner, Image.fromarray((gap * 120).astype(np.uint8))


def watercolour(canvas: Image.Image, size: int, turn: int) -> Image.Image:
    """Thin paint that wanders over its edges, pools there, and leaves the paper's border white."""
    side = min(canvas.width, max(size, 128))
    wet, paper, frame = sheets(side, turn % 4)
    vivid = ImageEnhance.Color(canvas.resize((side, side), Image.Resampling.BOX)).enhance(1.35)
    picture = vivid.filter(ImageFilter.GaussianBlur(side / 260))
    run = Image.fromarray(np.asarray(picture).reshape(-1, 3)[wet])
    pooled = edges(run, 0.012).point([min(90, max(0, n - 8)) for n in range(256)])
    run = ImageChops.screen(run, Image.new("RGB", run.size, (44, 40, 38)))
    run.paste((58, 50, 84), (0, 0), pooled)
    painted = ImageChops.multiply(run, paper)
    painted.paste((252, 250, 244), (0, 0), frame)
    return shrink(painted, size)


@lru_cache(maxsize=16)
def sheets(side: int, turn: int) -> tuple[Array, Image.Image, Image.Image]:
    """Return the origin of each pixel's paint, the grain of the paper, and the unpainted border."""
    rng = np.random.default_rng(turn)
    wander = [(noise(rng, 14, side) * 0.6 + noise(rng, 34, side) * 0.4) * 0.022 * side for _ in range(2)]
    y, x = np.mgrid[:side, :side]
    rows = np.clip(y + wander[0], 0, side - 1).astype(int)
    columns = np.clip(x + wander[1], 0, side - 1).astype(int)
    grain = 1 + 0.10 * noise(rng, 7, side) + 0.05 * noise(rng, 40, side)
    rim = np.minimum(np.minimum(x, side - 1 - x), np.minimum(y, side - 1 - y)) / side
    frame = np.clip((0.030 + 0.024 * noise(rng, 12, side) - rim) / 0.012, 0, 1)
    paper = Image.fromarray(np.clip(244 * grain, 0, 255).astype(np.uint8)).convert("RGB")
    return rows * side + columns, paper, Image.fromarray((255 * frame).astype(np.uint8))


def noise(rng: np.random.Generator, cells: int, side: int) -> Array:
    """Return smooth noise between -1 and 1 with `cells` bumps across."""
    rough = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
    return np.asarray(rough.resize((side, side), Image.Resampling.BICUBIC)) / 127.5 - 1


def neon(canvas: Image.Image, size: int, turn: int) -> Image.Image:
    """Glowing outlines in the things' own colours over a dark picture."""
    vivid = ImageEnhance.Color(canvas).enhance(1.35)
    lines = edges(canvas, 0.012).point([max(0, min(255, (n - 18) * 5)) for n in range(256)])
    bright = Image.composite(vivid.point(LIFT * 3), Image.new("RGB", canvas.size), lines)
    small = bright.resize((64, 64), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1.6))
    halo = small.resize(canvas.size, Image.Resampling.BILINEAR)
    base = ImageChops.add(vivid.point(DIM * 3), halo)
    return shrink(ImageChops.lighter(base, bright), size)


DIM = [round(n * (0.32 + 0.40 * (n / 255) ** 3)) for n in range(256)]
LIFT = [min(255, round(70 + n * 0.9)) for n in range(256)]
STYLES: dict[str, Callable[[Image.Image, int, int], Image.Image]] = {
    "flat": flat, "ink": ink, "pixel": pixel, "mosaic": mosaic, "watercolour": watercolour, "neon": neon,
}  # fmt: skip
