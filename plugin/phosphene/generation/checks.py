"""Checks a request against the capabilities of a generator, before anything is made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from phosphene.errors import GenerationError
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.fitting import check_mask
from phosphene.generation.lanes import VECTOR_LANES
from phosphene.generation.requests import Request, Value
from phosphene.recipes.bounds import MAX_CANDIDATES, MAX_GUIDANCE, MAX_STEPS, MAX_WEIGHT, SEED_LIMIT, Fit
from phosphene.vectors import Vector

IMAGE_TO_IMAGE = 0.6  # the default strength, which keeps the layout; inpainting has 1


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
        closeness=capabilities.closeness if request.closeness is None else request.closeness,
        options=options_of(request.options, capabilities),
    )


def options_of(options: Mapping[str, object], capabilities: Capabilities) -> dict[str, Value]:
    """All options of the generator: the checked value of each one that is given, the default of the others.

    Raises GenerationError for an unknown option and for a value that an option cannot have.
    """
    for name in options:
        if name not in capabilities.options:
            known = ", ".join(f"`{each}`" for each in capabilities.options)
            raise GenerationError(
                f"The generator `{capabilities.name}` has no option `{name[:60]}`.",
                hint=f"use one of its options: {known}" if capabilities.options else "leave the option out",
            )
    known_options = capabilities.options.items()
    return {name: each.checked(name, options.get(name, each.default)) for name, each in known_options}


def check(request: Request, capabilities: Capabilities) -> None:
    """Raise GenerationError for a request that the capabilities do not allow."""
    _check_mode(request, capabilities)
    _check_reads(request, capabilities)
    _check_references(request, capabilities)
    _check_size(request, capabilities)
    _check_seed_and_steps(request, capabilities)
    _check_scales(request, capabilities)
    options_of(request.options, capabilities)
    if request.fit not in get_args(Fit):
        raise GenerationError(
            f"`fit` is {request.fit!r}, but must be one of {', '.join(get_args(Fit))}.",
            hint="use crop to keep the middle, pad to keep everything, or stretch to change the proportions",
        )
    check_mask(request, request.size or capabilities.size)


def checked_candidates(count: int) -> int:
    """The number of candidates. Raises GenerationError if it is out of range."""
    if not 1 <= count <= MAX_CANDIDATES:
        raise GenerationError(
            f"The number of candidates is {count}, but must be between 1 and {MAX_CANDIDATES}.",
            hint="leave out `--candidates` to use the generator's default",
        )
    return count


def _check_mode(request: Request, capabilities: Capabilities) -> None:
    if request.mask is not None and request.init is None:
        raise GenerationError(
            "The mask has no picture to lie on.", hint="pass the picture with `--init PICTURE`"
        )
    if request.mode not in capabilities.modes:
        raise GenerationError(
            f"The generator `{capabilities.name}` cannot do {request.mode}.",
            hint=f"use {' or '.join(sorted(capabilities.modes))}, or another generator",
        )


def _check_reads(request: Request, capabilities: Capabilities) -> None:
    if capabilities.reads == {"words"} and not request.prompt.strip() and request.init is None:
        raise GenerationError(
            f"The generator `{capabilities.name}` reads only words, but the query has no words.",
            hint="add a text to the query, or a picture to start from with `--init`",
        )
    if "prompt_vector" in capabilities.reads:
        _check_space(request.space, capabilities)
        own = [request.vector] if request.vector is not None else []
        _check_shapes([*own, *request.negative_vectors], capabilities)
    leading = (*request.references, *request.styles)
    if "vectors" in capabilities.reads and leading and request.lane in (None, *VECTOR_LANES):
        _check_space(request.vectors_space, capabilities)
        _check_shapes([each.vector for each in leading], capabilities)
    if request.styles and "styles" not in capabilities.reads:
        raise GenerationError(
            f"The generator `{capabilities.name}` does not read the vectors of styles.",
            hint="leave out the styles, or use a generator with an IP-Adapter, for example `sdxl`",
        )


def _check_space(space: str | None, capabilities: Capabilities) -> None:
    if space != capabilities.space:
        raise GenerationError(
            f"The generator `{capabilities.name}` reads vectors of the space {capabilities.space}, but the"
            f" request has vectors of {space}.",
            hint="train a generator for the library's own space: `phosphene train diffusion -L LIBRARY`",
        )


def _check_shapes(vectors: Sequence[Vector], capabilities: Capabilities) -> None:
    for vector in vectors:
        if vector.shape != (capabilities.dimension,):
            raise GenerationError(
                f"A vector of the request has the shape {vector.shape}, but the generator takes vectors of"
                f" the shape ({capabilities.dimension},).",
                hint="embed the prompt and the pictures with the model of the request's space",
            )


def _check_references(request: Request, capabilities: Capabilities) -> None:
    most = capabilities.max_references
    if len(request.references) > most:
        raise GenerationError(
            f"The request has {len(request.references)} neighbours, but the generator takes at most {most}.",
            hint=f"ask for fewer with `-k {most}`",
        )
    for reference in request.references:
        check_weight(reference.weight)


def check_weight(weight: float) -> None:
    """Raise GenerationError for a weight that no neighbour can have."""
    if not (np.isfinite(weight) and 0 <= weight <= MAX_WEIGHT):
        raise GenerationError(
            f"The weight of a neighbour must be between 0 and {MAX_WEIGHT:,.0f}.",
            hint="use 0 to leave a neighbour out, or `--negative` to steer away from something",
        )


def _check_size(request: Request, capabilities: Capabilities) -> None:
    if request.size is None or tuple(request.size) == capabilities.size:
        return
    (width, height), sides = request.size, capabilities.sides
    if sides is None:
        raise GenerationError(
            f"The size is {width}x{height}, but the generator makes only pictures of"
            f" {capabilities.size[0]}x{capabilities.size[1]}.",
            hint="leave out `--size`",
        )
    if any(side % capabilities.multiple or not sides[0] <= side <= sides[1] for side in request.size):
        raise GenerationError(
            f"The size is {width}x{height}, but both sides must be multiples of {capabilities.multiple}"
            f" between {sides[0]} and {sides[1]}.",
            hint=f"try the default size, {capabilities.size[0]}x{capabilities.size[1]}",
        )


def _check_seed_and_steps(request: Request, capabilities: Capabilities) -> None:
    if not 0 <= request.seed < SEED_LIMIT:
        raise GenerationError(
            f"The seed is {request.seed}, but must be between 0 and 2^63 - 1.", hint="choose another seed"
        )
    steps = request.num_inference_steps
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        raise GenerationError(
            f"The number of steps is {steps}, but must be between 1 and {MAX_STEPS}.",
            hint=f"try the default, {capabilities.num_inference_steps} steps",
        )


def _check_scales(request: Request, capabilities: Capabilities) -> None:
    guidance = request.guidance_scale
    if guidance is not None and capabilities.guidance_scale is None:
        raise GenerationError(
            f"The generator `{capabilities.name}` has no guidance.", hint="leave out `--guidance`"
        )
    if guidance is not None and not 0 <= guidance <= MAX_GUIDANCE:
        raise GenerationError(
            f"`guidance_scale` is {guidance}, but must be between 0 and {MAX_GUIDANCE:g}.",
            hint=f"try the default, {capabilities.guidance_scale:g}",
        )
    if request.closeness is not None and capabilities.closeness is None:
        raise GenerationError(
            f"The generator `{capabilities.name}` always follows its references fully.",
            hint="leave out `--closeness`",
        )
    if request.closeness is not None and not 0 <= request.closeness <= 1:
        raise GenerationError(
            f"`closeness` is {request.closeness}, but must be between 0 and 1.",
            hint=f"try the default, {capabilities.closeness:g}",
        )
    if request.strength is not None and not 0 < request.strength <= 1:
        raise GenerationError(
            f"`strength` is {request.strength}, but must be above 0 and at most 1.",
            hint="try 0.6, which keeps the layout of the init image, or 1, which keeps nothing of it",
        )
