"""What the capabilities of a generator do not allow is refused before anything is made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np

from phosphene.errors import GenerationError
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.fitting import check_mask
from phosphene.generation.requests import Request, Value
from phosphene.recipes.bounds import HEAVIEST, MOST_GUIDANCE, MOST_STEPS, SEEDS, Fit

IMAGE_TO_IMAGE = 0.6  # keeps the layout; inpainting makes its part anew


def completed(request: Request, capabilities: Capabilities) -> Request:
    """The request with the generator's defaults filled in. Raises GenerationError as `check` does."""
    check(request, capabilities)
    steps, guidance = request.num_inference_steps, request.guidance_scale
    strength = IMAGE_TO_IMAGE if request.mode == "image-to-image" else 1.0
    return replace(
        request,
        size=request.size or capabilities.size,
        strength=strength if request.strength is None else request.strength,
        num_inference_steps=capabilities.num_inference_steps if steps is None else steps,
        guidance_scale=capabilities.guidance_scale if guidance is None else guidance,
        options=options_of(request.options, capabilities),
    )


def options_of(options: Mapping[str, object], capabilities: Capabilities) -> dict[str, Value]:
    """All options of the generator, checked; what is not given has its default."""
    for name in options:
        if name not in capabilities.options:
            known = ", ".join(f"`{each}`" for each in capabilities.options) or "none"
            raise GenerationError(
                f"The generator `{capabilities.name}` has no option `{name[:60]}`.",
                hint=f"its options: {known}",
            )
    known_options = capabilities.options.items()
    return {name: each.checked(name, options.get(name, each.default)) for name, each in known_options}


def check(request: Request, capabilities: Capabilities) -> None:
    """Raise GenerationError for a request that the capabilities do not allow."""
    _check_mode(request, capabilities)
    _check_lanes(request, capabilities)
    _check_references(request, capabilities)
    _check_size(request, capabilities)
    _check_numbers(request, capabilities)
    options_of(request.options, capabilities)
    if request.fit not in get_args(Fit):
        raise GenerationError(
            f"`fit` is {request.fit!r}, and must be one of {', '.join(get_args(Fit))}.",
            hint="crop takes the middle, pad extends the edges, stretch gives up the proportions",
        )
    check_mask(request, request.size or capabilities.size)


def _check_mode(request: Request, capabilities: Capabilities) -> None:
    if request.mask is not None and request.init is None:
        raise GenerationError(
            "The mask has no picture to lie on.", hint="pass the picture to change with `--init PICTURE`"
        )
    if request.mode not in capabilities.modes:
        raise GenerationError(
            f"The generator `{capabilities.name}` cannot do {request.mode}.",
            hint=f"it can do {', '.join(sorted(capabilities.modes))}",
        )


def _check_lanes(request: Request, capabilities: Capabilities) -> None:
    if capabilities.lanes == {"words"} and not request.prompt.strip():
        raise GenerationError(
            f"The generator `{capabilities.name}` reads only words, and the query has none.",
            hint="add a text to the query",
        )
    if capabilities.space is None:
        return
    if request.space != capabilities.space:
        raise GenerationError(
            f"The generator speaks the vectors of {capabilities.space}, not those of {request.space}.",
            hint="`phosphene train diffusion -L LIBRARY` trains one for a library's own space",
        )
    own = [request.vector] if request.vector is not None else []
    for vector in (*own, *request.negative_vectors, *(near.vector for near in request.references)):
        if vector.shape != (capabilities.dimension,):
            raise GenerationError(
                f"A vector has the shape {vector.shape}; the generator takes ({capabilities.dimension},).",
                hint="vectors come from the embedder of the space that the request names",
            )


def _check_references(request: Request, capabilities: Capabilities) -> None:
    most = capabilities.max_references
    if len(request.references) > most:
        raise GenerationError(
            f"There are {len(request.references)} neighbours; the generator takes at most {most}.",
            hint=f"ask for fewer with `-k {most}`",
        )
    weights = [reference.weight for reference in request.references]
    if any(not (np.isfinite(weight) and 0 <= weight <= HEAVIEST) for weight in weights):
        raise GenerationError(
            f"The weight of a neighbour must be between 0 and {HEAVIEST:,.0f}.",
            hint="use 0 to leave a neighbour out, and a negative prompt to steer away from it",
        )


def _check_size(request: Request, capabilities: Capabilities) -> None:
    if request.size is None or tuple(request.size) == capabilities.size:
        return
    (width, height), sides = request.size, capabilities.sides
    if sides is None:
        raise GenerationError(
            f"A picture of {width}x{height} was asked for; the generator makes only"
            f" {capabilities.size[0]}x{capabilities.size[1]}.",
            hint="leave out `--size`",
        )
    if any(side % capabilities.multiple or not sides[0] <= side <= sides[1] for side in request.size):
        raise GenerationError(
            f"A picture of {width}x{height} was asked for; the sides must be multiples of"
            f" {capabilities.multiple} between {sides[0]} and {sides[1]}.",
            hint=f"{capabilities.size[0]}x{capabilities.size[1]} is the usual size",
        )


def _check_numbers(request: Request, capabilities: Capabilities) -> None:
    if not 0 <= request.seed < SEEDS:
        raise GenerationError(f"The seed is {request.seed}.", hint="seeds lie between 0 and 2^63 - 1")
    steps = request.num_inference_steps
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise GenerationError(
            f"The number of steps is {steps}, and must be between 1 and {MOST_STEPS}.",
            hint=f"{capabilities.num_inference_steps} steps are usual",
        )
    guidance = request.guidance_scale
    if guidance is not None and capabilities.guidance_scale is None:
        raise GenerationError(
            f"The generator `{capabilities.name}` has no guidance.", hint="leave out `--guidance`"
        )
    if guidance is not None and not 0 <= guidance <= MOST_GUIDANCE:
        raise GenerationError(
            f"`guidance_scale` is {guidance}, and must be between 0 and {MOST_GUIDANCE:g}.",
            hint="at 1 a picture follows the prompt loosely, at 3 closely",
        )
    if request.strength is not None and not 0 < request.strength <= 1:
        raise GenerationError(
            f"`strength` is {request.strength}, and must be above 0 (everything is kept) and at most 1"
            " (everything is made anew).",
            hint="0.6 keeps the layout and changes what is in it",
        )
