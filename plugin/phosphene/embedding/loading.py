"""A model and its tokenizer, loaded from files that may be a stranger's: no code in them is run.

The configuration is handed to open_clip's classes as `weights` has checked it, so that nothing reads it a
second time. transformers sees a folder of its own, see `plain`.
"""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from safetensors import SafetensorError

from phosphene.embedding import hub, plain
from phosphene.embedding.weights import Weights, tokenizer_folder
from phosphene.errors import ModelError

# What open_clip, timm, transformers and torch raise for configurations and files that do not fit.
FAILURES = (
    *(RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, OSError),
    *(ImportError, ArithmeticError, MemoryError, RecursionError, UnpicklingError, SafetensorError),
)
CODE = re.compile("(?i)unsupported global|unrecognized function|can only (create|build)")  # in torch's words


def load_model(weights: Weights, device: torch.device) -> Any:
    """Build the architecture and put the weights into it.

    Raises ModelError where the file is damaged, holds code, or is of another architecture.
    """
    if weights.file.suffix != ".safetensors":
        check_pickle(weights.file)
    try:
        with _towers(weights.config) as config:
            check_size(config, weights.file)
            model = _built(config)
        open_clip.load_checkpoint(model, str(weights.file))
    except FAILURES as error:
        message = f"`{weights.file}` cannot be loaded as `{weights.architecture}`: {_first_line(error)}"
        raise ModelError(message, "name the architecture that the weights were trained in") from error
    model.to(device, memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)


def check_size(config: Mapping[str, Any], file: Path) -> None:
    """Raise ValueError where a configuration is of a larger model than a file of weights can be of.

    Weights have a byte each at least. Text models of transformers are left out: their sizes come with
    open_clip's own list of them.
    """
    if "hf_model_name" in config["text_cfg"]:
        return
    with torch.device("meta"):  # shapes without memory
        count = sum(parameter.numel() for parameter in _built(config).parameters())
    if count > file.stat().st_size:
        raise ValueError(f"it is to have {count:,} weights, and the file has {file.stat().st_size:,} bytes")


@contextmanager
def _towers(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A configuration that open_clip builds without asking the hub or looking into other folders."""
    config = deepcopy(dict(given))
    text, vision = config["text_cfg"], config["vision_cfg"]
    if "timm_model_name" in vision:
        vision["timm_model_pretrained"] = False
    with ExitStack() as folders:
        if name := text.get("hf_model_name"):
            file = hub.find(name, plain.CONFIG, name)
            text |= {"hf_model_name": str(folders.enter_context(plain.text_model_of(file)))}
            text["hf_model_pretrained"] = False
        yield config


def _built(given: Mapping[str, Any]) -> Any:
    """The model of a configuration, as `open_clip.create_model` chooses its class."""
    config = deepcopy(dict(given))
    if not (config.pop("custom_text", False) or config["text_cfg"].get("hf_model_name")):
        return open_clip.CLIP(**config)
    return (open_clip.CoCa if "multimodal_cfg" in config else open_clip.CustomTextCLIP)(**config)


def load_tokenizer(weights: Weights) -> Callable[..., torch.Tensor]:
    """open_clip's tokenizer of the model. Raises ModelError where its files are missing or damaged."""
    text = weights.config["text_cfg"]
    arguments = {"context_length": text.get("context_length", 77), **(text.get("tokenizer_kwargs") or {})}
    try:
        if not text.get("hf_tokenizer_name"):
            return SimpleTokenizer(**arguments)  # type: ignore[no-any-return]
        with plain.tokenizer_of(tokenizer_folder(weights)) as folder:
            return HFTokenizer(  # type: ignore[no-any-return]
                str(folder),
                tokenizer_mode=text.get("tokenizer_mode"),
                trust_remote_code=False,
                local_files_only=True,
                **arguments,
            )
    except FAILURES as error:
        message = f"the tokenizer of `{weights.name}` cannot be loaded: {_first_line(error)}"
        hint = f"`phosphene models fetch {weights.name}` brings what is missing"
        raise ModelError(message, hint) from error


def check_pickle(file: Path) -> None:
    """Read a checkpoint by torch's reader of plain weights, which runs no code.

    open_clip's own loader would fall back to one that does, so that this comes first.
    Raises ModelError where the file holds more than weights, or is damaged.
    """
    try:
        torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if not CODE.search(str(error)):
            raise _damaged(file) from error
        message = f"`{file}` holds Python code beside weights, which is never run"
        raise ModelError(message, "ask for it as safetensors, or convert it where you trust it") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        if "TorchScript" in str(error):
            message = f"`{file}` is a TorchScript program, not weights alone"
            raise ModelError(message, "save its `state_dict()` as safetensors") from error
        raise _damaged(file) from error


def _damaged(file: Path) -> ModelError:
    return ModelError(f"`{file}` is damaged, cut off, or no checkpoint", "fetch it anew")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:2]) or type(error).__name__)[:300]
