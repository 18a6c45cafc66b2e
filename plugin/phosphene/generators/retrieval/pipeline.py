"""A diffusion pipeline that is prompted by vectors: of a text, of retrieved neighbours, both or none.

    pipe = RetrievalPipeline.from_pretrained(folder)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
    generator = torch.Generator().manual_seed(7)
    [picture] = pipe(prompt_embeds=text, image_embeds=neighbours, generator=generator).images

`guidance` sums the predictions, `scheduling` lets a scheduler walk from noise to clean latents, and
`denoising` computes one step. The latent encoder says how near latents are to a prompt, so that only the best
of several candidates has to be decoded.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import diffusers
import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from phosphene.generators.retrieval.denoising import Denoising
from phosphene.generators.retrieval.guidance import (
    Branches,
    Condition,
    Embeds,
    GuidanceScales,
    conditions_of,
)
from phosphene.generators.retrieval.scheduling import Sampler
from phosphene.nets.autoencoder import SCALE_FACTOR, Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder

SAMPLER = 2  # the version of the sampling; it goes up when the same weights begin to make other pictures
OutputType = Literal["pil", "np", "pt", "latent"]
Generators = torch.Generator | list[torch.Generator] | None
Callback = Callable[["RetrievalPipeline", int, Tensor, dict[str, Tensor]], Mapping[str, Tensor] | None]


class RetrievalPipeline(DiffusionPipeline):
    """Vectors to pictures, with the argument names of diffusers' pipelines.

    `space` identifies the space of the vectors, and `dimension` is theirs. The other numbers are defaults.

    `RetrievalPipeline.from_pretrained(folder)` loads a folder that `save_pretrained` wrote. Once this module
    is imported, `DiffusionPipeline.from_pretrained(folder)` does the same, without `custom_pipeline` and
    without remote code. Both import the classes that `model_index.json` names, as diffusers always does, so
    load only folders that you trust. `saved.read` loads the folder of a stranger: it imports nothing by name,
    and it also reads folders that an earlier version wrote.
    """

    model_cpu_offload_seq: Any = "latent_encoder->denoiser->autoencoder"
    _callback_tensor_inputs = ("latents", "pred_original_sample", "sigma")

    def __init__(
        self,
        denoiser: Denoiser,
        autoencoder: Autoencoder,
        latent_encoder: LatentEncoder,
        scheduler: Any,
        *,
        space: str = "",
        dimension: int = 0,
        neighbours: int = 8,
        num_inference_steps: int = 8,
        candidates: int = 4,
        guidance_scale: float = 5.0,
        image_guidance_scale: float = 5.0,
        neighbour_strength: float = 0.8,
        licence: str = "",
    ) -> None:
        super().__init__()
        self.register_modules(  # type: ignore[no-untyped-call]
            denoiser=denoiser, autoencoder=autoencoder, latent_encoder=latent_encoder, scheduler=scheduler
        )
        self.register_to_config(  # type: ignore[no-untyped-call]
            space=space,
            dimension=dimension or denoiser.config["dimension"],
            neighbours=neighbours,
            num_inference_steps=num_inference_steps,
            candidates=candidates,
            guidance_scale=guidance_scale,
            image_guidance_scale=image_guidance_scale,
            neighbour_strength=neighbour_strength,
            licence=licence,
        )
        self.image_processor = VaeImageProcessor(vae_scale_factor=SCALE_FACTOR)
        self.mask_processor = VaeImageProcessor(
            vae_scale_factor=SCALE_FACTOR, do_normalize=False, do_binarize=True, do_convert_grayscale=True
        )
        self._interrupt, self._num_timesteps = False, 0

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """The components that have weights."""
        return {name: part for name, part in self.components.items() if isinstance(part, torch.nn.Module)}

    @property
    def size(self) -> int:
        """Width and height of the pictures, in pixels."""
        return int(self.autoencoder.config["sample_size"])

    @property
    def latent_size(self) -> int:
        """Height and width of the latents, in cells."""
        return int(self.denoiser.config["sample_size"])

    @property
    def num_timesteps(self) -> int:
        """How many steps the current or last call takes."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Whether a callback has ended the current or last call, by setting `_interrupt`."""
        return self._interrupt

    @torch.no_grad()
    def __call__(
        self,
        prompt_embeds: Embeds = None,
        image_embeds: Embeds = None,
        negative_prompt_embeds: Embeds = None,
        *,
        image_embeds_weights: Sequence[Sequence[float]] | None = None,
        image: Any = None,
        mask_image: Any = None,
        strength: float = 0.8,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        image_guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        generator: Generators = None,
        latents: Tensor | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        autocast_dtype: torch.dtype | None = None,
    ) -> Any:
        """Make pictures.

        Args:
            prompt_embeds: The unit vector of a text for each picture, (b, d), or a list with None for none.
            image_embeds: The unit vectors of the neighbours of each picture, (b, k, d), or a list of (k, d)
                with None for no neighbours.
            negative_prompt_embeds: Unit vectors to steer away from, (b, d) or (b, m, d), or a list.
            image_embeds_weights: A weight of 0 or more for each neighbour of each picture, relative to the
                largest one; 1 if not given.
            image: Pictures to start from, in any form that `VaeImageProcessor` takes, or their latents.
            mask_image: White parts of `image` are made anew. Pictures, or cells (b, 1, h, w) in [0, 1].
            strength: The noise level in (0, 1] of `image` at the start; below 1, fewer steps are left.
            num_inference_steps: The number of steps from noise alone.
            guidance_scale: How closely the text is followed.
            image_guidance_scale: How closely the neighbours are followed (as in InstructPix2Pix).
            num_images_per_prompt: How many pictures are made of each of them.
            generator: Draws the noise. With a list of one generator per picture, a picture does not
                depend on its batch.
            latents: The noise itself, (b, latent_channels, h, w).
            output_type: "pil", "np" and "pt" as in diffusers, or "latent".
            return_dict: Whether to return an `ImagePipelineOutput` or a tuple.
            callback_on_step_end: Called after each step with the pipeline, the index of the step, its
                timestep and the tensors named next. It may return other `latents`. It ends the call if it
                sets `pipe._interrupt = True`.
            callback_on_step_end_tensor_inputs: Some of "latents", "pred_original_sample" (the predicted clean
                latents) and "sigma" (the noise level before the step, in [0, 1]).
            autocast_dtype: The precision in which the denoiser computes, e.g. `torch.bfloat16`.

        Raises ValueError for arguments that do not fit one another, and for a scheduler that `scheduling`
        cannot use.
        """
        self._check(image, mask_image, strength, callback_on_step_end_tensor_inputs)
        conditions = conditions_of(prompt_embeds, image_embeds, image_embeds_weights, negative_prompt_embeds)
        conditions = conditions or [Condition()] * (len(generator) if isinstance(generator, list) else 1)
        conditions = [condition for condition in conditions for _ in range(num_images_per_prompt)]
        init_latents = None if image is None else self._init_latents(image, len(conditions))
        scales = GuidanceScales(
            _or(guidance_scale, self.config["guidance_scale"]),
            _or(image_guidance_scale, self.config["image_guidance_scale"]),
        )
        steps = _or(num_inference_steps, self.config["num_inference_steps"])
        run = Denoising(
            self.denoiser,
            Sampler(self.scheduler, steps, 1.0 if init_latents is None else strength),
            self._branches(scales, conditions),
            self._branches(scales.ended, conditions),
            noise=self._noise(generator, len(conditions)) if latents is None else latents.to(self.device),
            init_latents=init_latents,
            mask=None if mask_image is None else self._cells(mask_image, len(conditions)),
            autocast_dtype=autocast_dtype,
        )
        made = self._denoise(run, callback_on_step_end, callback_on_step_end_tensor_inputs)
        images = made if output_type == "latent" else self._pictures(made, output_type)
        self.maybe_free_model_hooks()  # type: ignore[no-untyped-call]
        return ImagePipelineOutput(images=images) if return_dict else (images,)  # type: ignore[arg-type]

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents to finished pictures (b, 3, size, size) in [-1, 1]."""
        pictures: Tensor = self.autoencoder.decode(latents).clamp(-1, 1)
        return pictures

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """The latents of pictures (b, 3, size, size) in [-1, 1]."""
        latents: Tensor = self.autoencoder.encode(pictures)
        return latents

    @torch.no_grad()
    def vectors(self, latents: Tensor) -> Tensor:
        """The unit vectors (b, dimension) that the latent encoder predicts for latents (b, …)."""
        vectors: Tensor = self.latent_encoder(latents)
        return vectors

    def _check(self, image: Any, mask_image: Any, strength: float, names: Sequence[str]) -> None:
        if odd := sorted(set(names) - set(self._callback_tensor_inputs)):
            raise ValueError(f"`callback_on_step_end_tensor_inputs` has unknown names: {', '.join(odd)}.")
        if mask_image is not None and image is None:
            raise ValueError("`mask_image` needs an `image` to lie on.")
        if image is not None and not 0 < strength <= 1:
            raise ValueError(f"`strength` is {strength}, but must be above 0 and at most 1.")

    def _denoise(self, run: Denoising, callback: Callback | None, names: Sequence[str]) -> Tensor:
        """Walk from noise to clean latents."""
        self._interrupt, self._num_timesteps = False, len(run.sampler)
        x = run.initial()
        with self.progress_bar(total=len(run.sampler)) as progress_bar:
            for index, timestep in enumerate(run.sampler.timesteps):
                clean = run.restore_kept(run.predict(x, index))
                x = run.restore_kept(run.sampler.step(clean, x, index), index + 1)
                progress_bar.update()
                if callback is not None:
                    sigma = x.new_tensor([run.sampler.sigmas[index]])
                    tensors = {"latents": x, "pred_original_sample": clean, "sigma": sigma}
                    changed = callback(self, index, timestep, {name: tensors[name] for name in names})
                    x = (changed or {}).get("latents", x)
                if self._interrupt:
                    break
        return x

    def _branches(self, scales: GuidanceScales, conditions: Sequence[Condition]) -> Branches:
        return scales.branches(conditions, self.config["dimension"], self.device)

    def _noise(self, generator: Generators, count: int) -> Tensor:
        """Noise (b, latent_channels, h, w), which is drawn on the device of the generator."""
        shape = (count, self.denoiser.config["latent_channels"], self.latent_size, self.latent_size)
        noise: Tensor = randn_tensor(shape, generator=generator, device=self.device, dtype=torch.float32)
        return noise

    def _init_latents(self, image: Any, count: int) -> Tensor:
        """The latents of the init images. A single init image is used for all pictures."""
        channels = self.denoiser.config["latent_channels"]
        if not (isinstance(image, Tensor) and image.ndim == 4 and image.shape[1] == channels):
            pixels = self.image_processor.preprocess(image, self.size, self.size, resize_mode="crop")
            image = self.encode(pixels.to(self.device, torch.float32))
        return _one_each(image.to(self.device), count, "image")

    def _cells(self, mask_image: Any, count: int) -> Tensor:
        """The cells to make anew, (b, 1, h, w). A cell counts if the mask touches any part of it."""
        cells = (1, self.latent_size, self.latent_size)
        if not (isinstance(mask_image, Tensor) and mask_image.shape[1:] == cells):
            mask = self.mask_processor.preprocess(mask_image, self.size, self.size, resize_mode="crop")
            mask_image = torch.nn.functional.adaptive_max_pool2d(mask.float(), self.latent_size)
        return _one_each(mask_image.to(self.device), count, "mask_image")

    def _pictures(self, latents: Tensor, output_type: OutputType) -> Any:
        return self.image_processor.postprocess(self.decode(latents), output_type)


def _one_each(tensor: Tensor, count: int, name: str) -> Tensor:
    """The tensor with one row for each of `count` pictures."""
    if count % len(tensor):
        raise ValueError(f"`{name}` has {len(tensor)} entries for {count} pictures.")
    return tensor.repeat_interleave(count // len(tensor), 0)


def _or(given: Any, default: Any) -> Any:
    return default if given is None else given


# `DiffusionPipeline.from_pretrained` looks for the class that a folder names in the module diffusers.
setattr(diffusers, RetrievalPipeline.__name__, RetrievalPipeline)
