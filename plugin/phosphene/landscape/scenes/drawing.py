"""Draws a scene: the sky, the land, the things from the back to the front, the weather, then the style."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from phosphene.landscape.scenes import buildings, living, styles
from phosphene.landscape.scenes.ground import paint_ground
from phosphene.landscape.scenes.palette import GROUNDS, LIGHTS, PAINTS, Colour, mix, shade
from phosphene.landscape.scenes.pen import Pen
from phosphene.landscape.scenes.scene import Place, Scene, Thing
from phosphene.landscape.scenes.sky import OVERCAST, birds, mountains, paint_sky, stops

THINGS: dict[str, Callable[[Pen, Colour], None]] = {
    "house": buildings.house, "castle": buildings.castle, "lighthouse": buildings.lighthouse,
    "windmill": buildings.windmill, "tent": buildings.tent, "igloo": buildings.igloo,
    "pyramid": buildings.pyramid, "boat": buildings.boat, "balloon": buildings.balloon,
    "tree": living.tree, "pine": living.pine, "palm": living.palm, "cactus": living.cactus,
    "snowman": living.snowman, "campfire": living.campfire, "whale": living.whale,
}  # fmt: skip


def draw(scene: Scene, size: int = 256) -> Image.Image:
    """Return the scene as an RGB picture of `size` by `size` pixels."""
    rng = np.random.default_rng((scene.seed, 1))
    side = size * (2 if size >= 128 else 3)  # drawn larger, so that edges come out smooth
    pen = Pen.on(Image.new("RGB", (side, side)), LIGHTS[scene.time], snowy=scene.land == "snow")
    paint_sky(pen, scene, rng)
    if scene.mountains:
        mountains(pen, scene, rng)
    paint_ground(pen, scene, rng)
    if scene.weather == "fog":
        fog(pen, scene, 0.54)
    for thing, place in from_back_to_front(scene):
        put(pen, scene, thing, place)
    birds(pen, scene, rng)
    weather(pen, scene, rng)
    return styles.STYLES[scene.style](pen.image, size, scene.seed)


def from_back_to_front(scene: Scene) -> list[tuple[Thing, Place]]:
    """Return all single things, the farthest (the highest foot) first."""
    singles = [(thing, place) for thing in scene.things for place in thing.places]
    return sorted(singles, key=lambda single: -single[1].y)


def put(pen: Pen, scene: Scene, thing: Thing, place: Place) -> None:
    """Draw one thing with its shadow on land or its reflection in water."""
    mirrored = scene.star is not None and scene.star.x > place.x  # the light comes from the sun's side
    own = pen.at(place.x, place.y, place.height, mirrored=mirrored)
    paint = PAINTS[thing.colour] if thing.colour else PAINTS["white"]
    if thing.kind != "balloon" and scene.land == "sea":
        THINGS[thing.kind](own.mirrored_in(pen.seen(GROUNDS["sea"][1])), paint)
    elif thing.kind != "balloon":
        shadow(own, pen, scene)
    THINGS[thing.kind](own, paint)


def shadow(own: Pen, pen: Pen, scene: Scene) -> None:
    """Darken the ground around a thing's foot, more so away from the light."""
    colour = shade(pen.seen(GROUNDS[scene.land][1]), 0.68)
    own.ellipse(colour, 0.08, 0.0, 0.52, 0.055, shines=True)


def weather(pen: Pen, scene: Scene, rng: np.random.Generator) -> None:
    """Draw the weather, which lies in front of everything else."""
    if scene.weather == "fog":
        fog(pen, scene, 0.24)
    elif scene.weather == "rain":
        for x, y, length in rng.random((90, 3))[: 45 if scene.style == "ink" else 90]:
            end = (x - 0.035 * (0.6 + length), y - 0.10 * (0.6 + length))
            pen.line(mix((214, 228, 246), OVERCAST[scene.time], 0.25), 0.0042, (x, y), end, shines=True)
    elif scene.weather == "snowfall":
        for x, y, near in rng.random((110, 3)):
            radius = 0.0045 + 0.008 * near**2
            pen.ellipse(mix((255, 255, 255), OVERCAST[scene.time], 0.12), x, y, radius, radius, shines=True)


def fog(pen: Pen, scene: Scene, strength: float) -> None:
    """Lay banks of mist over the picture, thickest at the horizon."""
    side = pen.image.width
    heights = 1 - np.arange(side) / side
    banks = np.exp(-(((heights - 0.38) / 0.20) ** 2)) * (0.86 + 0.14 * np.sin(heights * 46))
    mask = (255 * strength * np.clip(0.14 + 0.86 * banks, 0, 1)).astype(np.uint8)
    veil = mix(stops(scene, pen.light)[0], OVERCAST[scene.time], 0.35)
    pale = shade(veil, 1.25 if scene.time == "night" else 1.45)
    pen.image.paste(
        pale, (0, 0), Image.fromarray(mask[:, None]).resize((side, side), Image.Resampling.NEAREST)
    )
