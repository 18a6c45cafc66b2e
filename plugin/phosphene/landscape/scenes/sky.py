"""Everything above the horizon: the sky's colours, sun and moon, stars, clouds, birds and mountains."""

import math

import numpy as np
from PIL import Image

from phosphene.landscape.scenes.palette import Colour, Light, mix, shade
from phosphene.landscape.scenes.pen import Pen
from phosphene.landscape.scenes.scene import Place, Scene

HORIZON = 0.40
OVERCAST: dict[str, Colour] = {
    "day": (158, 170, 184), "dawn": (196, 186, 200), "sunset": (134, 84, 92), "night": (30, 36, 58)
}  # fmt: skip
GREY = {"rain": 0.68, "snowfall": 0.5, "fog": 0.5, "cloudy": 0.12}


def stops(scene: Scene, light: Light) -> list[Colour]:
    """Return the sky's colours from the horizon up, greyer in bad weather."""
    return [mix(colour, OVERCAST[scene.time], GREY.get(scene.weather, 0)) for colour in light.sky]


def gradient(colours: list[Colour], side: int, low: float = 0.0, high: float = 1.0) -> Image.Image:
    """Return a square picture that runs through `colours` from height `low` up to `high`."""
    heights = 1 - (np.arange(side) + 0.5) / side
    where = np.linspace(low, high, len(colours))
    column = np.stack([np.interp(heights, where, part) for part in np.array(colours, float).T], axis=-1)
    return Image.fromarray(column.round().astype(np.uint8)[:, None]).resize(
        (side, side), Image.Resampling.NEAREST
    )


def paint_sky(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw the sky and what hangs in it."""
    colours = stops(scene, pen.light)
    pen.image.paste(gradient(colours, pen.image.width, HORIZON, 1.0))
    if scene.time == "night" and scene.weather in ("clear", "cloudy"):
        stars(pen, rng, 46 if scene.weather == "clear" else 16)
    if scene.star:
        star(pen, scene, scene.star)
    for place in scene.clouds:
        cloud(pen, place, mix(pen.light.cloud, OVERCAST[scene.time], GREY[scene.weather]), colours[1], rng)


def stars(pen: Pen, rng: np.random.Generator, count: int) -> None:
    """Scatter stars, some of them bright."""
    for x, y, size in rng.random((count, 3)):
        radius = 0.0028 + 0.006 * size**4
        pen.ellipse((238, 240, 255), x, 0.42 + 0.58 * y, radius, radius, shines=True)


def star(pen: Pen, scene: Scene, place: Place) -> None:
    """Draw the sun with its glow, or the moon with its craters."""
    colour, radius = pen.light.star, place.height / 2
    pen.glow(colour, place.x, place.y, 5 * radius, 0.55 if scene.moon else 0.85)
    pen.ellipse(colour, place.x, place.y, radius, radius, shines=True)
    if scene.moon:
        for x, y, size in ((-0.35, 0.25, 0.22), (0.3, 0.4, 0.14), (0.15, -0.35, 0.26)):
            grey, size = (238, 231, 202), size * radius
            pen.ellipse(grey, place.x + x * radius, place.y + y * radius, size, size, shines=True)


def cloud(pen: Pen, place: Place, colour: Colour, under: Colour, rng: np.random.Generator) -> None:
    """Draw a cloud of puffs: its shaded underside first, then the lit tops."""
    puffs = [(x, (0.5 - abs(x) * 0.42) * rng.uniform(0.8, 1.15)) for x in (-0.75, -0.35, 0.05, 0.45, 0.8)]
    for tone, rise in ((mix(colour, under, 0.5), 0.0), (colour, 0.10)):
        for x, radius in puffs:
            size = radius * place.height
            pen.ellipse(
                tone, place.x + x * place.height, place.y + (0.5 * radius + rise) * place.height,
                size, size * 0.86, shines=True,
            )  # fmt: skip
    low = place.y - 0.16 * place.height
    wide = 1.05 * place.height
    pen.ellipse(
        mix(colour, under, 0.5), place.x, low + 0.14 * place.height, wide, 0.16 * place.height, shines=True
    )


def birds(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw birds, well apart, so that one can count them."""
    ink = (46, 44, 66) if scene.time == "day" else (40, 26, 52)
    xs = (rng.permutation(5)[: scene.birds] + 0.5) / 5 + rng.uniform(-0.03, 0.03, scene.birds)
    for x, y, span in zip(
        xs, rng.uniform(0.6, 0.94, scene.birds), rng.uniform(0.05, 0.065, scene.birds), strict=True
    ):
        for side in (-1, 1):
            wing = [(x, y), (x + side * span * 0.45, y + span * 0.42), (x + side * span, y + span * 0.12)]
            pen.polygon(ink, *wing, (x + side * span * 0.42, y + span * 0.16), shines=True)
        pen.ellipse(ink, x, y + span * 0.02, span * 0.16, span * 0.13, shines=True)


def mountains(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw a hazy ridge and a near one, each peak with a lit flank, a shaded one and snow on top."""
    haze = stops(scene, pen.light)[0]
    rock: Colour = (176, 130, 104) if scene.land == "desert" else (112, 114, 140)
    side = -1 if scene.star and scene.star.x < 0.5 else 1  # the flank away from the light
    for count, tall, far in ((4, 0.16, 0.62), (3, 0.26, 0.22)):
        for number in rng.permutation(count):
            x = (number + 0.5) / count + rng.uniform(-0.08, 0.08)
            peak = HORIZON + tall * rng.uniform(0.75, 1.15)
            lit = mix(pen.seen(rock), haze, far)
            mountain(
                pen, x, peak, 0.62 * tall * 2.1, side, lit, mix(pen.seen((246, 248, 255)), haze, far * 0.7)
            )


def mountain(pen: Pen, x: float, peak: float, half: float, side: int, rock: Colour, snow: Colour) -> None:
    """Draw one peak. `side` is the side of its shade."""
    foot = HORIZON - 0.03
    tall = peak - foot

    def flank(share: float, sign: int) -> tuple[float, float]:
        return x + sign * half * share, peak - tall * share

    ridge = (x - side * half * 0.06, peak - tall * 0.55), (x + side * half * 0.1, foot)
    pen.polygon(rock, (x - half, foot), (x, peak), (x + half, foot), shines=True)
    pen.polygon(shade(rock, 0.78), (x, peak), flank(1, side), ridge[1], ridge[0], shines=True)
    cap = [
        flank(0.34, -side),
        (x - side * half * 0.17, peak - tall * 0.27),
        (x - side * half * 0.04, peak - tall * 0.4),
    ]
    pen.polygon(snow, (x, peak), *cap, shines=True)
    far = [(x + side * half * 0.13, peak - tall * 0.27), flank(0.34, side)]
    pen.polygon(shade(snow, 0.84), (x, peak), cap[-1], *far, shines=True)


def glitter(pen: Pen, x: float, top: float, low: float, rng: np.random.Generator) -> None:
    """Draw the sun's path on water: strokes that widen towards us."""
    for share in np.linspace(0.03, 0.97, 9):
        half = (0.02 + 0.075 * share) * rng.uniform(0.55, 1.1)
        middle, y = x + rng.uniform(-0.02, 0.02), top + (low - top) * share
        thick = 0.0035 + 0.006 * share
        colour = mix(pen.light.star, pen.light.sky[0], 0.3 + 0.3 * math.sqrt(share))
        pen.ellipse(colour, middle, y, half, thick, shines=True)
