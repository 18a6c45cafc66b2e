"""What a generator refuses, before anything is made: values, what is allowed, and the next step."""

from typing import get_args

import numpy as np

from phosphene.errors import GenerationError
from phosphene.generation import Capcapabilities, Fit, Request
from phosphene.generation.fitting import check_mask
from phosphene.recipes.bounds import MOST_CANDIDATES, MOST_GUIDANCE, MOST_STEPS, SEEDS


def check(request: Request, capabilities: Capcapabilities) -> None:
    """Raise GenerationError for what the generator cannot serve."""
    if request.space != capabilities.space:
        raise GenerationError(
            f"the generator speaks the vectors of {capabilities.space}, not of {request.space}",
            hint="`phosphene train diffusion -L LIBRARY` trains one for a library's own space",
        )
    given = [request.text] if request.text is not None else []
    for vector in (*given, *request.negative, *(reference.vector for reference in request.references)):
        if vector.shape != (capabilities.dimension,):
            raise GenerationError(
                f"a vector of the shape {vector.shape}; the generator takes ({capabilities.dimension},)",
                hint="vectors come from the embedder of the space that the request names",
            )
    if len(request.references) > capabilities.max_references:
        raise GenerationError(
            f"{len(request.references)} neighbours; the generator takes at most {capabilities.max_references}",
            hint=f"ask for fewer: `-k {capabilities.max_references}`",
        )
    _check_numbers(request, capabilities)
    _check_strengths(request)
    if request.fit not in get_args(Fit):
        raise GenerationError(
            f"a fit of {request.fit!r}; a start is fitted by one of {', '.join(get_args(Fit))}",
            hint="crop takes its middle, pad draws out its edges, stretch gives up its proportions",
        )
    check_mask(request, capabilities.size[0])


def _check_numbers(request: Request, capabilities: Capcapabilities) -> None:
    if request.size is not None and tuple(request.size) != capabilities.size:
        width, height = capabilities.size
        raise GenerationError(
            f"a picture of {request.size[0]}x{request.size[1]}; the generator makes {width}x{height} only",
            hint="leave out `--size`",
        )
    if not 0 <= request.seed < SEEDS:
        raise GenerationError(f"a seed of {request.seed}", hint="from 0 to 2^63 - 1 are possible")
    if request.steps is not None and not 1 <= request.steps <= MOST_STEPS:
        raise GenerationError(
            f"{request.steps} steps; from 1 to {MOST_STEPS} are possible",
            hint=f"{capabilities.default_steps} are usual",
        )
    if request.candidates is not None and not 1 <= request.candidates <= MOST_CANDIDATES:
        raise GenerationError(
            f"{request.candidates} candidates; from 1 to {MOST_CANDIDATES} are possible",
            hint=f"{capabilities.candidates} are usual",
        )
    for name in ("guidance_scale", "image_guidance_scale"):
        scale = getattr(request, name)
        if scale is not None and not 0 <= scale <= MOST_GUIDANCE:
            raise GenerationError(
                f"`{name}` is {scale}, and must be between 0 and {MOST_GUIDANCE:g}",
                hint="at 1 a picture follows loosely, at 3 closely",
            )
    if any(not (np.isfinite(reference.weight) and reference.weight >= 0) for reference in request.references):
        raise GenerationError(
            "a neighbour's weight that is no number or below 0",
            hint="give 0 to leave the neighbour out, and `negative` vectors to steer away from it",
        )


def _check_strengths(request: Request) -> None:
    strengths = {"strength": request.strength, "neighbour strength": request.neighbour_strength}
    for name, strength in strengths.items():
        if strength is not None and not 0 < strength <= 1:
            raise GenerationError(
                f"a {name} of {strength}; it is above 0 (all is kept) and at most 1 (all is made anew)",
                hint="0.6 keeps the layout and changes what is in it",
            )
