"""Loads the components of a checkpoint: networks, tokenizers, schedulers and what prepares pictures.

A stranger may have made their files. Classes come from `classes`, settings are checked first, weights are
safetensors, and nothing in the files can name code, another file or a place on the hub.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.embedding import plain
from phosphene.errors import ModelError
from phosphene.generators.diffusers.classes import CLASSES, ComponentClass
from phosphene.generators.diffusers.clip_vocabulary import has_vocabulary, write_vocabulary
from phosphene.generators.diffusers.headers import Header, Shape, faults, read_header, summary, weight_files
from phosphene.generators.diffusers.settings import checked

if TYPE_CHECKING:
    import torch

SETTINGS = {
    "network": "config.json",
    "scheduler": "scheduler_config.json",
    "processor": "preprocessor_config.json",
    "chat_processor": "preprocessor_config.json",
    "tokenizer": "tokenizer_config.json",
}
IMAGE_ENCODER, CLIP_TOKENIZER = "CLIPVisionModelWithProjection", "CLIPTokenizer"
IDLE = ("position_ids", "inv_freq")  # weights that old files have and that nothing reads
# The names of the layers of attention in VAEs of 2022, which diffusers still reads.
FORMER_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


@dataclass(frozen=True, slots=True)
class Component:
    """A component by its folder. Its settings are checked, and nothing is loaded yet.

    A tokenizer's settings stay in its files, of which `plain` makes a copy without anything that names code.
    A network whose weights are part of a larger file has `weights`, which reads them under the names that
    diffusers or transformers has for them. So do the shapes of its `header`. A network of quantised weights
    has `open`, which loads it.
    """

    name: str
    kind: ComponentClass
    folder: Path
    config: Mapping[str, Any]
    header: Header | None = None  # only of a network
    weights: "Callable[[], dict[str, torch.Tensor]] | None" = None
    open: "Callable[[torch.dtype], Any] | None" = None


def find(folder: Path, name: str, class_name: str) -> Component:
    """The component in a folder, which a checkpoint calls `name`. Raises ModelError if it cannot be used."""
    found = described(folder, name, class_name)
    if found.kind.kind == "network":
        return replace(found, header=read_header(*weight_files(folder, found.kind.stem)))
    return found


def described(folder: Path, name: str, class_name: str) -> Component:
    """The component in a folder by its settings alone. Raises ModelError as `find` does."""
    if class_name not in CLASSES:
        raise ModelError(
            f"`{folder.parent}` has a `{name}` of the class `{class_name[:80]}`, and phosphene loads none.",
            hint="use a checkpoint that has only classes of diffusers and transformers",
        )
    kind = CLASSES[class_name]
    file = folder / SETTINGS[kind.kind]
    if not file.is_file():
        raise ModelError(f"`{file}` is missing.", hint="download the checkpoint again")
    config = {} if kind.kind == "tokenizer" else checked(plain.settings(file), file)
    if kind.name == IMAGE_ENCODER and "vision_config" in config:  # the folder has a whole CLIP
        config = {"projection_dim": config["projection_dim"], **config["vision_config"]}
    return Component(name, kind, folder, config)


def whole(components: Mapping[str, Component], place: Path) -> dict[str, Any]:
    """The networks without their weights, by the names of their components.

    Raises ModelError if a network lacks weights, or has weights of another shape or of another network.
    diffusers and transformers would fill them with random numbers and go on.
    """
    blanks = {name: blank(each) for name, each in components.items() if each.header}
    wrong = {name: lacks(components[name], network) for name, network in blanks.items()}
    if found := [f"{name} ({'; '.join(faults)})" for name, faults in wrong.items() if faults]:
        raise ModelError(
            f"The checkpoint `{place}` is not whole: {', '.join(found)}.",
            hint="download the checkpoint again",
        )
    return blanks


def blank(component: Component) -> Any:
    """The network of a component, with shapes but without memory for its weights."""
    import torch

    made, config = component.kind.load(), dict(component.config)
    with torch.device("meta"):
        if component.kind.module == "transformers":
            return made(made.config_class.from_dict(config))
        return made.from_config(config)


def lacks(component: Component, network: Any) -> list[str]:
    """What is wrong with the stored weights of a network, by their header alone."""
    assert component.header is not None
    wanted, names = _wanted(network)
    renamed = _renamed(component.header.shapes, names, component.kind)
    stored = {names.get(name, name): shape for name, shape in renamed.items()}
    wrong = faults(wanted, stored)
    if component.kind.module != "transformers":  # whose files often have the weights of other models, too
        spare = [name for name in stored if name not in wanted and not name.endswith(IDLE)]
        wrong += summary("unexpected", spare)
    return wrong


def load(component: Component, dtype: "torch.dtype") -> Any:
    """Load a component. Its weights have to be whole. Raises ModelError if its files do not fit."""
    made, config = component.kind.load(), dict(component.config)
    if component.kind.kind == "scheduler":
        return made.from_config(config)
    if component.kind.kind == "processor":
        return made.from_dict(config)
    if component.kind.kind == "chat_processor":
        return _chat_processor(component)
    if component.kind.kind == "tokenizer":
        return _tokenizer(component.folder, made)
    return _network(component, dtype).eval().requires_grad_(False)


def _tokenizer(place: Path, made: Any) -> Any:
    with plain.tokenizer_of(place) as folder:
        if made.__name__ == CLIP_TOKENIZER and not has_vocabulary(folder):
            write_vocabulary(folder)
        return made.from_pretrained(str(folder), local_files_only=True)


def _chat_processor(component: Component) -> Any:
    """What makes a message of words and pictures. Its template is a program, so none is read."""
    from transformers import Qwen2Tokenizer, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    pictures = Qwen2VLImageProcessor.from_dict(dict(component.config))
    tokenizer = _tokenizer(component.folder, Qwen2Tokenizer)
    return component.kind.load()(pictures, tokenizer, Qwen2VLVideoProcessor())


def _network(component: Component, dtype: "torch.dtype") -> Any:
    """A network with its weights. Raises ModelError if weights are missing that the header check missed."""
    assert component.header is not None
    if component.open:
        return component.open(dtype)
    made = component.kind.load()
    if component.kind.module == "transformers":
        weights = component.weights() if component.weights else _weights(component.header)
        config = made.config_class.from_dict(dict(component.config))
        network, report = made.from_pretrained(
            None, config=config, state_dict=weights, dtype=dtype, output_loading_info=True
        )
    elif component.weights:
        network = _assigned(made, component.config, component.weights(), dtype)
        report = {"missing_keys": []}  # they would have been an error
    else:
        network, report = made.from_pretrained(
            str(component.folder),
            torch_dtype=dtype,
            variant=_variant(component.header),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"`{component.folder}` is not whole: {'; '.join(summary('missing', missing))}.",
            hint="download the checkpoint again",
        )
    return network


def _weights(header: Header) -> "dict[str, torch.Tensor]":
    from safetensors.torch import load_file

    return {name: weight for file in header.files for name, weight in load_file(file).items()}


def _assigned(
    made: Any, config: Mapping[str, Any], weights: "dict[str, torch.Tensor]", dtype: "torch.dtype"
) -> Any:
    """A network of diffusers that has exactly these weights.

    They are copied to memory of their own. Otherwise their alignment in the file would decide how some
    processors add up, and so the last bit of a picture.
    """
    from accelerate import init_empty_weights

    with init_empty_weights():
        network = made.from_config(dict(config))
    network.load_state_dict({name: each.to(dtype, copy=True) for name, each in weights.items()}, assign=True)
    return network


def _variant(header: Header) -> str | None:
    """`fp16` for a file such as `model.fp16.safetensors`."""
    parts = header.files[0].name.split(".")
    return next((part[:4] for part in parts[1:-1] if part[:4] in ("fp16", "bf16")), None)


def _wanted(network: Any) -> tuple[dict[str, Shape], dict[str, str]]:
    """The shapes of the weights that a network has, and the name under which each of its names stands there.

    Weights that are tied to each other have several names, and files have any of them.
    """
    first: dict[int, str] = {}
    weights = network.state_dict(keep_vars=True)
    names = {name: first.setdefault(id(weight), name) for name, weight in weights.items()}
    return {name: tuple(weights[name].shape) for name in first.values()}, names


def _renamed(stored: Mapping[str, Shape], known: Container[str], kind: ComponentClass) -> dict[str, Shape]:
    """The stored shapes under the names that the installed versions of the libraries have for them."""
    return {_name(name, known, kind): shape for name, shape in stored.items()}


def _name(stored: str, known: Container[str], kind: ComponentClass) -> str:
    if stored in known:
        return stored
    for former, current in kind.beginnings:
        name = current + stored.removeprefix(former)
        if stored.startswith(former) and name in known:
            return name
    for prefix in kind.prefixes:
        for name in (stored.removeprefix(prefix), prefix + stored):
            if name in known:
                return name
    parts = stored.split(".")
    if len(parts) > 1 and parts[-2] in FORMER_ATTENTION:
        return ".".join([*parts[:-2], FORMER_ATTENTION[parts[-2]], parts[-1]])
    return stored
