"""Things that people build. Each stands on (0, 0), is 1 high, and is lit from the left."""

import math

from phosphene.landscape.scenes.palette import Colour, shade
from phosphene.landscape.scenes.pen import XY, Pen

WOOD: Colour = (110, 74, 48)
CREAM: Colour = (250, 242, 222)
SLATE: Colour = (74, 62, 72)


def house(pen: Pen, colour: Colour) -> None:
    """A cottage: a gable with a door, a long side with two windows, a chimney."""
    roof: Colour = (238, 244, 252) if pen.snowy else SLATE
    pen.box(shade(SLATE, 1.15), 0.2, 0.7, 0.31, 1.0)
    pen.box(shade(colour, 0.80), 0.0, 0, 0.48, 0.52)
    pen.polygon(colour, (-0.46, 0), (-0.46, 0.5), (-0.2, 0.86), (0.06, 0.5), (0.06, 0))
    pen.polygon(roof, (-0.2, 0.92), (0.3, 0.92), (0.55, 0.46), (0.06, 0.46))
    pen.polygon(shade(roof, 0.86), (-0.2, 0.92), (-0.2, 0.82), (-0.5, 0.41), (-0.55, 0.46))
    pen.polygon(shade(roof, 0.94), (-0.2, 0.92), (-0.2, 0.82), (0.04, 0.46), (0.12, 0.46))
    pen.box(shade(WOOD, 0.8), -0.29, 0, -0.11, 0.32)
    lights(pen, ((-0.2, 0.5, 0.055), (0.16, 0.28, 0.075), (0.37, 0.28, 0.075)))


def lights(pen: Pen, panes: tuple[tuple[float, float, float], ...]) -> None:
    """Draw square windows (x, y, half a side), which shine when it is dark."""
    for x, y, half in panes:
        pen.box(CREAM, x - half - 0.02, y - half - 0.02, x + half + 0.02, y + half + 0.02)
        pen.box(pen.window, x - half, y - half, x + half, y + half, shines=pen.light.lamps)
        if pen.light.lamps:
            pen.glow((255, 206, 96), x, y, 0.26, 0.5)


def castle(pen: Pen, colour: Colour) -> None:
    """Grey walls between round towers with pointed roofs and flags."""
    stone: Colour = (182, 176, 178)
    tower(pen, stone, 0.05, 0.15, 0.66, 0.88)
    pen.box(stone, -0.36, 0, 0.36, 0.40)
    pen.box(shade(stone, 0.84), 0.1, 0, 0.36, 0.40)
    for x in (-0.2, -0.06, 0.08, 0.22):
        pen.box(shade(stone, 0.94), x - 0.035, 0.4, x + 0.035, 0.46)
    tower(pen, stone, -0.36, 0.13, 0.52, 0.78)
    tower(pen, stone, 0.38, 0.13, 0.52, 0.78)
    pen.box((64, 46, 44), -0.1, 0, 0.1, 0.14)
    pen.dome((64, 46, 44), 0, 0.14, 0.1, 0.11)
    lights(pen, ((-0.37, 0.36, 0.035), (0.37, 0.36, 0.035), (0.04, 0.55, 0.035)))


def tower(pen: Pen, stone: Colour, x: float, half: float, wall: float, top: float) -> None:
    """Draw one tower of a castle."""
    pen.box(stone, x - half, 0, x + half, wall)
    pen.box(shade(stone, 0.8), x + half * 0.25, 0, x + half, wall)
    roof: Colour = (74, 88, 132)
    pen.polygon(roof, (x - half * 1.25, wall), (x, top), (x + half * 1.25, wall))
    pen.polygon(shade(roof, 0.78), (x + half * 0.25, wall), (x, top), (x + half * 1.25, wall))
    pen.line(SLATE, 0.014, (x, top), (x, top + 0.12))
    pen.polygon((226, 70, 60), (x, top + 0.12), (x + 0.11, top + 0.085), (x, top + 0.05))


