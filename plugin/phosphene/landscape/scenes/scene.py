"""Scenes, and how a seed becomes one.

A scene says everything that a picture shows, in units of the picture (y points up), and nothing
about pixels. `compose` keeps to combinations that one could meet: no palm in the snow, boats on water.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TIMES = {"day": 0.26, "dawn": 0.18, "sunset": 0.27, "night": 0.29}
LANDS = {
    "meadow": 0.15, "snow": 0.22, "desert": 0.13, "sea": 0.16, "beach": 0.12, "forest": 0.13, "town": 0.12,
}  # fmt: skip
STYLES = {"flat": 0.25, "ink": 0.15, "pixel": 0.15, "mosaic": 0.15, "watercolour": 0.15, "neon": 0.15}
WEATHERS = {"clear": 0.46, "cloudy": 0.28, "rain": 0.10, "snowfall": 0.0, "fog": 0.10}
COLOURS = {"red": 0.32, "blue": 0.17, "yellow": 0.16, "white": 0.13, "green": 0.12, "purple": 0.14}
KINDS: dict[str, dict[str, float]] = {  # the things of each land, and how often they occur
    "meadow": {"house": 5, "tree": 4, "windmill": 3, "balloon": 2, "tent": 2, "castle": 2, "campfire": 1},
    "snow": {"house": 10, "pine": 4, "igloo": 3, "snowman": 3, "balloon": 1.5, "castle": 1.5, "campfire": 1},
    "desert": {"cactus": 4, "pyramid": 4, "palm": 3, "tent": 2, "house": 2, "balloon": 2, "campfire": 1},
    "sea": {"boat": 7, "lighthouse": 4, "whale": 3, "balloon": 2},
    "beach": {"palm": 5, "boat": 3, "lighthouse": 2, "house": 3, "tent": 2, "campfire": 1.5, "balloon": 1.5},
    "forest": {"house": 6, "tent": 3, "campfire": 2.5, "castle": 2.5, "balloon": 2, "windmill": 1},
    "town": {"house": 6, "tree": 3, "balloon": 2.5, "castle": 2, "windmill": 1.5},
}
COLOURED = frozenset({"house", "boat", "balloon", "lighthouse", "windmill", "tent"})
SHAPES: dict[str, tuple[float, float, int]] = {  # height in the picture, width by height, most of one kind
    "house": (0.42, 1.10, 3), "castle": (0.48, 1.05, 1), "lighthouse": (0.56, 0.46, 1),
    "windmill": (0.52, 0.84, 2), "tent": (0.32, 1.45, 3), "igloo": (0.27, 1.85, 2),
    "pyramid": (0.38, 1.75, 3),
    "boat": (0.44, 0.95, 3), "balloon": (0.38, 0.74, 3), "tree": (0.46, 0.80, 3), "pine": (0.48, 0.60, 3),
    "palm": (0.48, 0.86, 3), "cactus": (0.40, 0.66, 3), "snowman": (0.42, 0.66, 2),
    "campfire": (0.30, 0.95, 1),
    "whale": (0.28, 1.75, 1),
}  # fmt: skip
SEEDS: dict[str, range] = {
    "demo": range(0, 10_000),
    "choice": range(100_000, 200_000),
    "test": range(200_000, 300_000),
    "training": range(1_000_000, 10_000_000),
}


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a thing: the middle of its foot, and its height."""

    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Thing:
    """One or more alike things."""

    kind: str
    colour: str | None
    places: tuple[Place, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.places)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a picture shows; the exact labels."""

    seed: int
    time: str
    land: str
    weather: str
    style: str
    mountains: bool
    star: Place | None  # the sun, at night the moon; `height` is its diameter
    clouds: tuple[Place, ...]
    birds: int
    things: tuple[Thing, ...]

    @property
    def sun(self) -> bool:
        """Whether the sun is in the picture."""
        return self.star is not None and self.time != "night"

    @property
    def moon(self) -> bool:
        """Whether the moon is in the picture."""
        return self.star is not None and self.time == "night"


def compose(seed: int) -> Scene:
    """Return the scene of a seed, which never changes."""
    rng = np.random.default_rng(seed)
    time, land, style = pick(rng, TIMES), pick(rng, LANDS), pick(rng, STYLES)
    weather = pick(rng, weathers(land))
    mountains = bool(rng.random() < (0.2 if land in ("beach", "town") else 0.4))
    things = arrange(rng, choose(rng, land))
    open_sky = weather in ("clear", "cloudy")
    star = hang(rng, time, mountains or land in ("forest", "town"), things)
    star = star if open_sky and rng.random() < 0.75 else None
    clouds = drift(rng, weather, star)
    birds = int(rng.integers(1, 5)) if open_sky and time != "night" and rng.random() < 0.35 else 0
    return Scene(seed, time, land, weather, style, mountains, star, clouds, birds, things)


def labels(scene: Scene) -> frozenset[tuple[str, str]]:
    """Return every (attribute, value) of the scene. Things that it does not have get no label."""
    plain = {(name, str(getattr(scene, name))) for name in ("time", "land", "weather", "style")}
    shown = {(name, "yes") for name in ("mountains", "sun", "moon") if getattr(scene, name)}
    birds = {("birds", str(scene.birds))} if scene.birds else set()
    return frozenset(plain | shown | birds).union(*(thing_labels(thing) for thing in scene.things))


def thing_labels(thing: Thing) -> frozenset[tuple[str, str]]:
    """Return the labels of a thing: its kind, its number and its colour."""
    found = {("thing", thing.kind), (f"{thing.kind}.count", str(thing.count))}
    return frozenset(found | ({(f"{thing.kind}.colour", thing.colour)} if thing.colour else set()))


def pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """Return a key, with a chance in proportion to its weight."""
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def weathers(land: str) -> dict[str, float]:
    """Return the weathers that a land may have. It snows on snowy land and rains on other land."""
    if land == "snow":
        return WEATHERS | {"rain": 0.0, "snowfall": 0.22}
    return WEATHERS | ({"rain": 0.0} if land == "desert" else {})


def choose(rng: np.random.Generator, land: str) -> list[tuple[str, str | None, int]]:
    """Return the kinds of things in a scene with their colours and counts. Mostly there are one or two."""
    left = dict(KINDS[land])
    chosen: list[tuple[str, str | None, int]] = []
    for _ in range(int(rng.choice(4, p=(0.07, 0.48, 0.35, 0.10)))):
        kind = pick(rng, left)
        del left[kind]
        most = 1 if chosen and chosen[0][2] > 1 else SHAPES[kind][2]  # only one kind may come in numbers
        count = 1 + int(rng.choice(3, p=(0.68, 0.20, 0.12)))
        colour = pick(rng, COLOURS) if kind in COLOURED else None
        chosen.append((kind, colour, min(count, most)))
        if crowd(chosen) > 1.5:
            return chosen[:-1] if chosen[:-1] else [(kind, colour, 2)]
    return chosen


def crowd(chosen: Sequence[tuple[str, str | None, int]]) -> float:
    """Return how wide the things on the ground would be side by side, in picture widths."""
    return sum(count * SHAPES[kind][0] * SHAPES[kind][1] for kind, _, count in chosen if kind != "balloon")


def arrange(rng: np.random.Generator, chosen: Sequence[tuple[str, str | None, int]]) -> tuple[Thing, ...]:
    """Give every single thing its place: balloons in the sky, the others side by side on the ground."""
    aloft = row(rng, [item for item in chosen if item[0] == "balloon"], 0.56, 0.64)
    return row(rng, [item for item in chosen if item[0] != "balloon"], 0.09, 0.20) + aloft


def row(
    rng: np.random.Generator, chosen: Sequence[tuple[str, str | None, int]], low: float, high: float
) -> tuple[Thing, ...]:
    """Place things from left to right without overlap, their feet between `low` and `high`."""
    if not chosen:
        return ()
    singles = [index for index, (_, _, count) in enumerate(chosen) for _ in range(count)]
    heights = [SHAPES[chosen[index][0]][0] * rng.uniform(0.88, 1.08) for index in singles]
    widths = [height * SHAPES[chosen[index][0]][1] for index, height in zip(singles, heights, strict=True)]
    scale = min(1.0, 1.04 / sum(widths))
    gaps = rng.dirichlet(np.ones(len(singles) + 1)) * (1.0 - scale * sum(widths))
    places: list[list[Place]] = [[] for _ in chosen]
    edge = 0.0
    for number in rng.permutation(len(singles)):
        wide = scale * widths[number]
        edge += gaps[number]
        foot = Place(edge + wide / 2, rng.uniform(low, high), scale * heights[number])
        places[singles[number]].append(foot)
        edge += wide
    return tuple(
        Thing(kind, colour, tuple(found))
        for (kind, colour, _), found in zip(chosen, places, strict=True)
    )  # fmt: skip


def hang(rng: np.random.Generator, time: str, high_horizon: bool, things: Sequence[Thing]) -> Place | None:
    """Return a place for the sun or the moon that nothing hides, if possible; low at dawn and sunset."""
    low = 0.70 if high_horizon else 0.52
    y = rng.uniform(0.78, 0.86) if time in ("day", "night") else low + rng.uniform(0, 0.06)
    spots = rng.uniform(0.14, 0.86, 16)
    places = [place for thing in things for place in thing.places if place.y + place.height > y - 0.1]
    free = [min((abs(spot - place.x) - 0.4 * place.height for place in places), default=1) for spot in spots]
    best = int(np.argmax(free))
    return Place(float(spots[best]), y, 0.15 if time == "night" else 0.18) if free[best] > 0.06 else None


def drift(rng: np.random.Generator, weather: str, star: Place | None) -> tuple[Place, ...]:
    """Return the clouds. There are none in a clear sky or in fog, and a row of them in rain or snow."""
    count = {"cloudy": int(rng.integers(2, 5)), "rain": 4, "snowfall": 4}.get(weather, 0)
    places = []
    for number in range(count):
        x = (number + 0.5) / count + rng.uniform(-0.06, 0.06)
        y = rng.uniform(0.72, 0.86) if weather == "cloudy" else rng.uniform(0.80, 0.88)
        if star and abs(x - star.x) < 0.2:  # the sun is not covered
            y = star.y - 0.13 if star.y > 0.75 else star.y + 0.2
        places.append(Place(float(x), float(y), float(rng.uniform(0.10, 0.14))))
    return tuple(places)
