"""How a diffusers scheduler walks from noise to clean latents, for a denoiser that predicts clean latents.

The path is straight (flow matching; Lipman et al. 2023). At the noise level sigma in [0, 1] it is at

    noisy = (1 - sigma) * clean + sigma * noise

Schedulers with `use_flow_sigmas` (UniPC, DPM-Solver++) and `FlowMatchEulerDiscreteScheduler` know this path.
A step of `EulerDiscreteScheduler` is the same on every path, so it only has to be given the noise levels.
"""

import copy
import inspect
from typing import Any

import numpy as np
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from numpy.typing import NDArray
from torch import Tensor

SHIFT = 3.0  # how much steps crowd at high noise levels; 3 is best for 6 to 8 steps


def default_scheduler() -> UniPCMultistepScheduler:
    """UniPC (Zhao et al. 2023) on the straight path, for a network that predicts the clean sample."""
    scheduler: UniPCMultistepScheduler = UniPCMultistepScheduler(
        prediction_type="sample", use_flow_sigmas=True, flow_shift=SHIFT, solver_order=2
    )
    return scheduler


def check(scheduler: Any) -> None:
    """Raise ValueError for a scheduler that cannot be used."""
    name = type(scheduler).__name__
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        return
    flow = "use_flow_sigmas" in _parameters(type(scheduler)) and scheduler.config["use_flow_sigmas"]
    if not flow and not isinstance(scheduler, EulerDiscreteScheduler):
        raise ValueError(
            f"{name} does not walk the straight path of flow matching. Set its `use_flow_sigmas`, or use"
            " FlowMatchEulerDiscreteScheduler or EulerDiscreteScheduler."
        )
    if scheduler.config.get("prediction_type") != "sample":
        raise ValueError(f"The denoiser predicts clean latents. Set `prediction_type='sample'` of {name}.")


class Sampler:
    """One run of a scheduler, from the noise level `strength` in (0, 1] and in at most `steps` steps.

    It uses a copy of the scheduler, because a scheduler holds the history of a run. Raises ValueError for a
    scheduler that cannot be used.
    """

    def __init__(self, scheduler: Any, steps: int, strength: float) -> None:
        check(scheduler)
        self.scheduler = copy.deepcopy(scheduler)
        first = self._set_timesteps(steps, strength)
        self.timesteps = self.scheduler.timesteps[first:]
        # The noise levels before each step, and the one at the end.
        self.sigmas = [float(sigma) for sigma in self.scheduler.sigmas[first:]]

    def __len__(self) -> int:
        return len(self.timesteps)

    def add_noise(self, clean: Tensor, noise: Tensor, index: int) -> Tensor:
        """Clean latents with as much noise as there is before a step."""
        sigma = self.sigmas[index]
        return (1 - sigma) * clean + sigma * noise

    def step(self, clean: Tensor, latents: Tensor, index: int) -> Tensor:
        """The latents after a step, from those before it and the predicted clean ones."""
        velocity = isinstance(self.scheduler, FlowMatchEulerDiscreteScheduler)
        output = (latents - clean) / self.sigmas[index] if velocity else clean
        stepped: Tensor = self.scheduler.step(output, self.timesteps[index], latents, return_dict=False)[0]
        return stepped

    def _set_timesteps(self, steps: int, strength: float) -> int:
        """Set the timesteps of the scheduler. Returns the index of the first one that is used."""
        config = self.scheduler.config
        if isinstance(self.scheduler, EulerDiscreteScheduler):
            shift = config.get("flow_shift", SHIFT)
            levels = _levels(steps, strength, shift)
            shifted = shift * levels / (1 + (shift - 1) * levels)
            self.scheduler.set_timesteps(sigmas=[*shifted, 0.0])
            self.scheduler.is_scale_input_called = True  # its input needs no scaling on the straight path
            self.scheduler.set_begin_index(0)
        elif "sigmas" in _parameters(self.scheduler.set_timesteps):
            velocity = isinstance(self.scheduler, FlowMatchEulerDiscreteScheduler)
            self.scheduler.set_timesteps(
                sigmas=_levels(steps, strength, config["shift" if velocity else "flow_shift"])
            )
        else:
            self.scheduler.set_timesteps(steps)
            first = min(int((self.scheduler.sigmas[:-1] > strength).sum()), steps - 1)
            self.scheduler.set_begin_index(first)
            return first
        return 0


def _parameters(called: Any) -> set[str]:
    return set(inspect.signature(called).parameters)


def _levels(steps: int, strength: float, shift: float) -> NDArray[np.float64]:
    """Evenly spaced levels that begin at `strength` once they are shifted.

    Below a strength of 1 there are as many of the `steps` as lie below it, and at least one.
    """
    first = strength / (shift - (shift - 1) * strength)
    return np.linspace(first, 0, max(1, round(steps * first)) + 1)[:-1]