def lighthouse(pen: Pen, colour: Colour) -> None:
    """A striped tower on a rock, its lamp always lit."""
    pen.dome((104, 92, 92), 0, -0.02, 0.30, 0.12)
    stripes = 5
    for number in range(stripes):
        low, high = 0.06 + 0.70 * number / stripes, 0.06 + 0.70 * (number + 1) / stripes
        left, right = 0.155 - 0.075 * low, 0.155 - 0.075 * high
        tone = colour if number % 2 == 0 else ((206, 208, 214) if min(colour) > 200 else (248, 246, 240))
        pen.polygon(tone, (-left, low), (left, low), (right, high), (-right, high))
        pen.polygon(shade(tone, 0.8), (left * 0.3, low), (left, low), (right, high), (right * 0.3, high))
    pen.box(SLATE, -0.145, 0.755, 0.145, 0.79)
    pen.box((255, 232, 130), -0.075, 0.79, 0.075, 0.90, shines=True)
    pen.polygon(colour, (-0.115, 0.90), (0, 1.0), (0.115, 0.90))
    if pen.light.lamps:
        pen.glow((255, 232, 140), 0, 0.845, 0.34, 0.9)


def windmill(pen: Pen, colour: Colour) -> None:
    """A tapering tower with a dark cap and four sails."""
    pen.polygon(colour, (-0.22, 0), (-0.13, 0.62), (0.13, 0.62), (0.22, 0))
    pen.polygon(shade(colour, 0.8), (0.06, 0), (0.04, 0.62), (0.13, 0.62), (0.22, 0))
    pen.dome(SLATE, 0, 0.61, 0.155, 0.14)
    pen.box(shade(WOOD, 0.8), -0.08, 0, 0.05, 0.19)
    lights(pen, ((-0.01, 0.36, 0.045),))
    for turn in (0.42, 1.99, 3.56, 5.13):
        sail(pen, (math.cos(turn), math.sin(turn)))
    pen.ellipse(WOOD, 0, 0.64, 0.035, 0.035)


def sail(pen: Pen, to: XY) -> None:
    """Draw one sail of a windmill from its hub in a direction."""
    (along, rise), reach = to, 0.40

    def spot(far: float, beside: float) -> XY:
        return far * along - beside * rise, 0.64 + far * rise + beside * along

    pen.polygon(CREAM, spot(0.09, 0), spot(reach, 0), spot(reach, 0.12), spot(0.09, 0.10))
    for far in (0.16, 0.24, 0.32):
        pen.line((190, 170, 140), 0.012, spot(far, 0), spot(far, 0.115))
    pen.line(WOOD, 0.028, spot(0, 0), spot(reach, 0))


def tent(pen: Pen, colour: Colour) -> None:
    """A ridge tent with an open front, warm inside when it is dark."""
    inside: Colour = (255, 204, 110) if pen.light.lamps else shade(colour, 0.32)
    pen.polygon(shade(colour, 0.74), (-0.18, 0.96), (0.34, 0.90), (0.72, 0), (0.30, 0))
    pen.polygon(colour, (-0.70, 0), (-0.18, 0.96), (0.32, 0))
    pen.polygon(inside, (-0.36, 0), (-0.18, 0.66), (0.02, 0), shines=pen.light.lamps)
    pen.polygon(shade(colour, 1.25), (-0.36, 0), (-0.18, 0.66), (-0.30, 0.10))
    pen.line(WOOD, 0.03, (-0.24, 1.0), (-0.16, 0.9))
    if pen.light.lamps:
        pen.glow((255, 200, 100), -0.18, 0.2, 0.5, 0.45)


