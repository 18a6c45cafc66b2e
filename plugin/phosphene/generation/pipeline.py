"""A diffusion pipeline whose prompt is vectors: of a text, of retrieved neighbours, both or none.

Notation, as in the code:

    x       the noisy latents (b, depth, grid, grid), (1 - sigma) * clean + sigma * noise: a straight path
            (flow matching; Lipman et al. 2023), walked from sigma 1 to 0 by UniPC (Zhao et al. 2023)
    clean   the network's guess of the clean latents, which the autoencoder makes pictures of

The reader says how near latents are to what was asked for, so that of several candidates the best alone
need be decoded.

**Two guidances**, as InstructPix2Pix (Brooks et al. 2023, eq. 3) and Re-Imagen (Chen et al. 2023) have them:

    clean = nothing + neighbour_guidance * (neighbours - nothing) + text_guidance * (both - neighbours)
                    + text_guidance * (nothing - negative)

where each word is the guess from those tokens alone. The last term, a direction of its own, is
how Composable Diffusion (Liu et al. 2022) says NOT: it works without a text too.

Saved and loaded by `save_pretrained` and `from_pretrained`; knows nothing of files of users or of libraries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from torch import Tensor

from phosphene.nets.autoencoder import Autoencoder, within_sphere
from phosphene.nets.denoiser import NEIGHBOUR, TEXT, Denoiser
from phosphene.nets.reader import Reader
from phosphene.vectors import Vector, Vectors

SHIFT = 3.0  # how much the steps crowd where there is much noise; best for 6 to 8 steps
OnStep = Callable[[int, int, float, Tensor], bool | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """What one picture is made from. Vectors are of length one."""

    text: Vector | None = None
    neighbours: Vectors | None = None  # (k, d)
    weights: Sequence[float] = ()  # (k,), 0 or more; they count relative to the largest
    negative: Vectors | None = None  # (m, d)


@dataclass(frozen=True, slots=True)
class Start:
    """Latents to start from (b, depth, grid, grid), at the noise level `strength`; see `encode`.

    Where `mask` (b, 1, grid, grid) is 0 they are kept, where it is 1 they are made anew.
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
        reader: Reader,
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
            denoiser=denoiser, autoencoder=autoencoder, reader=reader, scheduler=scheduler
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

    @classmethod
    def from_pretrained(cls, *arguments: Any, **options: Any) -> Self:
        """As in diffusers, but with the weights in memory of their own.

        Where a weight begins in a file decides how some processors add up, and so a picture's last bit.
        """
        pipeline: Self = super().from_pretrained(*arguments, **options)
        for network in pipeline.networks.values():
            own = {name: weight.clone() for name, weight in network.state_dict().items()}
            network.load_state_dict(own, assign=True)
        return pipeline

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
        branches = guide.branches(conditions)
        tokens = _tokens([c for branch, _ in branches for c in branch], self.config["dimension"], self.device)
        shares = torch.tensor([share for _, share in branches], device=self.device)
        noise = self._noise(seeds)
        scheduler = new_scheduler()  # it carries a run's history, so each run has its own
        strength = 1.0 if start is None else start.strength
        scheduler.set_timesteps(sigmas=_sigmas(steps or self.config["steps"], strength))
        x = noise if start is None else _mix(start.latents, noise, float(scheduler.sigmas[0]))
        for index, timestep in enumerate(scheduler.timesteps):
            sigma, after = float(scheduler.sigmas[index]), float(scheduler.sigmas[index + 1])
            guesses = self._guess(x, sigma, tokens, len(branches), bfloat16)
            clean = within_sphere(torch.tensordot(shares, guesses, 1))
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
    def nearness(self, latents: Tensor, conditions: Sequence[Condition]) -> Tensor:
        """How near latents (b, …) are to their conditions' texts, or without one to the neighbours; (b,)."""
        wanted = torch.from_numpy(np.stack([_wanted(c, self.config["dimension"]) for c in conditions]))
        nearness: Tensor = (self.reader(latents) * wanted.to(self.device)).sum(1)
        return nearness

    def _noise(self, seeds: Sequence[int]) -> Tensor:
        """Noise (b, depth, grid, grid), each picture's from its own seed, drawn on the CPU."""
        shape = (self.denoiser.config["depth"], self.grid, self.grid)
        drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.stack(drawn).to(self.device)

    def _guess(self, x: Tensor, sigma: float, tokens: "_Tokens", branches: int, bfloat16: bool) -> Tensor:
        """The network's guesses (branches, b, depth, grid, grid), in one pass."""
        pictures = x.repeat(branches, 1, 1, 1)
        sigmas = x.new_full((len(pictures),), sigma)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            guesses = self.denoiser(pictures, sigmas, tokens.vectors, tokens.kinds, tokens.weights)
        guessed: Tensor = guesses.float().unflatten(0, (branches, -1))
        return guessed


