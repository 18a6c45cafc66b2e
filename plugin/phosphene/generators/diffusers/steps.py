"""What a scheduler's step reveals: progress, the predicted clean latents, and a chance to stop.

Not all pipelines have callbacks, and those that have them tell no clean latents. Every pipeline calls
`scheduler.step`, so that one wrapper round it serves all families.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import Tensor

# It gets the number of the step, from 1 on, the noise level and the predicted clean latents. If it returns
# False, the pipeline stops.
AfterStep = Callable[[int, float, Tensor], bool | None]


class Stopped(Exception):
    """The user stopped the pipeline."""


def watch(scheduler: Any, after_step: AfterStep) -> None:
    """Call `after_step` after each step of a scheduler. The scheduler must be used for one call only."""
    step, taken = scheduler.step, 0

    @wraps(step)  # pipelines look at its parameters
    def watched(
        output: Tensor, timestep: Any, sample: Tensor, *others: Any, return_dict: bool = True, **named: Any
    ) -> Any:
        nonlocal taken
        result = step(output, timestep, sample, *others, return_dict=True, **named)
        taken += 1
        sigma = noise_level(scheduler, float(timestep))
        clean = predicted(scheduler, result, sample, output, sigma)
        if after_step(taken, sigma, clean) is False:
            raise Stopped
        return result if return_dict else result.to_tuple()

    scheduler.step = watched


def noise_level(scheduler: Any, timestep: float) -> float:
    """The noise level of a timestep, where 1 is pure noise."""
    if is_flow(scheduler):
        return timestep / int(scheduler.config.num_train_timesteps)
    kept = scheduler.alphas_cumprod[round(timestep)]
    return float((1 - kept) ** 0.5)


def predicted(scheduler: Any, result: Any, sample: Tensor, output: Tensor, sigma: float) -> Tensor:
    """The clean latents that a step predicted. Schedulers keep them in different places."""
    for name in ("pred_original_sample", "denoised"):
        if (clean := getattr(result, name, None)) is not None:
            assert isinstance(clean, Tensor)
            return clean
    if outputs := getattr(scheduler, "model_outputs", None):  # UniPC and DPM-Solver++
        assert isinstance(outputs[-1], Tensor)
        return outputs[-1]
    return sample - sigma * output  # flow matching


def is_flow(scheduler: Any) -> bool:
    """Whether a scheduler walks the straight path of flow matching."""
    return type(scheduler).__name__.startswith("FlowMatch") or bool(scheduler.config.get("use_flow_sigmas"))
