"""Reads a generator from a folder as data and never as code, because a stranger may have made the folder.

diffusers' own loader imports the modules that `model_index.json` names, follows `auto_map`, and looks for
further files that other files name. Here the classes of the three networks and of the scheduler are chosen
from the tables of this module. Their configurations have known keys and bounded values, and the weights of
each network are in one safetensors file. `RetrievalPipeline.save_pretrained` writes such a folder.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from math import inf, isfinite
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from safetensors import safe_open
from torch import Tensor, nn

from phosphene.embedding.allowed import Check
from phosphene.files import inside
from phosphene.generators.retrieval import former_names
from phosphene.generators.retrieval.pipeline import SAMPLER, RetrievalPipeline
from phosphene.generators.retrieval.scheduling import Sampler, default_scheduler
from phosphene.nets.autoencoder import SCALE_FACTOR, Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.recipes.bounds import MAX_CANDIDATES, MAX_GUIDANCE, MAX_STEPS

INDEX, CONFIG, WEIGHTS = "model_index.json", "config.json", "diffusion_pytorch_model.safetensors"
MAX_CONFIG = 1 << 20  # bytes
NETWORKS: Mapping[str, Callable[..., Any]] = {
    "autoencoder": Autoencoder,
    "denoiser": Denoiser,
    "latent_encoder": LatentEncoder,
}


def _whole(most: int, least: int = 1) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def _number(most: float) -> Check:
    return lambda value: type(value) in (int, float) and isfinite(value) and 0 <= value <= most


def _text(longest: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _levels(most: int) -> Check:
    """Lists with one number per level of a network."""
    return lambda value: isinstance(value, list) and 0 < len(value) <= 8 and all(map(_whole(most), value))


SCHEDULER = "scheduler"
SCHEDULERS: Mapping[str, Any] = {
    made.__name__: made
    for made in (
        UniPCMultistepScheduler,
        DPMSolverMultistepScheduler,
        FlowMatchEulerDiscreteScheduler,
        EulerDiscreteScheduler,
    )
}
DIMENSION = _whole(65_535)
CHANNELS = {"latent_channels": _whole(256), "block_out_channels": _levels(4096)}
SHAPES: Mapping[str, Mapping[str, Check]] = {
    "autoencoder": {**CHANNELS, "sample_size": _whole(1024, 16), "layers_per_block": _whole(32)},
    "denoiser": {
        **CHANNELS,
        **{"dimension": DIMENSION, "sample_size": _whole(64), "layers_per_block": _levels(32)},
        **{"cross_attention_dim": _whole(4096), "num_attention_heads": _whole(64), "num_tokens": _whole(64)},
    },
    "latent_encoder": {**CHANNELS, "dimension": DIMENSION},
}
SETTINGS: Mapping[str, Check] = {
    **{"space": _text(4096), "dimension": DIMENSION, "licence": _text(4096), "neighbours": _whole(64, 0)},
    **{"num_inference_steps": _whole(MAX_STEPS), "candidates": _whole(MAX_CANDIDATES)},
    **dict.fromkeys(("guidance_scale", "image_guidance_scale"), _number(MAX_GUIDANCE)),
    "neighbour_strength": _number(1),
}


def read(folder: Path) -> RetrievalPipeline:
    """The pipeline in a folder, in full precision. Raises ValueError if the folder holds no valid one."""
    index = _settings(folder, INDEX)
    parts = {*NETWORKS, *former_names.NETWORKS.values(), SCHEDULER}
    settings = {key: value for key, value in index.items() if key not in parts}
    _check(INDEX, settings, SETTINGS)
    networks = {name: _network(folder, name) for name in NETWORKS}
    _check_fit(settings, **networks)
    pipeline = RetrievalPipeline(**networks, scheduler=_scheduler(folder), **settings)
    pipeline.set_progress_bar_config(disable=True)  # type: ignore[no-untyped-call]
    return pipeline


def digest(folder: Path) -> str:
    """The sha256 of everything that decides its pictures: the sampler, and the networks' shapes and weights.

    A scheduler other than the default one counts too. The digest does not change if a network's folder was
    renamed, or if the generator was published again under other names; see `former_names`.
    """
    total = hashlib.sha256(f"sampler {SAMPLER}".encode())
    for network in sorted(NETWORKS):
        name = former_names.stored_name(folder, network)
        shape = [former_names.NETWORKS.get(network, network), _json(folder, f"{name}/{CONFIG}")]
        total.update(json.dumps(shape, sort_keys=True).encode())
        with _file(folder, f"{name}/{WEIGHTS}").open("rb") as weights:
            total.update(hashlib.file_digest(weights, "sha256").digest())
    scheduler, usual = _scheduler(folder), default_scheduler()
    if _identity(scheduler) != _identity(usual):
        total.update(_identity(scheduler).encode())
    return former_names.DIGESTS.get(total.hexdigest(), total.hexdigest())


def _identity(scheduler: Any) -> str:
    """The class and the settings of a scheduler."""
    settings = {key: value for key, value in scheduler.config.items() if not key.startswith("_")}
    return json.dumps([type(scheduler).__name__, settings], sort_keys=True)


def _scheduler(folder: Path) -> Any:
    """The scheduler in a folder, whose class is one of `SCHEDULERS`, or else the default scheduler."""
    name = f"{SCHEDULER}/scheduler_config.json"
    if not inside(folder, name).exists():
        return default_scheduler()
    named = str(_json_object(folder, name).get("_class_name"))
    if named not in SCHEDULERS:
        raise ValueError(f"{name} names the scheduler {named[:80]!r}, which phosphene does not use")
    # The default of `lambda_min_clipped` of DPM-Solver is minus infinity, which is left out.
    settings = {key: value for key, value in _json(folder, name).items() if value != -inf}
    _check(name, settings, _scheduler_settings())
    scheduler = SCHEDULERS[named].from_config(settings)
    _check_scheduler(scheduler)
    return scheduler


def _scheduler_settings() -> dict[str, Check]:
    """The settings of all schedulers: `from_config` keeps those of the class that it converts from."""
    known: dict[str, Check] = {}
    for made in SCHEDULERS.values():
        parameters = inspect.signature(made).parameters.values()
        known |= {each.name: _like(each.default) for each in parameters}
    return known | {"num_train_timesteps": _whole(10_000), "solver_order": _whole(3)}


def _like(default: Any) -> Check:
    """Accepts values of the same kind as a scheduler's default value."""
    if isinstance(default, bool):
        return lambda value: isinstance(value, bool)
    if isinstance(default, str):
        return _text(64)
    if isinstance(default, int | float):
        return _number(10_000)
    if default is None:
        return lambda value: value is None or _number(10_000)(value)
    return lambda value: value == list(default)


