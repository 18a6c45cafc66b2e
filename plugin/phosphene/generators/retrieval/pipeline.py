"""A diffusion pipeline whose prompt is vectors: of a text, of retrieved neighbours, both or none.

Notation, as in the code:

    x       the noisy latents (b, depth, grid, grid), (1 - sigma) * clean + sigma * noise: a straight path
            (flow matching; Lipman et al. 2023), walked from sigma 1 to 0 by UniPC (Zhao et al. 2023)
    clean   the network's guess of the clean latents, which the autoencoder makes pictures of

What it is guessed from, and how guesses are summed, is in `guidance`. The latent encoder says how near
latents are to what was asked for, so that only the best of several candidates has to be decoded.

Saved by `save_pretrained` and read by `generation.saved`; knows nothing of files of users or of libraries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from torch import Tensor

from phosphene.generators.retrieval.guidance import GUIDED, Branches, Condition, Guide
from phosphene.nets.autoencoder import Autoencoder, within_sphere
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder

SHIFT = 3.0  # how much the steps crowd where there is much noise; best for 6 to 8 steps
SAMPLER = 2  # counts up where the same weights begin to walk another way from noise, and make other pictures
OnStep = Callable[[int, int, float, Tensor], bool | None]


@dataclass(frozen=True, slots=True)
class Start:
    """Latents to start from (b, depth, grid, grid), at the noise level `strength`; see `encode`.

    Where `mask` (b, 1, grid, grid) is 0 they are kept, where it is 1 they are made anew. Of the steps
    from noise those that are left at that level are taken.
    """

    latents: Tensor
    strength: float = 1.0
    mask: Tensor | None = None


class RetrievalPipeline(DiffusionPipeline):
    """Conditions to pictures. `space` and `dimension` say whose vectors it was trained on."""

    def __init__(
        self,
        denoiser: Denoiser,
        autoencoder: Autoencoder,
        latent_encoder: LatentEncoder,
        scheduler: UniPCMultistepScheduler,
        *,
        space: str = "",
        dimension: int = 0,
        neighbours: int = 8,
        steps: int = 8,
        candidates: int = 4,
        text_guidance: float = 5.0,
        neighbour_guidance: float = 5.0,
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
            steps=steps,
            candidates=candidates,
            text_guidance=text_guidance,
            neighbour_guidance=neighbour_guidance,
            neighbour_strength=neighbour_strength,
            licence=licence,
        )

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """The components that have weights."""
        return {name: part for name, part in self.components.items() if isinstance(part, torch.nn.Module)}

    @property
    def size(self) -> int:
        """Width and height of the finished pictures."""
        return int(self.autoencoder.config["size"])

    @property
    def grid(self) -> int:
        """Cells of the latents, a side."""
        return int(self.denoiser.config["grid"])

    @torch.no_grad()
    def __call__(
        self,
        conditions: Sequence[Condition],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        text_guidance: float | None = None,
        neighbour_guidance: float | None = None,
        start: Start | None = None,
        bfloat16: bool = False,
        output_type: Literal["pt", "latent"] = "pt",
        on_step: OnStep | None = None,
    ) -> Tensor | None:
        """Make one picture per condition and seed: (b, 3, size, size) in [-1, 1], or its latents.

        A picture depends on its own condition and seed alone, not on its batch. `on_step` is told
        the step from 1, how many there are, sigma and the guessed clean latents; where it answers
        False, the result is None.
        """
        guide = Guide(
            _or(text_guidance, self.config["text_guidance"]),
            _or(neighbour_guidance, self.config["neighbour_guidance"]),
        )
        guided, ended = (
            each.branches(conditions, self.config["dimension"], self.device) for each in (guide, guide.ended)
        )
        noise = self._noise(seeds)
        scheduler = new_scheduler()  # it carries a run's history, so each run has its own
        strength = 1.0 if start is None else start.strength
        scheduler.set_timesteps(sigmas=_sigmas(steps or self.config["steps"], strength))
        first = float(scheduler.sigmas[0])
        x = noise if start is None else _mix(start.latents, noise, first)
        for index, timestep in enumerate(scheduler.timesteps):
            sigma, after = float(scheduler.sigmas[index]), float(scheduler.sigmas[index + 1])
            clean = self._guess(x, sigma, guided if sigma > GUIDED * first else ended, bfloat16)
            if start is not None and start.mask is not None:
                clean = torch.lerp(start.latents, clean, start.mask)
            x = scheduler.step(clean, timestep, x, return_dict=False)[0]
            if start is not None and start.mask is not None:
                x = torch.lerp(_mix(start.latents, noise, after), x, start.mask)
            if on_step and on_step(index + 1, len(scheduler.timesteps), sigma, clean) is False:
                return None
        return x if output_type == "latent" else self.decode(x)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """The last step alone: latents to finished pictures (b, 3, size, size) in [-1, 1]."""
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

    def _noise(self, seeds: Sequence[int]) -> Tensor:
        """Noise (b, depth, grid, grid), each picture's from its own seed, drawn on the CPU."""
        shape = (self.denoiser.config["depth"], self.grid, self.grid)
        drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.stack(drawn).to(self.device)

    def _guess(self, x: Tensor, sigma: float, branches: Branches, bfloat16: bool) -> Tensor:
        """The clean latents (b, depth, grid, grid), guessed in one pass of all branches."""
        tokens, count = branches.tokens, len(branches.shares)
        pictures = x.repeat(count, 1, 1, 1)
        sigmas = x.new_full((len(pictures),), sigma)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            guesses = self.denoiser(pictures, sigmas, tokens.vectors, tokens.kinds, tokens.weights)
        return within_sphere(torch.tensordot(branches.shares, guesses.float().unflatten(0, (count, -1)), 1))


def new_scheduler() -> UniPCMultistepScheduler:
    """UniPC for a network that guesses the clean picture, on the straight path."""
    scheduler: UniPCMultistepScheduler = UniPCMultistepScheduler(
        prediction_type="sample", use_flow_sigmas=True, flow_shift=SHIFT, solver_order=2
    )
    return scheduler


def _sigmas(steps: int, strength: float) -> Any:
    """Evenly spaced levels that, once the scheduler has shifted them, begin at `strength`.

    A start takes as many of the `steps` from noise as lie below its level, one at least.
    """
    first = strength / (SHIFT - (SHIFT - 1) * strength)
    return np.linspace(first, 0, max(1, round(steps * first)) + 1)[:-1]


def _mix(clean: Tensor, noise: Tensor, sigma: float) -> Tensor:
    return (1 - sigma) * clean + sigma * noise


def _or(given: float | None, default: float) -> float:
    return default if given is None else given
