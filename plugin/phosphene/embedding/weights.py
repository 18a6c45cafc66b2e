"""Where a space's weights lie: found here without loading them, and mostly without importing torch.

`resolve` looks on this machine only; `fetch` downloads from the hub (`HF_ENDPOINT`, `HF_HOME`).
A model from the hub lies in a folder as open_clip writes it, so that from here on there are two
kinds: a folder with `open_clip_config.json`, and a checkpoint of an architecture that open_clip knows.
"""

import difflib
import functools
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.embedding import SHIPPED, hub
from phosphene.embedding.hub import CONFIG, TOKENIZERS, WEIGHTS, listed
from phosphene.embedding.names import NOTATION, Named, parse
from phosphene.errors import ModelError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
PREPROCESS: Mapping[str, Any] = {  # what open_clip does where a model says nothing else
    "size": 224,
    "mode": "RGB",
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
    "fill_color": 0,
}
TAGS: Mapping[str, str] = {  # repositories of tags that are found without importing open_clip
    "ViT-B-32-256/datacomp_s34b_b86k": "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
    "ViT-B-16/datacomp_xl_s13b_b90k": "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
    "ViT-L-14/datacomp_xl_s13b_b90k": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "ViT-H-14/laion2b_s32b_b79k": "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
}


@dataclass(frozen=True, slots=True)
class Weights:
    """All that is needed to load a model; nothing is loaded yet."""

    name: str
    architecture: str  # "custom" where open_clip has no name for it
    config: Mapping[str, Any]  # open_clip's model_cfg
    preprocess: Mapping[str, Any]
    file: Path
    model: str  # what open_clip's `create_model` and `get_tokenizer` take

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""
        return int(self.config["embed_dim"])


@dataclass(frozen=True, slots=True)
class Known:
    """A model that can be had by name, and whether it lies on this machine."""

    name: str
    dimension: int
    here: bool


def known() -> list[Known]:
    """The built-in model and some for photographs; open_clip knows many more."""
    return [Known(name, _dimension(name), _is_here(name)) for name in ("landscape", *TAGS)]


def resolve(name: str) -> Weights:
    """Find a space's weights on this machine. Raises ModelError, with what brings them as the hint."""
    named = parse(name)
    if named.kind == "built-in":
        return _folder(name, SHIPPED)
    if named.kind == "folder":
        return _folder(name, named.path)
    if named.kind == "file":
        return _checkpoint(named, named.path, PREPROCESS)
    if named.kind == "hub":
        config = hub.find(named.model, CONFIG, name)
        hub.find(named.model, None, name)
        return _folder(name, config.parent)
    repository, file, preprocess = _tag(named)
    return _checkpoint(named, hub.find(repository, file, name), preprocess)


def fetch(name: str, *, on_progress: Callable[[int], None] | None = None) -> Weights:
    """Download what is missing of a space's weights, and find them.

    `on_progress` is told how many bytes have come since it was last called.
    Raises ModelError where there is no network, no such model, or no right to it.
    """
    named = parse(name)
    if named.kind == "hub":
        needed: dict[str | None, bool] = {CONFIG: True, None: True}
        needed.update(dict.fromkeys(TOKENIZERS, False))
        hub.fetch(named.model, needed, name, on_progress)
    elif named.kind == "tag":
        repository, file, _ = _tag(named)
        hub.fetch(repository, {file: True}, name, on_progress)
        if "hf_tokenizer_name" in architecture(named.model)["text_cfg"]:  # lies in a repository of its own
            from phosphene.embedding.openclip import load_tokenizer

            load_tokenizer(resolve(name))
    return resolve(name)


def architecture(name: str) -> dict[str, Any]:
    """open_clip's configuration of an architecture. Raises ModelError where it knows none of the name."""
    known_ones = _architectures()
    if name not in known_ones:
        near = difflib.get_close_matches(name, known_ones, n=3, cutoff=0.5)
        hint = f"near it: {listed(near)}" if near else NOTATION
        raise ModelError(f"open_clip knows no architecture `{name}`", hint)
    return dict(_read_json(known_ones[name]))


