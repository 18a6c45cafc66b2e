"""Things that grow, and a few that last a winter or a night. Each is 1 high and lit from the left."""

import math

from phosphene.landscape.scenes.palette import Colour, mix, shade
from phosphene.landscape.scenes.pen import Pen

BARK: Colour = (116, 78, 50)
COAL: Colour = (42, 40, 52)
FLAME = (
    (-0.32, 0.14), (-0.27, 0.45), (-0.17, 0.62), (-0.12, 0.48), (0.02, 1.0), (0.13, 0.58), (0.2, 0.72),
    (0.3, 0.38), (0.3, 0.14),
)  # fmt: skip


def tree(pen: Pen, colour: Colour) -> None:
    """A round leafy crown on a trunk."""
    leaf: Colour = (66, 156, 58)
    pen.polygon(BARK, (-0.075, 0), (-0.045, 0.5), (0.045, 0.5), (0.085, 0))
    for x, y, radius, tone in (
        (0.12, 0.60, 0.27, 0.74), (-0.16, 0.58, 0.24, 0.86), (0.05, 0.76, 0.24, 0.9),
        (-0.08, 0.68, 0.24, 1.0), (-0.13, 0.76, 0.13, 1.16),
    ):  # fmt: skip
        pen.ellipse(shade(leaf, tone), x, y, radius, radius)


def pine(pen: Pen, colour: Colour) -> None:
    """A fir in four tiers, with snow on them on snowy land."""
    needle: Colour = (30, 108, 74)
    pen.box(BARK, -0.05, 0, 0.05, 0.16)
    for low, high, half in ((0.12, 0.52, 0.30), (0.32, 0.70, 0.245), (0.52, 0.86, 0.19), (0.70, 1.0, 0.13)):
        pen.polygon(needle, (-half, low), (0, high), (half, low))
        pen.polygon(shade(needle, 0.72), (half * 0.1, low), (0, high), (half, low))
        if pen.snowy:
            edge = low + 0.45 * (high - low)
            pen.polygon(
                (244, 249, 255), (-half * 0.55, edge), (0, high), (half * 0.4, edge + 0.04), (0, edge + 0.05)
            )


def palm(pen: Pen, colour: Colour) -> None:
    """A leaning trunk with a crown of fronds and two coconuts."""
    frond: Colour = (40, 150, 66)
    trunk = [(0.10 - 0.16 * math.sin(y * 1.7), y * 0.80) for y in (0, 0.25, 0.5, 0.75, 1.0)]
    pen.polygon(
        BARK,
        *((x - 0.05 + 0.02 * y, y) for x, y in trunk),
        *((x + 0.04 - 0.01 * y, y) for x, y in trunk[::-1]),
    )
    x, y = trunk[-1]
    for turn, reach, tone in (
        (0.35, 0.44, 0.74), (2.8, 0.44, 0.74), (-0.45, 0.42, 0.88), (3.6, 0.42, 0.88), (1.0, 0.34, 1.0),
        (2.2, 0.36, 1.08),
    ):  # fmt: skip
        along, rise = math.cos(turn), math.sin(turn)
        tip = (x + reach * along, y + reach * 0.62 * rise - 0.06)
        bow = (x + reach * 0.5 * along, y + reach * 0.5 * rise + 0.14)
        under = (x + reach * 0.5 * along, y + reach * 0.5 * rise + 0.01)
        pen.polygon(shade(frond, tone), (x, y + 0.04), bow, tip, under, (x, y - 0.04))
    for side in (-0.04, 0.05):
        pen.ellipse((96, 62, 38), x + side, y - 0.04, 0.04, 0.04)


def cactus(pen: Pen, colour: Colour) -> None:
    """A saguaro with two arms and a flower."""
    skin: Colour = (48, 148, 82)
    for tone, width, shift in ((shade(skin, 0.74), 1.0, 0.0), (skin, 0.62, -0.025)):
        pen.line(tone, 0.22 * width, (shift, 0.02), (shift, 0.88))
        pen.line(tone, 0.14 * width, (shift, 0.34), (-0.25 + shift, 0.36), (-0.25 + shift, 0.66))
        pen.line(tone, 0.14 * width, (shift, 0.46), (0.25 + shift, 0.48), (0.25 + shift, 0.76))
    for y in (0.2, 0.4, 0.6, 0.8):
        pen.line(shade(skin, 1.4), 0.014, (-0.03, y), (-0.03, y + 0.08))
    pen.ellipse((240, 110, 150), 0, 0.98, 0.06, 0.045)


def snowman(pen: Pen, colour: Colour) -> None:
    """Three balls of snow, a hat, a scarf and a carrot."""
    snow: Colour = (250, 252, 255)
    pen.line(BARK, 0.025, (-0.2, 0.46), (-0.36, 0.6))
    pen.line(BARK, 0.025, (0.2, 0.46), (0.36, 0.58))
    for y, radius in ((0.21, 0.245), (0.51, 0.185), (0.74, 0.14)):
        pen.ellipse(mix(snow, (120, 150, 205), 0.45), 0.012, y - 0.006, radius, radius)
        pen.ellipse(snow, -0.022, y + 0.008, radius * 0.88, radius * 0.9)
    pen.box(COAL, -0.17, 0.83, 0.17, 0.86)
    pen.box(COAL, -0.11, 0.85, 0.11, 1.0)
    pen.line((222, 60, 54), 0.065, (-0.11, 0.625), (0.11, 0.625))
    pen.line((222, 60, 54), 0.06, (0.07, 0.62), (0.1, 0.47))
    pen.polygon((245, 130, 40), (0, 0.76), (0, 0.71), (-0.2, 0.725))
    for x, y in ((-0.055, 0.79), (0.05, 0.79), (0, 0.54), (0, 0.45)):
        pen.ellipse(COAL, x, y, 0.02, 0.02)


def campfire(pen: Pen, colour: Colour) -> None:
    """Crossed logs under flames, with its shine all around."""
    pen.glow((255, 150, 60), 0, 0.36, 1.15, 0.75 if pen.light.lamps else 0.45)
    for tone, size in (((232, 74, 32), 1.0), ((255, 150, 40), 0.72), ((255, 226, 110), 0.42)):
        pen.polygon(tone, *((x * size, 0.1 + (y - 0.1) * size) for x, y in FLAME), shines=True)
    pen.line(shade(BARK, 0.7), 0.12, (-0.4, 0.05), (0.36, 0.20))
    pen.line(BARK, 0.12, (0.4, 0.05), (-0.36, 0.20))


def whale(pen: Pen, colour: Colour) -> None:
    """A whale's back, its tail, and a spout."""
    skin: Colour = (66, 96, 146)
    spray: Colour = (232, 244, 255)
    for x in (-0.2, 0.2):
        pen.line(spray, 0.05, (-0.34, 0.62), (-0.34 + x * 0.5, 0.9), (-0.34 + x, 0.86))
    pen.polygon(skin, (0.3, 0.02), (0.62, 0.42), (0.72, 0.40), (0.62, 0.02))
    pen.polygon(skin, (0.66, 0.38), (0.46, 0.66), (0.68, 0.58), (0.88, 0.70), (0.74, 0.38))
    pen.dome(shade(skin, 0.82), -0.12, 0, 0.70, 0.60)
    pen.dome(skin, -0.16, 0.05, 0.62, 0.54)
    pen.dome((214, 224, 236), -0.42, 0, 0.36, 0.16)
    pen.ellipse(COAL, -0.52, 0.26, 0.035, 0.04)
    pen.line(spray, 0.035, (-0.92, 0.0), (-0.6, 0.03), (0.1, 0.0), (0.75, 0.03))
