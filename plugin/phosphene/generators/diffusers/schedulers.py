"""The schedulers that a user can choose by a short name, and how to make one for a checkpoint."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from phosphene.generators.diffusers.families import Family

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class SchedulerChoice:
    """A class of diffusers, the entries that its config needs, and its name in AUTOMATIC1111's web UI."""

    class_name: str
    sampler: str
    config: Mapping[str, Any] = field(default_factory=dict)


# Kandinsky's network also predicts a variance, which DPM-Solver++ cannot use.
DPM = {"variance_type": None}
SCHEDULERS: Mapping[str, SchedulerChoice] = {
    "unipc": SchedulerChoice("UniPCMultistepScheduler", "UniPC"),
    "dpm++": SchedulerChoice("DPMSolverMultistepScheduler", "DPM++ 2M", {"use_karras_sigmas": False, **DPM}),
    "dpm++-karras": SchedulerChoice(
        "DPMSolverMultistepScheduler", "DPM++ 2M Karras", {"use_karras_sigmas": True, **DPM}
    ),
    "euler": SchedulerChoice("EulerDiscreteScheduler", "Euler"),
    # One step from pure noise, as models that were distilled to one step need it.
    "euler-trailing": SchedulerChoice("EulerDiscreteScheduler", "Euler", {"timestep_spacing": "trailing"}),
    "euler-a": SchedulerChoice("EulerAncestralDiscreteScheduler", "Euler a"),
    "heun": SchedulerChoice("HeunDiscreteScheduler", "Heun"),
    "ddim": SchedulerChoice("DDIMScheduler", "DDIM"),
    "ddpm": SchedulerChoice("DDPMScheduler", "DDPM"),
    "lcm": SchedulerChoice("LCMScheduler", "LCM"),
    "flow-euler": SchedulerChoice("FlowMatchEulerDiscreteScheduler", "Euler", {"use_karras_sigmas": False}),
    "flow-euler-karras": SchedulerChoice(
        "FlowMatchEulerDiscreteScheduler", "Euler Karras", {"use_karras_sigmas": True}
    ),
    "flow-heun": SchedulerChoice("FlowMatchHeunDiscreteScheduler", "Heun"),
    "flow-unipc": SchedulerChoice(
        "UniPCMultistepScheduler",
        "UniPC",
        {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "use_karras_sigmas": False},
    ),
}


def default_name(own: Any, family: Family) -> str:
    """The short name of a checkpoint's own scheduler.

    PNDM, which many checkpoints of Stable Diffusion name, predicts no clean picture to preview. It is
    replaced by the family's first scheduler, and so is every other one that the family does not list.
    """
    return next((name for name in family.schedulers if _is(own, SCHEDULERS[name])), family.schedulers[0])


def scheduler(name: str, own: Any) -> Any:
    """A new scheduler of a short name, with the noise levels that a checkpoint's own one was trained for."""
    choice = SCHEDULERS[name]
    made: Any = getattr(import_module("diffusers"), choice.class_name)
    if name.startswith("flow-"):
        return _for_flow(made, own, choice)
    return made.from_config(own.config, **choice.config)


def _for_flow(solver: Any, own: Any, choice: SchedulerChoice) -> Any:
    """A solver of the path of flow matching, as its pipelines use it.

    Some solvers have other names for the shift of the noise levels and for `scale_noise`.
    """
    known = inspect.signature(solver.__init__).parameters
    config = {"flow_shift": own.config.get("shift", 1.0), **own.config, **choice.config}
    made = solver.from_config({name: value for name, value in config.items() if name in known})

    def scale_noise(sample: "Tensor", timestep: "Tensor", noise: "Tensor") -> Any:
        return made.add_noise(sample, noise, timestep)

    if not hasattr(made, "scale_noise"):
        made.scale_noise = scale_noise
    return made


def _is(own: Any, choice: SchedulerChoice) -> bool:
    named = type(own).__name__ == choice.class_name
    return named and all(own.config.get(key) == value for key, value in choice.config.items())
