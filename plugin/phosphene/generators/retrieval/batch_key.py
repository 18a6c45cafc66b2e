"""Says which requests the built-in generator makes in one batch: those that take the same steps."""

from typing import NamedTuple

from phosphene.generation import Request
from phosphene.generators.retrieval.sdedit import neighbour_pictures


class BatchKey(NamedTuple):
    """The settings that all requests of one batch share."""

    num_inference_steps: int
    guidance_scale: float
    image_guidance_scale: float
    strength: float
    init_images: bool  # whether they begin with pictures
    masked: bool
    precision: str


def batch_key(request: Request) -> BatchKey:
    """The settings that a completed request shares with the others of its batch."""
    assert request.num_inference_steps is not None and request.guidance_scale is not None
    neighbour_strength = float(request.options["neighbour_strength"])
    from_neighbours = request.init is None and neighbour_strength < 1 and bool(neighbour_pictures(request))
    strength = neighbour_strength if from_neighbours else 1.0
    return BatchKey(
        num_inference_steps=request.num_inference_steps,
        guidance_scale=request.guidance_scale,
        image_guidance_scale=float(request.options["image_guidance_scale"]),
        strength=(request.strength or 1.0) if request.init is not None else strength,
        init_images=request.init is not None or from_neighbours,
        masked=request.mask is not None,
        precision=str(request.options["precision"]),
    )