def _check_scheduler(scheduler: Any) -> None:
    """Take one step with a scheduler. Raises ValueError if its settings do not fit together."""
    try:
        Sampler(scheduler, 2, 1.0).step(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), 0)
    except (AssertionError, ValueError, TypeError, ArithmeticError, LookupError, RuntimeError) as error:
        raise ValueError(f"its scheduler cannot be used: {error}") from error


def _network(folder: Path, network: str) -> Any:
    """One network with its weights. The file has to have the weights that the configuration asks for."""
    name = former_names.stored_name(folder, network)
    shape = _settings(folder, f"{name}/{CONFIG}")
    _check(f"{name}/{CONFIG}", shape, SHAPES[network])
    make = partial(NETWORKS[network], **shape)
    with torch.device("meta"):  # shapes without memory
        wanted = {key: tuple(value.shape) for key, value in make().state_dict().items()}
    weights = _weights(network, _file(folder, f"{name}/{WEIGHTS}"), wanted)
    made: nn.Module = make()
    made.load_state_dict(weights, assign=True)
    return made.eval()


def _weights(network: str, file: Path, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The weights with these names and shapes, in full precision.

    They are copied to memory of their own. Otherwise their alignment in the file would decide how some
    processors add up, and so the last bit of a picture.
    """
    name = file.parent.name
    with safe_open(file, "pt") as opened:
        stored = former_names.weight_names(network, opened.keys())
        if missing := sorted(wanted.keys() - stored.keys()):
            raise ValueError(f"{name} lacks {missing[0]} ({len(missing)} in all)")
        shapes = {key: tuple(opened.get_slice(stored[key]).get_shape()) for key in wanted}
        if odd := [key for key in wanted if shapes[key] != wanted[key]]:
            raise ValueError(f"{name} has {odd[0]} as {shapes[odd[0]]}, not {wanted[odd[0]]}")
        return {key: opened.get_tensor(stored[key]).to(torch.float32, copy=True) for key in wanted}


def _check_fit(settings: Mapping[str, Any], autoencoder: Any, denoiser: Any, latent_encoder: Any) -> None:
    """Raise ValueError if the networks do not fit together."""
    shape = denoiser.config
    for key, others in (("latent_channels", (autoencoder, latent_encoder)), ("dimension", (latent_encoder,))):
        if any(other.config[key] != shape[key] for other in others):
            raise ValueError(f"its networks have different values of `{key}`")
    if settings.get("dimension", shape["dimension"]) != shape["dimension"]:
        raise ValueError(f"{INDEX} and the denoiser have different values of `dimension`")
    if autoencoder.config["sample_size"] != SCALE_FACTOR * shape["sample_size"]:
        raise ValueError(f"the autoencoder's `sample_size` is not {SCALE_FACTOR} times the denoiser's")
    if shape["sample_size"] % 2 ** (len(shape["block_out_channels"]) - 1):
        raise ValueError("the denoiser's `sample_size` cannot be halved at every level")
    if any(channels % shape["num_attention_heads"] for channels in shape["block_out_channels"]):
        raise ValueError("the denoiser's `block_out_channels` are not multiples of its `num_attention_heads`")


def _settings(folder: Path, name: str) -> dict[str, Any]:
    """The settings in a file, with the names of today."""
    return former_names.renamed_settings(_json(folder, name))


def _json(folder: Path, name: str) -> dict[str, Any]:
    """The JSON object in a file, without the keys that diffusers adds for itself."""
    return {key: value for key, value in _json_object(folder, name).items() if not key.startswith("_")}


def _json_object(folder: Path, name: str) -> dict[str, Any]:
    file = _file(folder, name)
    if file.stat().st_size > MAX_CONFIG:
        raise ValueError(f"{name} is larger than {MAX_CONFIG:,} bytes")
    found = json.loads(file.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{name} is not a JSON object")
    return found


def _check(name: str, found: Mapping[str, Any], allowed: Mapping[str, Check]) -> None:
    for key, value in found.items():
        if key not in allowed:
            raise ValueError(f"{name} has the key {key[:80]!r}, which no generator of phosphene has")
        if not allowed[key](value):
            raise ValueError(f"{name} has an odd value of `{key}`: {str(value)[:80]!r}")


def _file(folder: Path, name: str) -> Path:
    """A file of the generator. Links to files outside of the folder are refused."""
    file = inside(folder, name)
    if not file.is_file():
        raise ValueError(f"{name} is missing")
    return file
