"""The wishes of a user for a generation: keyword arguments of `Library.generate` and `Library.walk`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from phosphene.filters import Filter
from phosphene.generation.requests import Request, Value
from phosphene.images.sizes import Size
from phosphene.recipes.bounds import Fit, Lane
from phosphene.records import Origin

# The wishes that a request takes as they are.
REQUESTED = ("lane", "closeness", "fit", "strength", "size", "num_inference_steps", "guidance_scale")
VARIATION = 0.9  # the strength of variations: at 0.6 the built-in generator's differ in details only
BUILT_IN = ("image_guidance_scale", "neighbour_strength")  # options of the built-in generator

T = TypeVar("T", str, Path | str)


class WalkWishes(TypedDict, total=False):
    """What `Library.walk` takes for its pictures. None stands for a default, as leaving it out does."""

    where: str | Filter | None  # for which images a filter holds that may be neighbours; by default for all
    neighbours: int | None  # how many images lead each picture; by default 6 or what the generator takes
    seed: int | None  # of the first picture; those after it have the next ones. By default random
    lane: Lane | None  # the way that neighbours take, see `lanes`; by default the best possible one
    closeness: float | None  # how closely the neighbours are followed, in [0, 1]
    num_inference_steps: int | None
    guidance_scale: float | None  # how closely the prompt is followed


class Wishes(WalkWishes, total=False):
    """What `Library.generate` takes besides a prompt."""

    origin: Origin | None  # of the neighbours; by default `imported`, and None for all images
    weights: Mapping[str, float]  # of neighbours, by their ids; these images lead, and 0 leaves one out
    negative: str | Sequence[str]  # queries to steer away from
    style: Path | str | Sequence[Path | str]  # files, ids or queries of images to look like
    init: Path | str | None  # the picture to start from: a file or an id
    strength: float | None  # how far to depart from `init`, in (0, 1]
    mask: Path | str | None  # what of `init` is repainted: a file, an id, a rectangle `x,y,w,h` or words
    outpaint: Mapping[str, int] | None  # extends `init`: pixels by `left`, `top`, `right` and `bottom`
    fit: Fit | None  # how `init` is fitted to the size. By default it is cropped, or kept whole with a mask
    size: Size | None  # width and height in pixels
    candidates: int | None  # so many are made of each picture, and the nearest to the prompt is kept
    refuse_copies: bool  # pictures that are copies of an imported image get two more seeds, then are an error
    image_guidance_scale: float | None  # of the built-in generator: how closely neighbours are followed
    neighbour_strength: float | None  # of the built-in generator: how far to depart from their pictures
    options: Mapping[str, Value]  # of the generator's own, by their names


def request_of(wishes: WalkWishes, seed: int) -> Request:
    """The numbers and options of a request. A wish of another name is an option of the generator."""
    given: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    own = {
        name: value for name, value in given.items() if name in BUILT_IN or name not in Wishes.__annotations__
    }
    options = {**own, **given.get("options", {})}
    return Request(seed=seed, options=options, **{name: given[name] for name in REQUESTED if name in given})


def several(named: T | Sequence[T]) -> Sequence[T]:
    """What was named once or several times, as a sequence. A text is one name, not a sequence of letters."""
    return [named] if isinstance(named, str | Path) else named


def varying(source: str | Path, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """The wishes of variations of a picture, which start from it."""
    return {**wishes, "init": source, "strength": wishes.get("strength") or VARIATION}