@dataclass(frozen=True, slots=True)
class Guide:
    """The two guidances."""

    text: float
    neighbours: float

    def branches(self, conditions: Sequence[Condition]) -> list[tuple[list[Condition], float]]:
        """Which guesses are summed, and with which share; those without a share are left out."""
        nothing = [Condition() for _ in conditions]
        neighbours = [replace(condition, text=None, negative=None) for condition in conditions]
        both = [replace(condition, negative=None) for condition in conditions]
        negative = [_says_not(condition) for condition in conditions]
        against = self.text if any(condition.negative is not None for condition in conditions) else 0.0
        shares = [
            (nothing, 1 - self.neighbours + against),
            (neighbours, self.neighbours - self.text),
            (both, self.text),
            (negative, -against),
        ]
        return [(branch, share) for branch, share in shares if share != 0.0]


@dataclass(frozen=True, slots=True)
class _Tokens:
    vectors: Tensor  # (b, k, d)
    kinds: Tensor  # (b, k)
    weights: Tensor  # (b, k)


def new_scheduler() -> UniPCMultistepScheduler:
    """UniPC for a network that guesses the clean picture, on the straight path."""
    scheduler: UniPCMultistepScheduler = UniPCMultistepScheduler(
        prediction_type="sample", use_flow_sigmas=True, flow_shift=SHIFT, solver_order=2
    )
    return scheduler


def _says_not(condition: Condition) -> Condition:
    """The negative vectors as neighbours would be: all at once, without an order."""
    if condition.negative is None or not len(condition.negative):
        return Condition()
    total = condition.negative.sum(0)
    return Condition(text=total / max(float(np.linalg.norm(total)), 1e-6))


def _wanted(condition: Condition, dimension: int) -> Vector:
    """What a picture should be near to, (d,)."""
    if condition.text is not None:
        return condition.text
    if condition.neighbours is None:
        return np.zeros(dimension, dtype=np.float32)
    return np.asarray(condition.weights, dtype=np.float32) @ condition.neighbours


def _tokens(conditions: Sequence[Condition], dimension: int, device: torch.device) -> _Tokens:
    """All conditions in one tensor; those with fewer tokens are filled up with tokens of weight 0."""
    rows = [_row(condition) for condition in conditions]
    longest = max(1, *(len(row) for row in rows)) if rows else 1
    vectors = torch.zeros(len(rows), longest, dimension)
    kinds = torch.zeros(len(rows), longest, dtype=torch.int64)
    weights = torch.zeros(len(rows), longest)
    for index, row in enumerate(rows):
        for place, (vector, kind, weight) in enumerate(row):
            vectors[index, place] = torch.from_numpy(vector)
            kinds[index, place], weights[index, place] = kind, weight
    return _Tokens(vectors.to(device), kinds.to(device), weights.to(device))


def _row(condition: Condition) -> list[tuple[Vector, int, float]]:
    text = [(condition.text, TEXT, 1.0)] if condition.text is not None else []
    if condition.neighbours is None:
        return text
    most = max(condition.weights, default=0.0)
    near = zip(condition.neighbours, condition.weights, strict=True)
    return text + [(vector, NEIGHBOUR, weight / most) for vector, weight in near if weight > 0]


def _sigmas(steps: int, strength: float) -> Any:
    """Evenly spaced levels that, once the scheduler has shifted them, begin at `strength`."""
    first = strength / (SHIFT - (SHIFT - 1) * strength)
    return np.linspace(first, 0, steps + 1)[:-1]


def _mix(clean: Tensor, noise: Tensor, sigma: float) -> Tensor:
    return (1 - sigma) * clean + sigma * noise


def _or(given: float | None, default: float) -> float:
    return default if given is None else given