def igloo(pen: Pen, colour: Colour) -> None:
    """A dome of snow blocks with a porch."""
    ice: Colour = (222, 238, 252)
    joint = shade(ice, 0.80)
    pen.dome(shade(ice, 0.9), 0.1, 0, 0.80, 0.98)
    pen.dome(ice, 0.04, 0, 0.74, 0.96)
    for y, half in ((0.26, 0.71), (0.52, 0.62), (0.76, 0.44)):
        pen.line(joint, 0.028, (0.04 - half, y), (0.04 + half, y))
    for x, y in ((0.1, 0.02), (0.52, 0.02), (-0.1, 0.28), (0.36, 0.28), (0.1, 0.54), (-0.24, 0.54)):
        pen.line(joint, 0.028, (x, y), (x * 0.94, y + 0.22))
    pen.dome(shade(ice, 0.88), -0.42, 0, 0.38, 0.60)
    pen.dome((255, 200, 110) if pen.light.lamps else (58, 84, 128), -0.46, 0, 0.24, 0.42)
    if pen.light.lamps:
        pen.glow((255, 206, 120), -0.46, 0.18, 0.55, 0.6)


def pyramid(pen: Pen, colour: Colour) -> None:
    """Two faces of sandstone, with courses of stone."""
    sand: Colour = (240, 196, 104)
    pen.polygon(sand, (-0.86, 0), (-0.08, 1), (0.3, 0))
    pen.polygon(shade(sand, 0.66), (-0.08, 1), (0.3, 0), (0.86, 0.06))
    for y in (0.17, 0.34, 0.51, 0.68, 0.84):
        left, middle, right = -0.86 + 0.78 * y, 0.3 - 0.38 * y, 0.86 - 0.94 * y
        pen.line(shade(sand, 0.86), 0.014, (left, y), (middle, y))
        pen.line(shade(sand, 0.56), 0.014, (middle, y), (right, y + 0.06 * (1 - y)))


def boat(pen: Pen, colour: Colour) -> None:
    """A sailing boat: hull and foresail in its colour, a pale mainsail."""
    pen.line(WOOD, 0.03, (0.02, 0.1), (0.02, 1.0))
    pen.polygon((250, 246, 236), (0.05, 0.97), (0.05, 0.29), (0.46, 0.29))
    pen.polygon((222, 214, 208), (0.05, 0.60), (0.05, 0.29), (0.46, 0.29))
    pen.polygon(colour, (-0.01, 0.90), (-0.01, 0.29), (-0.36, 0.29))
    pen.polygon(colour, (-0.48, 0.23), (0.50, 0.23), (0.34, 0), (-0.32, 0))
    pen.polygon(shade(colour, 0.72), (-0.38, 0.09), (0.41, 0.09), (0.34, 0), (-0.32, 0))
    pen.line(shade(colour, 1.35), 0.022, (-0.47, 0.22), (0.49, 0.22))


def balloon(pen: Pen, colour: Colour) -> None:
    """A hot air balloon with light and dark gores, glowing when it is dark."""
    pen.polygon(colour, (-0.35, 0.56), (-0.11, 0.24), (0.11, 0.24), (0.35, 0.56))
    pen.ellipse(colour, 0, 0.645, 0.37, 0.355)
    for half, tone in ((0.37, 0.82), (0.24, 1.0), (0.1, 1.22)):
        if half < 0.37:
            pen.ellipse(shade(colour, tone), -0.02, 0.645, half, 0.352)
            pen.polygon(
                shade(colour, tone), (-half, 0.6), (-half * 0.3, 0.25), (half * 0.3, 0.25), (half, 0.6)
            )
    pen.polygon(shade(colour, 0.72), (-0.12, 0.27), (0.12, 0.27), (0.09, 0.22), (-0.09, 0.22))
    for x in (-0.075, 0.075):
        pen.line(SLATE, 0.012, (x, 0.23), (x * 0.9, 0.13))
    pen.box((150, 98, 54), -0.085, 0, 0.085, 0.14)
    pen.box((186, 132, 80), -0.095, 0.12, 0.095, 0.15)
    if pen.light.lamps:
        pen.glow((255, 210, 120), 0, 0.30, 0.26, 0.6)
