"""The schedulers that a user can choose by a short name, and how to make one for a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from phosphene.generators.diffusers.families import Family


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
    return made.from_config(own.config, **choice.config)


def _is(own: Any, choice: SchedulerChoice) -> bool:
    named = type(own).__name__ == choice.class_name
    return named and all(own.config.get(key) == value for key, value in choice.config.items())
