"""Everything below the horizon, and what stands on it far away: hills, dunes, waves, woods and roofs."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from phosphene.landscape.scenes.palette import GROUNDS, Colour, mix, shade
from phosphene.landscape.scenes.pen import Pen
from phosphene.landscape.scenes.scene import Scene
from phosphene.landscape.scenes.sky import HORIZON, glitter, gradient, stops


def paint_ground(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw the land of the scene."""
    LANDS[scene.land](pen, scene, rng)


def slope(pen: Pen, heights: np.ndarray, top: Colour, bottom: Colour) -> None:
    """Fill everything under a line (its heights from left to right) with a gradient."""
    side, high = pen.image.width, float(heights.max())
    paint, corner = strip(
        gradient([pen.seen(bottom), pen.seen(top)], side, max(0.0, high - 0.30), high), high
    )
    mask = Image.new("L", paint.size)
    across = np.linspace(0, side, len(heights))
    line = [(x, side - corner[1] - height * side) for x, height in zip(across, heights, strict=True)]
    ImageDraw.Draw(mask).polygon([(0, paint.height), *line, (side, paint.height)], 255)
    pen.image.paste(paint, corner, mask)


def rolling(rng: np.random.Generator, level: float, swing: float, waves: float) -> np.ndarray:
    """Return the heights of a rolling line around `level`."""
    across = np.linspace(0, 1, 33)
    phase, second = rng.uniform(0, 2 * math.pi, 2)
    bend = np.sin(across * waves * 2 * math.pi + phase) + 0.4 * np.sin(
        across * waves * 4.4 * math.pi + second
    )
    return np.asarray(level + swing * bend)


def hills(pen: Pen, scene: Scene, rng: np.random.Generator, swing: float = 0.018) -> None:
    """Draw three rolling hills, paler the farther."""
    far, near = GROUNDS[scene.land]
    for number, level in enumerate((HORIZON, 0.33, 0.21)):
        colour = mix(far, near, number / 2)
        slope(pen, rolling(rng, level, swing, 0.6 + 0.3 * number), shade(colour, 1.08), shade(colour, 0.84))


