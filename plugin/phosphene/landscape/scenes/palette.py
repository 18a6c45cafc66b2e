"""The colours of light and of land, and some arithmetic with colours."""

from dataclasses import dataclass

Colour = tuple[int, int, int]

PAINTS: dict[str, Colour] = {
    "red": (216, 42, 40),
    "blue": (38, 98, 222),
    "yellow": (250, 204, 36),
    "white": (246, 246, 242),
    "green": (34, 158, 72),
    "purple": (144, 64, 196),
}


@dataclass(frozen=True, slots=True)
class Light:
    """The light of an hour. `land` and `objects` are factors for red, green and blue."""

    sky: tuple[Colour, ...]  # from the horizon up to the zenith
    land: tuple[float, float, float]
    objects: tuple[float, float, float]  # milder than `land`: at night a red house has to look red too
    star: Colour  # the sun or the moon
    cloud: Colour
    lamps: bool  # windows are lit


LIGHTS: dict[str, Light] = {
    "day": Light(
        ((220, 240, 253), (142, 200, 248), (52, 128, 226)),
        (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (255, 226, 92), (255, 255, 255), False,
    ),
    "dawn": Light(
        ((255, 240, 206), (255, 208, 204), (212, 178, 220), (134, 150, 214)),
        (1.0, 0.89, 0.93), (1.0, 0.94, 0.96), (255, 206, 124), (255, 232, 232), False,
    ),
    "sunset": Light(
        ((255, 190, 78), (250, 116, 58), (176, 56, 104), (58, 34, 104)),
        (0.84, 0.61, 0.56), (1.0, 0.89, 0.80), (255, 222, 110), (232, 132, 122), True,
    ),
    "night": Light(
        ((46, 62, 122), (18, 28, 74), (6, 9, 32)),
        (0.37, 0.43, 0.68), (0.74, 0.75, 0.90), (250, 244, 214), (74, 84, 126), True,
    ),
}  # fmt: skip

GROUNDS: dict[str, tuple[Colour, Colour]] = {  # by day: far away, and at one's feet
    "meadow": ((160, 212, 104), (70, 146, 52)),
    "snow": ((214, 228, 246), (246, 250, 255)),
    "desert": ((246, 214, 146), (214, 160, 84)),
    "sea": ((92, 172, 216), (14, 70, 138)),
    "beach": ((248, 226, 172), (226, 188, 122)),
    "forest": ((112, 158, 84), (48, 98, 48)),
    "town": ((190, 180, 172), (132, 122, 120)),
}


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return `first` with a `share` (0 to 1) of `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (`factor` below 1), or lighten towards white (above 1)."""
    return mix((0, 0, 0), colour, factor) if factor <= 1 else mix(colour, (255, 255, 255), factor - 1)


def tinted(colour: Colour, tint: tuple[float, float, float]) -> Colour:
    """Return what `colour` looks like under a light that multiplies it by `tint`."""
    red, green, blue = (min(255, round(part * by)) for part, by in zip(colour, tint, strict=True))
    return red, green, blue
