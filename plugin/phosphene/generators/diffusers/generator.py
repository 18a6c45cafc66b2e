"""A pretrained checkpoint of diffusers behind the Generator seam: the same code for every family."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from math import ceil
from typing import Any

import numpy as np
import torch
from PIL import Image as pillow
from PIL.Image import Image as Picture
from torch import Tensor

from phosphene.catalogue.offers import adapter_name, fetch_command
from phosphene.device import runtime
from phosphene.embedding import ImageEncoder
from phosphene.generation import Capabilities, Generated, OnStep, Option, Request, Step, TokenCount, Value
from phosphene.generation.checks import completed
from phosphene.generation.fitting import fitted, fitted_mask
from phosphene.generators.diffusers import conditioning, prompts
from phosphene.generators.diffusers.batch import RequestBatch, batches, smaller
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.latents import Decoder, decode, unpacked
from phosphene.generators.diffusers.pipelines import Pipelines
from phosphene.generators.diffusers.schedulers import SCHEDULERS, default_name, scheduler
from phosphene.generators.diffusers.steps import AfterStep, Stopped, watch

GPU_BATCH = 4  # pictures that a GPU makes at once; a CPU makes them one by one, which is as fast
CELL = 8  # pixels of a side that one latent stands for


class DiffusersGenerator:
    """Makes pictures with the pipelines of one checkpoint."""

    def __init__(self, checkpoint: Checkpoint, *, batch_size: int | None = None) -> None:
        self.checkpoint = checkpoint
        usual = 1 if checkpoint.device.type == "cpu" else GPU_BATCH
        self.batch_size = (batch_size or usual) if checkpoint.family.batches else 1
        self._capabilities = capabilities(checkpoint)
        self._pipelines = Pipelines(checkpoint)
        self._prompt = lru_cache(maxsize=4)(partial(prompts.arguments, checkpoint))

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the family and its checkpoint."""
        return self._capabilities

    @property
    def image_encoder(self) -> ImageEncoder | None:
        """The model that makes the vectors that the checkpoint reads, if its files are here."""
        return self.checkpoint.image_encoder

    def count_tokens(self, prompt: str) -> TokenCount | None:
        """How many tokens a prompt has. None for a family that reads no words."""
        return prompts.count_tokens(self.checkpoint, prompt)

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Make one picture per request, see `Generator.generate`."""
        complete = [completed(request, self.capabilities) for request in requests]
        for request in complete:
            for text in (request.prompt, request.negative_prompt):
                prompts.check(self.checkpoint, text)
        done = 0
        while done < len(complete):
            batch = next(batches(complete[done:], self.batch_size))
            part = (done / len(complete), len(batch) / len(complete))
            try:
                latents = self._latents(batch, part, on_step)
            except Stopped:
                return
            except torch.OutOfMemoryError as error:
                self.batch_size = smaller(len(batch), error)
                continue
            done += len(batch)
            for request, one in zip(batch.requests, latents, strict=True):
                yield Generated(partial(self._picture, request, one), dict(request.options))

    def _latents(self, batch: RequestBatch, part: tuple[float, float], on_step: OnStep | None) -> Tensor:
        """The finished latents of a batch.

        `part` says which part of the whole call the batch is: where it starts, and its share. Raises Stopped
        if `on_step` returned False.
        """
        request, pipeline = batch.request, self._pipelines.pipeline(batch.request.mode)
        assert request.size is not None, "the request is completed"
        own = self.checkpoint.components["scheduler"]
        pipeline.scheduler = scheduler(str(request.options["scheduler"]), own)
        if on_step is not None:
            watch(pipeline.scheduler, self._reporter(pipeline, request, part, on_step))
        try:
            latents = pipeline(**self._arguments(pipeline, batch), return_dict=False)[0]
        except (Stopped, torch.OutOfMemoryError):
            pipeline.maybe_free_model_hooks()
            raise
        return unpacked(pipeline, latents, request.size)

    def _reporter(
        self, pipeline: Any, request: Request, part: tuple[float, float], on_step: OnStep
    ) -> AfterStep:
        """A function that tells `on_step` of each step of a pipeline."""

        def after_step(index: int, sigma: float, clean: Tensor) -> bool | None:
            total = getattr(pipeline, "num_timesteps", len(pipeline.scheduler.timesteps))
            assert request.size is not None, "the request is completed"
            preview = partial(self._pictures, request, unpacked(pipeline, clean, request.size), preview=True)
            return on_step(Step(index, total, sigma, part[0] + part[1] * index / total, preview, quick))

        # On a CPU the VAE of Stable Diffusion takes longer than a step.
        quick = self.checkpoint.tiny_vae is not None or self.checkpoint.device.type != "cpu"
        return after_step

    def _arguments(self, pipeline: Any, batch: RequestBatch) -> dict[str, Any]:
        """The arguments of a pipeline for a batch."""
        request, rows = batch.request, len(batch)
        assert request.size is not None and request.num_inference_steps is not None
        words = self._prompt(request.prompt, request.negative_prompt)
        steps = max(request.num_inference_steps, ceil(1 / (request.strength or 1)))  # at least one is done
        found = {
            **{name: repeated(value, rows) for name, value in words.items()},
            **conditioning.arguments(self.checkpoint, pipeline, request, rows),
            **init_images(request, rows),
            **self.checkpoint.family.arguments,
            "num_inference_steps": steps,
            "generator": [torch.Generator().manual_seed(seed) for seed in batch.seeds],
            "output_type": "latent",
        }
        if request.guidance_scale is not None:
            found[self.checkpoint.family.guidance_argument] = request.guidance_scale
        size = dict(zip(("width", "height"), request.size, strict=True))
        taken = inspect.signature(pipeline.__call__).parameters
        return found | {name: side for name, side in size.items() if name in taken}

    def _pictures(self, request: Request, latents: Tensor, *, preview: bool = False) -> list[Picture]:
        """Decode latents. Pixels that a mask keeps are copied from the init image."""
        tiny = self.checkpoint.tiny_vae is not None and preview
        decoder: Decoder = "taesd" if tiny or request.options["decoder"] == "taesd" else "vae"
        made = decode(self.checkpoint, latents, decoder)
        if request.init is None or request.mask is None:
            return made
        assert request.size is not None, "the request is completed"
        kept = fitted(request.init, request.size, request.fit)
        mask = fitted_mask(request.mask, request.size, request.fit)
        return [pillow.composite(each, kept, mask) for each in made]

    def _picture(self, request: Request, latents: Tensor) -> Picture:
        return self._pictures(request, latents[None])[0]


def repeated(value: Tensor | str | int, rows: int) -> Any:
    """One row of embeddings (1, …) as many, or a text as a list of them. A number stays as it is."""
    if isinstance(value, Tensor):
        return value.expand(rows, *value.shape[1:])
    return [value] * rows if isinstance(value, str) else value


def init_images(request: Request, rows: int) -> Mapping[str, Any]:
    """The arguments of a pipeline that begins with a picture: the picture itself for every row."""
    if request.init is None:
        return {}
    assert request.size is not None, "the request is completed"
    image = fitted(request.init, request.size, request.fit)
    found: dict[str, Any] = {"image": [image] * rows, "strength": request.strength}
    if request.mask is not None:
        mask = fitted_mask(request.mask, request.size, request.fit)
        found["mask_image"] = [whole_cells(mask)] * rows
    return found


def whole_cells(mask: Picture) -> Picture:
    """A mask that is white wherever a latent stands for a pixel that is to be made anew."""
    grey = np.asarray(mask)
    height, width = (side // CELL for side in grey.shape)
    touched = grey.reshape(height, CELL, width, CELL).max(axis=(1, 3)) > 0
    return pillow.fromarray(np.kron(touched, np.full((CELL, CELL), 255, dtype=np.uint8)).astype(np.uint8))


def capabilities(checkpoint: Checkpoint) -> Capabilities:
    """What a checkpoint can do. Without its adapter, a family reads words only."""
    family, reads = checkpoint.family, checkpoint.reads
    by_vectors, follows = "vectors" in reads, bool(reads & {"vectors", "pictures"})
    name = default_name(checkpoint.components["scheduler"], family)
    return Capabilities(
        name=family.name,
        weights=checkpoint.weights,
        reads=reads,
        space=checkpoint.space if by_vectors else None,
        dimension=checkpoint.dimension if by_vectors else None,
        model=family.model if by_vectors else None,
        needs_norms=by_vectors,
        max_references=family.max_references if follows else 0,
        modes=frozenset(family.pipelines),
        size=checkpoint.size,
        multiple=family.multiple,
        sides=family.sides,
        num_inference_steps=family.num_inference_steps,
        guidance_scale=family.guidance_scale,
        closeness=family.closeness if follows else None,
        negative_prompt=family.negative_prompt,
        sampler=SCHEDULERS[name].sampler,
        options=options(checkpoint, name),
        fetch=missing(checkpoint),
        additions=checkpoint.additions,
        runtime={
            **runtime(checkpoint.device, "torch", "diffusers", "transformers"),
            "precision": str(checkpoint.dtype).removeprefix("torch."),
            "compiled": "yes" if checkpoint.compiled else "no",
        },
        licence=checkpoint.licence or family.licence,
        size_on_disk=checkpoint.size_on_disk,
        size_in_memory=checkpoint.size_in_memory,
    )


def missing(checkpoint: Checkpoint) -> str:
    """The command that fetches a family's IP-Adapter or image encoder, if that is not on this machine."""
    family = checkpoint.family
    has_adapter = family.adapter is None or checkpoint.reads_vectors
    if family.model is None or (has_adapter and checkpoint.image_encoder is not None):
        return ""
    return fetch_command(adapter_name(family) if family.adapter else family.name)


def options(checkpoint: Checkpoint, scheduler_name: str) -> dict[str, Option]:
    """The options of a checkpoint. They are written to recipes, so that a replay uses the same ones."""
    names: tuple[Value, ...] = checkpoint.family.schedulers
    decoders: tuple[Value, ...] = ("vae", "taesd") if checkpoint.tiny_vae is not None else ("vae",)
    return {
        "scheduler": Option(scheduler_name, "The scheduler of the steps.", choices=names),
        "decoder": Option(
            decoders[-1] if checkpoint.device.type == "cpu" else "vae",
            "The decoder of the pictures: the checkpoint's own, or if it is here TAESD, which is faster and"
            " less exact.",
            choices=decoders,
        ),
    }
