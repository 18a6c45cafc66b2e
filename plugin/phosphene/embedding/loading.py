"""Loads a model. A stranger may have made its files, so no code in them is run.

open_clip's classes get the configuration that `weights` has checked, so that nothing else in the file is
used. transformers gets a folder with filtered copies, see `plain`.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import open_clip
import torch
from safetensors import SafetensorError

from phosphene.embedding import plain, repositories
from phosphene.embedding.weights import Weights
from phosphene.errors import ModelError, first_line

# The errors that open_clip, timm, transformers and torch raise for configurations and files that do not fit.
FAILURES = (
    *(RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, OSError),
    *(ImportError, ArithmeticError, MemoryError, RecursionError, UnpicklingError, SafetensorError),
)
CODE = re.compile("(?i)unsupported global|unrecognized function|can only (create|build)")  # torch's messages


def load_model(weights: Weights, device: torch.device) -> Any:
    """Build the architecture and load the weights into it.

    Raises ModelError if the file is damaged, contains code, or has weights of another architecture.
    """
    if weights.file.suffix != ".safetensors":
        check_pickle(weights.file)
    try:
        with _towers(weights.config) as config:
            check_size(config, weights.file)
            model = _built(config)
            check_input(model.visual, config)
        open_clip.load_checkpoint(model, str(weights.file))
    except FAILURES as error:
        message = f"`{weights.file}` cannot be loaded as `{weights.architecture}`: {first_line(error)}."
        raise ModelError(message, "name the architecture with which the weights were trained") from error
    model.to(device, memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)


def check_size(config: Mapping[str, Any], file: Path) -> None:
    """Raise ValueError if a model of this configuration has more weights than the file can contain.

    Every weight has at least one byte. Text models of transformers are not checked, because only those that
    open_clip lists are allowed.
    """
    if "hf_model_name" in config["text_cfg"]:
        return
    with torch.device("meta"):  # shapes without memory
        count = sum(parameter.numel() for parameter in _built(config).parameters())
    if count > file.stat().st_size:
        raise ValueError(
            f"it should have {count:,} weights, but the file has only {file.stat().st_size:,} bytes"
        )


def check_input(visual: Any, config: Mapping[str, Any]) -> None:
    """Raise ValueError if the image tower takes pictures of one size only, and of another than is configured.

    The names of timm's towers decide that size, and not the configuration.
    """
    patches: Any = getattr(getattr(visual, "trunk", None), "patch_embed", None)
    if not getattr(patches, "strict_img_size", False):
        return
    taken, given = tuple(patches.img_size), config["vision_cfg"].get("image_size", 224)
    if taken != (tuple(given) if isinstance(given, list) else (given, given)):
        name = config["vision_cfg"]["timm_model_name"]
        raise ValueError(f"`{name}` takes pictures of {taken[1]}×{taken[0]} pixels, and not of {given}")


@contextmanager
def _towers(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A configuration that open_clip builds without using the hub or other folders."""
    config = deepcopy(dict(given))
    text, vision = config["text_cfg"], config["vision_cfg"]
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    with ExitStack() as folders:
        if name := text.get("hf_model_name"):
            file = repositories.find(name, plain.CONFIG, name)
            text |= {"hf_model_name": str(folders.enter_context(plain.text_model_of(file)))}
            text["hf_model_pretrained"] = False
        yield config


def _built(given: Mapping[str, Any]) -> Any:
    """Build the model of a configuration, with the class that `open_clip.create_model` would choose."""
    config = deepcopy(dict(given))
    if not (config.pop("custom_text", False) or config["text_cfg"].get("hf_model_name")):
        return open_clip.CLIP(**config)
    return (open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP)(**config)


def check_pickle(file: Path) -> None:
    """Read a checkpoint with `weights_only=True`, which runs no code.

    This has to come first, because open_clip's own loader falls back to one that runs code. Raises ModelError
    if the file contains more than weights, or is damaged.
    """
    try:
        torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if not CODE.search(str(error)):
            raise _damaged(file) from error
        message = f"`{file}` contains Python code, which phosphene does not run."
        raise ModelError(message, "get it as safetensors, or convert it yourself if you trust it") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        if "TorchScript" in str(error):
            message = f"`{file}` is a TorchScript program and not a file of weights."
            raise ModelError(message, "save its `state_dict()` as safetensors") from error
        raise _damaged(file) from error


def _damaged(file: Path) -> ModelError:
    return ModelError(f"`{file}` is damaged, truncated, or not a checkpoint.", "download it again")
