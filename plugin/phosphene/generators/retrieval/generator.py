"""The generator that phosphene trains itself: a RetrievalPipeline behind the Generator seam.

`RetrievalPipeline.save_pretrained` writes its folder. Requests that take the same steps are made together in
batches, but each picture depends on its own request alone. The pipeline's latent encoder predicts the vectors
of latents, so that only the candidates that are kept have to be decoded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image as pillow
from PIL.Image import Image as Picture
from safetensors import SafetensorError
from torch import Tensor

from phosphene.device import pick_device, runtime
from phosphene.errors import LibraryError, ModelError
from phosphene.generation import Capabilities, Generated, OnStep, Option, Request, Step, Value
from phosphene.generation.checks import completed
from phosphene.generation.fitting import fitted, fitted_mask
from phosphene.generators.retrieval.batch_key import BatchKey, batch_key
from phosphene.generators.retrieval.guidance import Condition
from phosphene.generators.retrieval.pipeline import RetrievalPipeline
from phosphene.generators.retrieval.saved import digest, read
from phosphene.generators.retrieval.sdedit import init_picture, latent_mask
from phosphene.recipes.bounds import MAX_GUIDANCE

# The errors that reading a folder raises if it is damaged, or is not a generator at all.
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, RuntimeError, ArithmeticError, MemoryError),
    *(RecursionError, SafetensorError, LibraryError),
)
BATCH = 8  # requests that are made at once
MAX_REFERENCES = 64

Module = TypeVar("Module", bound=torch.nn.Module)


class BuiltinGenerator:
    """Makes pictures with a RetrievalPipeline."""

    image_encoder = None  # it reads vectors of its library's own space

    def __init__(
        self,
        pipeline: RetrievalPipeline,
        weights: str,
        *,
        bfloat16: bool = False,
        vocabulary: frozenset[str] | None = None,
    ) -> None:
        self.pipeline = pipeline
        capabilities = _capabilities(pipeline, weights, "bfloat16" if bfloat16 else "float32")
        self._capabilities = replace(capabilities, vocabulary=vocabulary)

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the pipeline."""
        return self._capabilities

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Make one picture per request, see `Generator.generate`."""
        complete = [completed(request, self.capabilities) for request in requests]
        done = 0
        for key, grouped in groupby(complete, key=batch_key):
            group = list(grouped)
            for start in range(0, len(group), BATCH):
                batch = group[start : start + BATCH]
                part = (done / len(complete), len(batch) / len(complete))
                latents = self._latents(batch, key, part, on_step)
                if latents is None:
                    return
                done += len(batch)
                yield from self._results(batch, key, latents)

    def _latents(
        self, batch: Sequence[Request], key: BatchKey, part: tuple[float, float], on_step: OnStep | None
    ) -> Tensor | None:
        """The finished latents of a batch, or None if `on_step` stopped it.

        `part` says which part of the whole call the batch is: where it starts, and its share.
        """

        def report(pipe: RetrievalPipeline, index: int, _: Tensor, tensors: dict[str, Tensor]) -> None:
            clean, sigma = tensors["pred_original_sample"], float(tensors["sigma"])

            def preview() -> list[Picture]:
                return [to_picture(one) for one in pipe.decode(clean)]

            share = part[0] + part[1] * (index + 1) / pipe.num_timesteps
            if on_step and on_step(Step(index + 1, pipe.num_timesteps, sigma, share, preview)) is False:
                pipe._interrupt = True

        conditions = [_condition(request) for request in batch]
        (latents,) = self.pipeline(
            [condition.text for condition in conditions],
            [condition.neighbours for condition in conditions],
            [condition.negative for condition in conditions],
            image_embeds_weights=[condition.weights for condition in conditions],
            num_inference_steps=key.num_inference_steps,
            guidance_scale=key.guidance_scale,
            image_guidance_scale=key.image_guidance_scale,
            generator=[torch.Generator().manual_seed(request.seed) for request in batch],
            output_type="latent",
            callback_on_step_end=report,
            callback_on_step_end_tensor_inputs=("pred_original_sample", "sigma"),
            autocast_dtype=torch.bfloat16 if key.precision == "bfloat16" else None,
            return_dict=False,
            **self._init_images(batch, key) if key.init_images else {},
        )
        return None if self.pipeline.interrupt else latents

    def _results(self, batch: Sequence[Request], key: BatchKey, latents: Tensor) -> Iterator[Generated]:
        """The results of a batch, not decoded yet, with the vectors that the latent encoder predicts."""
        settings: dict[str, Value] = {
            "image_guidance_scale": key.image_guidance_scale,
            "neighbour_strength": key.strength if key.init_images and batch[0].init is None else 1.0,
            "precision": key.precision,
        }
        vectors = self.pipeline.vectors(latents).cpu().numpy()
        for request, one, vector in zip(batch, latents, vectors, strict=True):
            yield Generated(partial(self._picture, request, one), settings, vector)

    def _picture(self, request: Request, latents: Tensor) -> Picture:
        """Decode a picture. Pixels that the mask keeps are copied from the init image."""
        made = to_picture(self.pipeline.decode(latents[None])[0])
        if request.init is None or request.mask is None:
            return made
        kept = fitted(request.init, made.size, request.fit)
        return pillow.composite(made, kept, fitted_mask(request.mask, made.size, request.fit))

    def _init_images(self, batch: Sequence[Request], key: BatchKey) -> dict[str, Any]:
        """The arguments of the pipeline for a batch that begins with pictures."""
        size, cells, device = self.pipeline.size, self.pipeline.latent_size, self.pipeline.device
        begun = [(init_picture(request), request.fit) for request in batch]
        distinct = {(id(picture), fit): (picture, fit) for picture, fit in begun}  # candidates share pictures
        square = (size, size)
        pixels = torch.stack([to_pixels(fitted(picture, square, fit)) for picture, fit in distinct.values()])
        encoded = dict(zip(distinct, self.pipeline.encode(pixels.to(device)), strict=True))
        latents = torch.stack([encoded[id(picture), fit] for picture, fit in begun])
        masks = [latent_mask(one.mask, square, cells, one.fit) for one in batch if one.mask is not None]
        mask = torch.stack(masks).to(device) if key.masked else None
        return {"image": latents, "mask_image": mask, "strength": key.strength}


def _capabilities(pipeline: RetrievalPipeline, weights: str, precision: str) -> Capabilities:
    config, networks = pipeline.config, pipeline.networks.values()
    bytes_in_memory = sum(each.nbytes for network in networks for each in network.state_dict().values())
    return Capabilities(
        name="retrieval",
        weights=weights,
        reads=frozenset({"prompt_vector", "vectors", "pictures"}),
        space=config["space"],
        dimension=config["dimension"],
        max_references=MAX_REFERENCES,
        modes=frozenset({"text-to-image", "image-to-image", "inpainting"}),
        size=(pipeline.size, pipeline.size),
        multiple=pipeline.size,
        num_inference_steps=config["num_inference_steps"],
        guidance_scale=config["guidance_scale"],
        candidates=config["candidates"],
        sampler=type(pipeline.scheduler).__name__.removesuffix("Scheduler").removesuffix("Multistep"),
        options=_options(config, precision),
        runtime=runtime(pipeline.device, "torch", "diffusers"),
        licence=config["licence"],
        size_on_disk=bytes_in_memory // 2,  # the file has half precision
        size_in_memory=bytes_in_memory,
    )


def _options(config: Mapping[str, Any], precision: str) -> dict[str, Option]:
    return {
        "image_guidance_scale": Option(
            config["image_guidance_scale"],
            "How closely a picture follows the neighbours.",
            minimum=0,
            maximum=MAX_GUIDANCE,
        ),
        "neighbour_strength": Option(
            config["neighbour_strength"],
            "How far a picture may go from the neighbours' pictures; at 1 only their vectors count.",
            exclusive_minimum=0,
            maximum=1,
        ),
        "precision": Option(precision, "The precision of the denoiser.", choices=("float32", "bfloat16")),
    }


def open_generator(
    folder: Path,
    device: str = "auto",
    *,
    bfloat16: bool = False,
    vocabulary: frozenset[str] | None = None,
) -> BuiltinGenerator:
    """The generator in a folder. Raises ModelError if there is none, or if it cannot be loaded."""
    if not (folder / "model_index.json").exists():
        raise ModelError(
            f"`{folder}` holds no generator, because it has no model_index.json.",
            hint="train one for a library: `phosphene train diffusion -L LIBRARY`",
        )
    try:
        pipeline, weights = read(folder), digest(folder)
    except UNREADABLE as error:
        reason = str(error.message if isinstance(error, LibraryError) else error).rstrip(".")
        raise ModelError(
            f"The generator in `{folder}` cannot be loaded: {reason}.",
            hint="train it or install it again, because it is damaged or of another version",
        ) from error
    pipeline.to(pick_device(device))
    for network in pipeline.networks.values():
        torch.nn.Module.to(network, memory_format=torch.channels_last)  # a quarter faster on a CPU
    return BuiltinGenerator(pipeline, weights, bfloat16=bfloat16, vocabulary=vocabulary)


def cast(network: Module, dtype: torch.dtype) -> Module:
    """The network in another precision, with contiguous weights, as files hold them.

    The `to` of diffusers' models would warn of modules that this one does not have.
    """
    return torch.nn.Module.to(torch.nn.Module.to(network, dtype), memory_format=torch.contiguous_format)


def _condition(request: Request) -> Condition:
    vectors = [reference.vector for reference in request.references]
    return Condition(
        text=request.vector,
        neighbours=np.stack(vectors) if vectors else None,
        weights=[reference.weight for reference in request.references],
        negative=np.stack(request.negative_vectors) if request.negative_vectors else None,
    )


def to_picture(pixels: Tensor) -> Picture:
    """Turn pixels (3, h, w) in [-1, 1] into a picture with 8 bits per channel."""
    grey = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pillow.fromarray(grey.permute(1, 2, 0).cpu().numpy())


def to_pixels(picture: Picture) -> Tensor:
    """Turn a picture with 8 bits per channel into pixels (3, h, w) in [-1, 1]."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)
