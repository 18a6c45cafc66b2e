"""A pen draws in its own units: a thing's foot is (0, 0), its top is y = 1, whatever the picture's size.

y points up. A pen also knows the light, so that the things it draws can be written in daylight colours.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from PIL import Image, ImageDraw

from phosphene.landscape.scenes.palette import Colour, Light, mix, tinted

XY = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pen:
    """The position, the size and the light in which things are drawn."""

    image: Image.Image
    brush: ImageDraw.ImageDraw
    light: Light
    tint: tuple[float, float, float]
    snowy: bool = False
    x: float = 0.0  # the origin and the units, in pixels of the image
    y: float = 0.0
    across: float = 1.0
    up: float = 1.0
    veil: Colour = (0, 0, 0)
    veiled: float = 0.0  # the share of the veil's colour over everything, for distance and reflections

    @classmethod
    def on(cls, image: Image.Image, light: Light, *, snowy: bool = False) -> "Pen":
        """Return a pen whose units are the picture: (0, 0) bottom left, (1, 1) top right."""
        side = image.width
        red, green, blue = (
            part + (1 - part) * (0.28 if snowy else 0) for part in light.land
        )  # snow stays bright
        return cls(image, ImageDraw.Draw(image), light, (red, green, blue), snowy, 0, side, side, side)

    def at(self, x: float, y: float, height: float, *, mirrored: bool = False) -> "Pen":
        """Return the pen for a thing that stands at (x, y) and is `height` high."""
        across = -self.across * height if mirrored else self.across * height
        px, py = self.pixel((x, y))
        return replace(self, x=px, y=py, across=across, up=self.up * height, tint=self.light.objects)

    def mirrored_in(self, water: Colour) -> "Pen":
        """Return the pen for a thing's reflection: upside down, squeezed, and full of the water's colour."""
        return replace(self, up=-0.55 * self.up, veil=water, veiled=0.62)

    def pixel(self, point: XY) -> XY:
        """Return a point of this pen's units in pixels."""
        return self.x + point[0] * self.across, self.y - point[1] * self.up

    def seen(self, colour: Colour, *, shines: bool = False) -> Colour:
        """Return how a daylight colour looks in this light. Things that shine keep their colour."""
        return mix(colour if shines else tinted(colour, self.tint), self.veil, self.veiled)

    def polygon(self, colour: Colour, *points: XY, shines: bool = False) -> None:
        """Fill a polygon."""
        self.brush.polygon([self.pixel(point) for point in points], self.seen(colour, shines=shines))

    def box(
        self, colour: Colour, x0: float, y0: float, x1: float, y1: float, *, shines: bool = False
    ) -> None:
        """Fill an upright rectangle."""
        self.polygon(colour, (x0, y0), (x1, y0), (x1, y1), (x0, y1), shines=shines)

    def ellipse(
        self, colour: Colour, x: float, y: float, rx: float, ry: float, *, shines: bool = False
    ) -> None:
        """Fill an ellipse around (x, y)."""
        px, py = self.pixel((x, y))
        wide, high = abs(rx * self.across), abs(ry * self.up)
        self.brush.ellipse((px - wide, py - high, px + wide, py + high), self.seen(colour, shines=shines))

    def dome(self, colour: Colour, x: float, y: float, rx: float, ry: float) -> None:
        """Fill the upper half of an ellipse."""
        turns = [math.pi * step / 24 for step in range(25)]
        self.polygon(colour, *((x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns))

    def line(self, colour: Colour, width: float, *points: XY, shines: bool = False) -> None:
        """Draw a line with round joints and ends; `width` is in units."""
        pixels = [self.pixel(point) for point in points]
        ink, thick = self.seen(colour, shines=shines), abs(width * self.across)
        self.brush.line(pixels, ink, max(1, round(thick)))
        if thick > 3:
            for x, y in pixels:
                self.brush.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), ink)

    def glow(self, colour: Colour, x: float, y: float, radius: float, strength: float = 1.0) -> None:
        """Lay a round shine over the drawing, strongest in its middle and gone at `radius`."""
        px, py = self.pixel((x, y))
        # few sizes, so that masks are shared
        reach = max(2, 4 * round(abs(radius * self.across) / 4))
        corner = (round(px) - reach, round(py) - reach)
        self.image.paste(self.seen(colour, shines=True), corner, shine(2 * reach, round(100 * strength)))

    @property
    def window(self) -> Colour:
        """The colour of window panes: lit in the evening and at night."""
        return (255, 216, 104) if self.light.lamps else (150, 200, 236)


@lru_cache(maxsize=256)
def shine(side: int, percent: int) -> Image.Image:
    """Return a soft round mask, `percent` opaque in the middle."""
    slope = Image.radial_gradient("L").point(
        [round(max(0, 1 - n / 180) ** 2 * 2.55 * percent) for n in range(256)]
    )
    return slope.resize((side, side), Image.Resampling.BILINEAR)
