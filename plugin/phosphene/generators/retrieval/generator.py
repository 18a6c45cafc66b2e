"""The generator that phosphene trains itself: requests in, checked, and pictures out.

A generator is a folder as `RetrievalPipeline.save_pretrained` writes it. The pictures of one call are made
in batches of requests that take the same steps; each depends on its own request alone.

Of each picture several candidates are made, and the one is kept whose vector lies nearest to what was
asked for, as DALL-E had its pictures chosen by CLIP (Ramesh et al. 2021). Here the pipeline's latent encoder
predicts the vectors of latents, so that nothing is decoded but what is kept.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image as pillow
from PIL.Image import Image as Picture
from safetensors import SafetensorError
from torch import Tensor

from phosphene.device import pick_device
from phosphene.errors import LibraryError, ModelError
from phosphene.generation import Capcapabilities, Generated, Mode, Request, Step
from phosphene.generation.checks import check
from phosphene.generation.fitting import fitted, fitted_mask, is_square
from phosphene.generators.retrieval.guidance import Condition
from phosphene.generators.retrieval.init_images import STARTS, first, pictured, small_mask
from phosphene.generators.retrieval.pipeline import RetrievalPipeline, Start
from phosphene.generators.retrieval.saved import digest, read

# What reading a folder raises where it is damaged, or was never meant to be a generator.
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, RuntimeError, ArithmeticError, MemoryError),
    *(RecursionError, SafetensorError, LibraryError),
)
BATCH = 8  # candidates at once
MOST_REFERENCES = 64
MODES: frozenset[Mode] = frozenset({"text-to-image", "image-to-image", "inpainting"})

Module = TypeVar("Module", bound=torch.nn.Module)


class BuiltinGenerator:
    """A RetrievalPipeline as a Generator."""

    def __init__(
        self, pipeline: RetrievalPipeline, weights: str, name: str, *, bfloat16: bool = False
    ) -> None:
        self.pipeline = pipeline
        self.bfloat16 = bfloat16
        size = pipeline.size
        self._capabilities = Capcapabilities(
            name=name,
            weights=weights,
            space=pipeline.config["space"],
            dimension=pipeline.config["dimension"],
            max_references=MOST_REFERENCES,
            modes=MODES,
            size=(size, size),
            default_steps=pipeline.config["steps"],
            candidates=pipeline.config["candidates"],
            starts=STARTS,
            licence=pipeline.config["licence"],
        )

    @property
    def capabilities(self) -> Capcapabilities:
        """What it can do."""
        return self._capabilities

    def generate(
        self, requests: Sequence[Request], *, on_step: Callable[[Step], bool | None] | None = None
    ) -> Iterator[Generated]:
        """Make the pictures, in order; every request is checked before the first one is made.

        Raises GenerationError for a request that it cannot serve. Where `on_step` answers False,
        the pictures of the batch in flight and of those after it do not come.
        """
        for request in requests:
            check(request, self.capabilities)
        done = 0
        for pace, alike in groupby(requests, key=self._pace):
            group, together = list(alike), max(1, BATCH // pace.candidates)
            for start in range(0, len(group), together):
                batch = group[start : start + together]
                part = (done / len(requests), len(batch) / len(requests))
                made = self._make(batch, pace, part, on_step)
                if made is None:
                    return
                done += len(batch)
                for request, picture in made:
                    yield Generated(_finished(request, picture), self._settings(request, pace))

    def _make(
        self,
        batch: Sequence[Request],
        pace: "_Pace",
        part: tuple[float, float],
        on_step: Callable[[Step], bool | None] | None,
    ) -> list[tuple[Request, Tensor]] | None:
        """Of each request the best candidate and its pixels.

        The batch is the `part` (where it begins, how long it is) of its call.
        """
        tries = [request for whole in batch for request in candidates(whole, pace.candidates)]
        conditions = [_condition(request) for request in tries]

        def best(latents: Tensor) -> list[int]:
            if pace.candidates == 1:
                return list(range(len(tries)))
            nearness = self.pipeline.nearness(latents, conditions).reshape(len(batch), -1)
            return [row * pace.candidates + place for row, place in enumerate(nearness.argmax(1).tolist())]

        def told(index: int, total: int, sigma: float, clean: Tensor) -> bool | None:
            def preview() -> list[Picture]:
                return [to_picture(one) for one in self.pipeline.decode(clean[best(clean)])]

            share = part[0] + part[1] * index / total
            return on_step(Step(index, total, sigma, share, preview)) if on_step else None

        latents = self.pipeline(
            conditions,
            [noise_seed(request) for request in tries],
            steps=pace.steps,
            text_guidance=pace.guidance_scale,
            neighbour_guidance=pace.image_guidance_scale,
            start=self._start(tries, pace) if pace.starts else None,
            bfloat16=self.bfloat16,
            output_type="latent",
            on_step=told,
        )
        if latents is None:
            return None
        kept = best(latents)
        return [
            (tries[i], picture) for i, picture in zip(kept, self.pipeline.decode(latents[kept]), strict=True)
        ]

    def _pace(self, request: Request) -> "_Pace":
        def chosen(name: str, default: str = "") -> Any:
            given = getattr(request, name)
            return self.pipeline.config[default or name] if given is None else given

        neighbour_strength = chosen("neighbour_strength") if pictured(request) else 1.0
        return _Pace(
            candidates=chosen("candidates"),
            steps=chosen("steps"),
            guidance_scale=chosen("guidance_scale", "text_guidance"),
            image_guidance_scale=chosen("image_guidance_scale", "neighbour_guidance"),
            strength=request.strength if request.init is not None else neighbour_strength,
            starts=request.init is not None or neighbour_strength < 1,
            masked=request.mask is not None,
        )

    def _start(self, tries: Sequence[Request], pace: "_Pace") -> Start:
        size, grid, device = self.pipeline.size, self.pipeline.grid, self.pipeline.device
        firsts = [(first(request), request.fit) for request in tries]
        distinct = {(id(picture), fit): (picture, fit) for picture, fit in firsts}  # candidates share them
        pixels = torch.stack([to_pixels(fitted(picture, size, fit)) for picture, fit in distinct.values()])
        encoded = dict(zip(distinct, self.pipeline.encode(pixels.to(device)), strict=True))
        latents = torch.stack([encoded[id(picture), fit] for picture, fit in firsts])
        masks = [small_mask(one.mask, size, grid, one.fit) for one in tries if one.mask is not None]
        return Start(latents, pace.strength, torch.stack(masks).to(device) if pace.masked else None)

    def _settings(self, request: Request, pace: "_Pace") -> dict[str, Any]:
        """What the picture was really made with."""
        settings: dict[str, Any] = {
            "generator": self.capabilities.name,
            "weights": self.capabilities.weights,
            "steps": pace.steps,
            "text_guidance": pace.guidance_scale,
            "neighbour_guidance": pace.image_guidance_scale,
            "size": list(self.capabilities.size),
            "seed": request.seed,
        }
        if request.candidate:
            settings["candidate"] = request.candidate
        if pace.starts:
            settings["strength" if request.init is not None else "neighbour_strength"] = pace.strength
            if request.fit != "stretch" and not is_square(first(request)):
                settings["fit"] = request.fit  # without it a start was stretched, as all once were
        if request.mask is not None and request.mask.has_transparency_data:
            settings["transparent"] = "kept"  # without it what is transparent was made anew, as it once was
        if self.bfloat16:
            settings["precision"] = "bfloat16"
        return settings


class _Pace(NamedTuple):
    """What the requests of one batch have in common."""

    candidates: int
    steps: int
    guidance_scale: float
    image_guidance_scale: float
    strength: float
    starts: bool
    masked: bool


def open_generator(folder: Path, device: str = "auto", *, bfloat16: bool = False) -> BuiltinGenerator:
    """The generator that a folder holds. Raises ModelError where it holds none that can be loaded."""
    if not (folder / "model_index.json").exists():
        raise ModelError(
            f"`{folder}` holds no generator: there is no model_index.json in it",
            hint="`phosphene train diffusion -L LIBRARY` trains one for a library",
        )
    try:
        pipeline, weights = read(folder), digest(folder)
    except UNREADABLE as error:
        reason = error.message if isinstance(error, LibraryError) else error
        raise ModelError(
            f"the generator in `{folder}` cannot be loaded: {reason}",
            hint="it is damaged, of another version or none of ours: train or install it again",
        ) from error
    pipeline.to(pick_device(device))
    for network in pipeline.networks.values():
        torch.nn.Module.to(network, memory_format=torch.channels_last)  # a quarter faster on a CPU
    return BuiltinGenerator(pipeline, weights, f"builtin/{folder.parent.name}", bfloat16=bfloat16)


def cast(network: Module, dtype: torch.dtype) -> Module:
    """A network in another precision, laid out as it is stored.

    Its own `to` would warn of modules that it does not have.
    """
    return torch.nn.Module.to(torch.nn.Module.to(network, dtype), memory_format=torch.contiguous_format)


def candidates(request: Request, count: int) -> list[Request]:
    """The request itself, and the same with further noises of its seed."""
    return [replace(request, candidate=request.candidate + number, candidates=1) for number in range(count)]


def noise_seed(request: Request) -> int:
    """What the noise is drawn from: the seed, or for a further candidate a number that follows from it."""
    if not request.candidate:
        return request.seed
    digest = hashlib.sha256(f"{request.seed}/{request.candidate}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _condition(request: Request) -> Condition:
    vectors = [reference.vector for reference in request.references]
    return Condition(
        text=request.text,
        neighbours=np.stack(vectors) if vectors else None,
        weights=[reference.weight for reference in request.references],
        negative=np.stack(request.negative) if request.negative else None,
    )


def _finished(request: Request, picture: Tensor) -> Picture:
    """The picture; where a mask keeps something, every kept pixel is the very one that was handed in."""
    made = to_picture(picture)
    if request.init is None or request.mask is None:
        return made
    kept = fitted(request.init, made.width, request.fit)
    return pillow.composite(made, kept, fitted_mask(request.mask, made.width, request.fit))


def to_picture(pixels: Tensor) -> Picture:
    """Pixels (3, h, w) in [-1, 1] to a picture of 8 bits."""
    grey = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pillow.fromarray(grey.permute(1, 2, 0).cpu().numpy())


def to_pixels(picture: Picture) -> Tensor:
    """A picture of 8 bits to pixels (3, h, w) in [-1, 1]."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)
