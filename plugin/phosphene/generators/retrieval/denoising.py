"""One call of the pipeline: the noise that it starts from, and the prediction of each step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from phosphene.generators.retrieval.guidance import GUIDANCE_END, Branches
from phosphene.generators.retrieval.scheduling import Sampler
from phosphene.nets.autoencoder import within_sphere
from phosphene.nets.denoiser import Denoiser


@dataclass(frozen=True, slots=True)
class Denoising:
    """Everything that one call of the pipeline computes with."""

    denoiser: Denoiser
    sampler: Sampler
    guided: Branches
    ended: Branches  # the branches after guidance has ended
    noise: Tensor
    init_latents: Tensor | None
    mask: Tensor | None
    autocast_dtype: torch.dtype | None

    def initial(self) -> Tensor:
        """The latents before the first step."""
        if self.init_latents is None:
            return self.noise
        return self.sampler.add_noise(self.init_latents, self.noise, 0)

    def branches(self, index: int) -> Branches:
        """The branches of a step."""
        guided = self.sampler.sigmas[index] > GUIDANCE_END * self.sampler.sigmas[0]
        return self.guided if guided else self.ended

    def predict(self, latents: Tensor, index: int) -> Tensor:
        """The predicted clean latents (b, latent_channels, h, w), from one pass of all branches."""
        branches = self.branches(index)
        tokens, count = branches.tokens, len(branches.shares)
        repeated = latents.repeat(count, 1, 1, 1)
        sigmas = latents.new_full((len(repeated),), self.sampler.sigmas[index])
        dtype = self.autocast_dtype
        with torch.autocast(latents.device.type, dtype or torch.bfloat16, enabled=dtype is not None):
            predicted = self.denoiser(repeated, sigmas, tokens.vectors, tokens.kinds, tokens.weights)
        summed = torch.tensordot(branches.shares, predicted.float().unflatten(0, (count, -1)), 1)
        return within_sphere(summed)

    def restore_kept(self, latents: Tensor, index: int | None = None) -> Tensor:
        """Put back the cells that the mask keeps, clean or with the noise before step `index`."""
        if self.init_latents is None or self.mask is None:
            return latents
        kept = self.init_latents
        if index is not None:
            kept = self.sampler.add_noise(kept, self.noise, index)
        return torch.lerp(kept, latents, self.mask)