def meadow(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw green hills with flowers."""
    hills(pen, scene, rng)
    for x, y, hue in rng.random((26, 3)):
        depth = 0.02 + 0.26 * y
        petal: Colour = ((255, 250, 240), (255, 222, 80), (250, 170, 200))[int(hue * 3)]
        pen.ellipse(petal, x, depth, 0.008 - 0.014 * depth, 0.007 - 0.012 * depth)


def snow(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw snowy hills with a line of small firs far away."""
    hills(pen, scene, rng, 0.02)
    haze = mix(pen.seen((70, 104, 112)), stops(scene, pen.light)[0], 0.35)
    for x in rng.random(9):
        tall = rng.uniform(0.03, 0.06)
        pen.polygon(haze, (x - tall * 0.3, 0.36), (x, 0.36 + tall), (x + tall * 0.3, 0.36), shines=True)


def desert(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw dunes: long crests, each with a shaded lee."""
    far, near = GROUNDS[scene.land]
    slope(pen, rolling(rng, HORIZON, 0.012, 0.8), far, mix(far, near, 0.5))
    for number, level in enumerate((0.30, 0.17)):
        crest = float(rng.uniform(0.25, 0.75))
        across = np.linspace(0, 1, 33)
        heights = level + 0.07 * np.exp(-((across - crest) ** 2) / 0.05)
        colour = mix(far, near, 0.45 + 0.45 * number)
        slope(pen, heights, shade(colour, 1.1), colour)
        lee = [(x, y) for x, y in zip(across, heights, strict=True) if crest <= x <= crest + 0.5]
        edge = [(x, y - 0.075 * math.sin(math.pi * ((x - crest) / 0.5) ** 0.6)) for x, y in lee]
        pen.polygon(shade(colour, 0.82), *lee, *edge[::-1])


def water(pen: Pen, scene: Scene, rng: np.random.Generator, low: float, waves: int) -> None:
    """Fill from the horizon down with water that takes the sky's colour far away."""
    far, near = GROUNDS["sea"]
    sheen = mix(pen.seen(far), stops(scene, pen.light)[0], 0.35)
    pen.image.paste(*strip(gradient([pen.seen(near), sheen], pen.image.width, low, HORIZON), HORIZON))
    for x, y, length in rng.random((waves, 3)):
        depth = 1 - y  # 0 far, 1 near
        height = HORIZON - 0.015 - (HORIZON - low - 0.03) * depth
        half = (0.02 + 0.05 * depth) * (0.5 + length)
        pen.ellipse(mix(sheen, (255, 255, 255), 0.18), x, height, half, 0.002 + 0.003 * depth, shines=True)
    if scene.star:
        glitter(pen, scene.star.x, HORIZON, low, rng)


def strip(picture: Image.Image, height: float) -> tuple[Image.Image, tuple[int, int]]:
    """Return the part of a picture below a height, and the position where it belongs."""
    top = math.floor(picture.height * (1 - height))
    return picture.crop((0, top, picture.width, picture.height)), (0, top)


def sea(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw open water."""
    water(pen, scene, rng, 0.0, 22)


def beach(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw a bay: a band of water, a line of foam, and sand."""
    water(pen, scene, rng, 0.22, 9)
    shore = rolling(rng, 0.265, 0.02, 0.5)
    slope(pen, shore + 0.016, (250, 252, 255), (240, 246, 250))
    far, near = GROUNDS["beach"]
    slope(pen, shore, shade(near, 0.94), far)
    slope(pen, shore - 0.03, far, near)


def forest(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw a glade before three rows of firs, paler the farther."""
    far, near = GROUNDS["forest"]
    haze = stops(scene, pen.light)[0]
    for count, tall, distance in ((13, 0.24, 0.55), (11, 0.20, 0.30), (10, 0.15, 0.05)):
        tone = mix(pen.seen((34, 88, 62)), haze, distance)
        for number in rng.permutation(count):
            x = (number + rng.uniform(0.2, 0.8)) / count
            fir(pen, x, HORIZON - 0.05, tall * rng.uniform(0.8, 1.2), tone)
    slope(pen, rolling(rng, 0.35, 0.012, 0.7), shade(far, 0.92), near)
    slope(pen, rolling(rng, 0.20, 0.014, 0.9), mix(far, near, 0.5), shade(near, 0.8))


def fir(pen: Pen, x: float, foot: float, tall: float, tone: Colour) -> None:
    """Draw a far fir: two triangles."""
    for low, high, half in ((0.0, 0.75, 0.30), (0.4, 1.0, 0.21)):
        left, right, top = x - half * tall, x + half * tall, foot + high * tall
        pen.polygon(tone, (left, foot + low * tall), (x, top), (right, foot + low * tall), shines=True)


def town(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw a square before two rows of roofs with windows, lit in the evening."""
    haze = stops(scene, pen.light)[0]
    walls: tuple[Colour, ...] = ((150, 138, 140), (170, 152, 142), (134, 134, 150), (160, 146, 152))
    for count, tall, distance in ((9, 0.24, 0.55), (8, 0.15, 0.15)):
        for number in range(count):
            tone = mix(pen.seen(walls[int(rng.integers(4))]), haze, distance)
            facade(pen, (number + 0.5) / count, 0.54 / count, tall * rng.uniform(0.7, 1.15), tone, rng)
    far, near = GROUNDS["town"]
    slope(pen, np.full(2, 0.365), far, near)
    for row in range(6):
        y = 0.33 * (1 - row / 6) ** 1.5
        pen.line(shade(near, 0.88), 0.004 + 0.0012 * row, (0, y), (1, y))


def facade(pen: Pen, x: float, half: float, tall: float, tone: Colour, rng: np.random.Generator) -> None:
    """Draw a far house front: gable or flat roof, and a grid of windows."""
    foot, top = HORIZON - 0.06, HORIZON - 0.02 + tall
    pen.box(tone, x - half, foot, x + half, top, shines=True)
    if rng.random() < 0.6:
        pen.polygon(shade(tone, 0.72), (x - half, top), (x, top + 0.05), (x + half, top), shines=True)
    pane = mix(pen.window, tone, 0.12) if pen.light.lamps else shade(tone, 0.74)
    for level in np.arange(top - 0.035, HORIZON - 0.02, -0.045):
        for column in (-0.45, 0.45):
            if rng.random() < 0.8:
                middle = x + column * half
                pen.box(
                    pane, middle - 0.2 * half, level - 0.012, middle + 0.2 * half, level + 0.012, shines=True
                )


LANDS: dict[str, Callable[[Pen, Scene, np.random.Generator], None]] = {
    "meadow": meadow, "snow": snow, "desert": desert, "sea": sea, "beach": beach, "forest": forest,
    "town": town,
}  # fmt: skip