@functools.cache
def _architectures() -> dict[str, Path]:
    spec = importlib.util.find_spec("open_clip")  # finds the folder, imports nothing
    folders = spec.submodule_search_locations if spec else None
    return {path.stem: path for folder in folders or [] for path in Path(folder).glob("model_configs/*.json")}


def _folder(name: str, folder: Path) -> Weights:
    """A folder as open_clip writes it."""
    if not folder.is_dir():
        raise ModelError(f"there is no folder `{folder}`", "write `local-dir:` and the folder of a model")
    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"there is no `{CONFIG}` in `{folder}`", "it is what open_clip's `save_pretrained` writes"
        )
    read = _read_json(folder / CONFIG)
    config = read.get("model_cfg") if isinstance(read, dict) else None
    if not isinstance(config, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(config):
        message = f"`{folder / CONFIG}` has no `model_cfg` with `embed_dim`, `vision_cfg` and `text_cfg`"
        raise ModelError(message, "it is what open_clip's `save_pretrained` writes")
    files = [folder / file for file in WEIGHTS if (folder / file).is_file()]
    if not files:
        raise ModelError(f"there are no weights in `{folder}`", f"put one of {listed(WEIGHTS)} there")
    same = (known for known, path in _architectures().items() if _read_json(path) == config)
    preprocess = _preprocess(config, read.get("preprocess_cfg") or {})
    return Weights(name, next(same, "custom"), config, preprocess, files[0], f"local-dir:{folder}")


def _checkpoint(named: Named, file: Path, preprocess: Mapping[str, Any]) -> Weights:
    """A file with the weights of an architecture that open_clip knows."""
    config = architecture(named.model)
    if not file.is_file():
        raise ModelError(f"there is no file `{file}`", f"write `{named.model}@` and the path of a checkpoint")
    if file.suffix not in SUFFIXES:
        raise ModelError(
            f"`{file}` is no checkpoint by its name", f"its name ends in one of {listed(SUFFIXES)}"
        )
    return Weights(named.text, named.model, config, _preprocess(config, preprocess), file, named.model)


def _preprocess(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """How pictures are prepared: the defaults, what the model says, and its size of picture."""
    said = {key: value for key, value in given.items() if key in PREPROCESS and value is not None}
    merged = {**PREPROCESS, **said, "size": config["vision_cfg"].get("image_size", 224)}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in merged.items()}


def _tag(named: Named) -> tuple[str, str | None, Mapping[str, Any]]:
    """The repository, the file (None: the usual one) and the preprocessing of one of open_clip's tags."""
    if named.text in TAGS:
        return TAGS[named.text], None, PREPROCESS
    config = architecture(named.model)
    from open_clip import pretrained

    tag = pretrained.get_pretrained_cfg(named.model, named.rest)
    if not tag:
        tags = pretrained.list_pretrained_tags_by_model(named.model)
        hint = f"it has {listed(tags)}" if tags else f"`{named.model}@FILE` takes a checkpoint"
        raise ModelError(f"`{named.model}` has no weights `{named.rest}`", hint)
    if tag.get("quick_gelu", False) != config.get("quick_gelu", False):
        other = named.model.removesuffix("-quickgelu")
        other += "-quickgelu" if tag.get("quick_gelu") else ""
        raise ModelError(
            f"`{named.rest}` was trained with another activation", f"write `{other}/{named.rest}`"
        )
    repository, _, file = tag["hf_hub"].rpartition("/")
    if not repository:
        hint = f"download {tag['url']} and write `{named.model}@FILE`"
        raise ModelError(f"`{named.text}` is not on the hub", hint)
    return repository, file or None, tag


def _is_here(name: str) -> bool:
    try:
        resolve(name)
    except ModelError:
        return False
    return True


def _dimension(name: str) -> int:
    named = parse(name)
    return int(architecture(named.model)["embed_dim"]) if named.kind == "tag" else resolve(name).dimension


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"`{path}` is no JSON: {error}", "fetch or write the model anew") from error
