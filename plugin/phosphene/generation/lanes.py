"""Chooses the way that the neighbours of a library take into a generator.

A library has vectors of one space. A generator may read those, vectors of another space, pictures, or only
words. So there are five lanes, see `Lane`, and every library works with every generator in one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from phosphene.errors import GenerationError, listed
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.requests import Request
from phosphene.recipes.bounds import Lane

DEFAULT_NEIGHBOURS = 6
LANES: tuple[Lane, ...] = get_args(Lane)
VECTOR_LANES: tuple[Lane, ...] = ("vectors", "embedded")
REFERENCE_LANES: tuple[Lane, ...] = (*VECTOR_LANES, "pictures")  # in which a generator gets references
WAYS: Mapping[Lane, str] = {
    "vectors": "the neighbours' vectors in the library lead the pictures",
    "embedded": "vectors that the generator's own image encoder makes of the neighbours lead the pictures",
    "pictures": "the neighbours' pictures lead the pictures",
    "start": "each picture starts from the picture of the nearest neighbour",
    "words": "no neighbours lead the pictures",
}


@dataclass(frozen=True, slots=True)
class LaneChoice:
    """What decides the lane of a library's neighbours into a generator."""

    capabilities: Capabilities
    space: str  # the `Space.id` of the library
    encoder: str | None = None  # the `Space.id` of the generator's image encoder, if it is here
    init: bool = False  # whether the user has named a picture to start from
    norms: bool = True  # whether the library knows how long its vectors were before they were normalised

    @property
    def possible(self) -> tuple[Lane, ...]:
        """The possible lanes, best first."""
        return tuple(lane for lane in LANES if self.obstacle(lane) is None)

    def lane(self, forced: Lane | None = None) -> Lane:
        """The best possible lane, or the `forced` one. Raises GenerationError if it is not possible."""
        if forced is not None and forced not in LANES:
            raise GenerationError(f"There is no lane `{forced}`.", hint=f"use one of {listed(LANES)}")
        possible = self.possible
        wanted = forced or (possible[0] if possible else "embedded")
        if wanted in possible:
            return wanted
        raise GenerationError(
            f"The lane `{wanted}` is not possible, because {self.obstacle(wanted)}.",
            hint=self._way_out(wanted, possible),
        )

    def obstacle(self, lane: Lane) -> str | None:
        """Why a lane is not possible, as the second half of a sentence. None if it is possible."""
        can, name = self.capabilities, f"the generator `{self.capabilities.name}`"
        if lane in VECTOR_LANES:
            return self._obstacle_of_vectors(lane, name)
        if lane == "pictures":
            alone = "pictures" in can.reads and "vectors" not in can.reads
            return None if alone else f"{name} does not take a list of pictures"
        if lane == "start" and "image-to-image" not in can.modes:
            return f"{name} cannot start from a picture"
        if lane == "start" and self.init:
            return "the picture to start from is already given"
        return None if can.reads & {"words", "prompt_vector"} else f"{name} does not read prompts"

    def _obstacle_of_vectors(self, lane: Lane, name: str) -> str | None:
        can = self.capabilities
        if "vectors" not in can.reads:
            return f"{name} does not read the vectors of neighbours"
        if lane == "vectors" and can.space != self.space:
            return f"{name} reads vectors of `{can.model or can.space}`, and not those of the library"
        if lane == "vectors" and can.needs_norms and not self.norms:
            return f"{name} needs the norms of vectors, which the library does not have"
        if lane == "embedded" and (self.encoder is None or self.encoder != can.space):
            return f"the image encoder of {name} is not on this machine"
        return None

    def _way_out(self, wanted: Lane, possible: tuple[Lane, ...]) -> str:
        if wanted in VECTOR_LANES and self.capabilities.fetch:
            return f"fetch what is missing: `{self.capabilities.fetch}`"
        return f"use {listed(possible)}, or leave out `--lane`" if possible else "use another generator"


def counted(neighbours: int | None, lane: Lane, capabilities: Capabilities) -> int:
    """How many neighbours to look for: so many as the user asked for, or DEFAULT_NEIGHBOURS.

    Raises GenerationError if that is more than can lead a picture in the lane.
    """
    most = {"start": 1, "words": 0}.get(lane, capabilities.max_references)
    if neighbours is not None and neighbours > most:
        raise GenerationError(
            f"You asked for {neighbours} neighbours, but the generator `{capabilities.name}` takes at most"
            f" {most} in the lane `{lane}`.",
            hint=f"ask for fewer with `-k {most}`",
        )
    return min(DEFAULT_NEIGHBOURS, most) if neighbours is None else neighbours


def in_lane(request: Request, lane: Lane, capabilities: Capabilities) -> Request:
    """The request in a lane, with its closeness as that lane understands it.

    A start picture has a strength instead, of which closeness is the opposite: at 1 the last step is left.
    Without neighbours there is nothing to be close to, so that a closeness has no effect. Raises
    GenerationError for a strength without a picture to start from.
    """
    strength, closeness = request.strength, request.closeness
    if strength is not None and request.init is None and lane != "start":
        raise GenerationError(
            "The strength says how far to depart from a picture, but there is no picture to start from.",
            hint="pass one with `--init PICTURE`, or start from the nearest neighbour with `--lane start`",
        )
    if lane == "start" and closeness is not None and strength is None:
        steps = request.num_inference_steps or capabilities.num_inference_steps
        strength = max(1 - closeness, 1 / steps)
    return replace(
        request,
        lane=lane,
        reference_space=capabilities.space if lane == "embedded" else None,
        strength=strength,
        closeness=closeness if lane in REFERENCE_LANES else None,
    )


def better(lane: Lane, capabilities: Capabilities) -> str:
    """The command that makes a better lane possible, or an empty text if there is none."""
    return "" if lane in VECTOR_LANES else capabilities.fetch
