"""Where the weights of a model of open_clip lie. They are found without loading them, mostly without torch.

`resolve` looks on this machine only; `fetch` downloads from the hub (`HF_ENDPOINT`, `HF_HOME`).
A model from the hub lies in a folder as open_clip writes it, so that from here on there are two
kinds: a folder with `open_clip_config.json`, and a checkpoint of an architecture that open_clip knows.
"""

import difflib
import functools
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.embedding import allowed, hub, plain
from phosphene.embedding.hub import CONFIG, TOKENIZERS, WEIGHTS
from phosphene.embedding.model_names import ModelName, notation, parse
from phosphene.errors import ModelError, listed
from phosphene.landscape import CLIP_FOLDER

TOKENIZER, TEXT_MODEL = "tokenizer_config.json", plain.CONFIG  # what such a repository has at least
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
    in_folder: bool  # whether its tokenizer lies beside it

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""
        return int(self.config["embed_dim"])


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be had by name, and whether it lies on this machine."""

    name: str
    dimension: int
    here: bool


def known() -> list[KnownModel]:
    """The built-in model and some for photographs; open_clip knows many more."""
    return [KnownModel(name, _dimension(name), _is_here(name)) for name in ("landscape", *TAGS)]


def resolve(name: str) -> Weights:
    """Find a model's weights on this machine. Raises ModelError, with what brings them as the hint."""
    found = _found(name)
    for repository, file in _elsewhere(found):
        hub.find(repository, file, name)
    return found


def fetch(name: str, *, on_progress: Callable[[int], None] | None = None) -> Weights:
    """Download what is missing of a model's weights, and find them.

    `on_progress` is told how many bytes have come since it was last called.
    Raises ModelError where there is no network, no such model, or no right to it.
    """
    named = parse(name)
    if named.kind == "hub":
        needed: dict[str | None, bool] = {CONFIG: True, None: True}
        needed.update(dict.fromkeys(TOKENIZERS, False))
        hub.fetch(named.model, needed, name, on_progress)
    elif named.kind == "tag":
        repository, checkpoint, _ = _tag(named)
        hub.fetch(repository, {checkpoint: True}, name, on_progress)
    for repository, file in _elsewhere(_found(name)):
        beside: dict[str | None, bool] = dict.fromkeys(TOKENIZERS, False) if file == TOKENIZER else {}
        hub.fetch(repository, {**beside, file: True}, name, on_progress)
    return resolve(name)


def _found(name: str) -> Weights:
    """The weights, and what lies beside them."""
    named = parse(name)
    if named.kind == "plugin":
        raise ModelError(
            f"`{name}` is a plugin, which keeps its own weights", hint=f"`--model {name}` opens it"
        )
    if named.kind == "built-in":
        return _folder(name, CLIP_FOLDER)
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


def _elsewhere(weights: Weights) -> list[tuple[str, str]]:
    """Repositories that open_clip names for a part of a model, and the file that is needed of each."""
    text, found = weights.config["text_cfg"], []
    if text.get("hf_tokenizer_name") and not weights.in_folder:
        found.append((text["hf_tokenizer_name"], TOKENIZER))
    if text.get("hf_model_name"):
        found.append((text["hf_model_name"], TEXT_MODEL))
    return found


def tokenizer_folder(weights: Weights) -> Path:
    """Where the files of a tokenizer lie: beside the weights, or in the repository that open_clip names."""
    if weights.in_folder:
        return weights.file.parent
    return hub.find(weights.config["text_cfg"]["hf_tokenizer_name"], TOKENIZER, weights.name).parent


def architecture(name: str) -> dict[str, Any]:
    """open_clip's configuration of an architecture. Raises ModelError where it knows none of the name."""
    known_ones = _architectures()
    if name not in known_ones:
        near = difflib.get_close_matches(name, known_ones, n=3, cutoff=0.5)
        hint = f"near it: {listed(near)}" if near else notation()
        raise ModelError(f"open_clip knows no architecture `{name}`", hint)
    return plain.settings(known_ones[name])


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
    config, preprocess = _described(folder / CONFIG)
    files = [folder / file for file in WEIGHTS if (folder / file).is_file()]
    if not files:
        raise ModelError(f"there are no weights in `{folder}`", f"put one of {listed(WEIGHTS)} there")
    same = (known for known, path in _architectures().items() if plain.settings(path) == config)
    return Weights(name, next(same, "custom"), config, preprocess, files[0], in_folder=True)


def _described(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The model and the preprocessing of a folder, checked: it may come from a stranger."""
    read = plain.settings(file)
    config, given = read.get("model_cfg"), read.get("preprocess_cfg") or {}
    parts = [config.get(part) for part in ("vision_cfg", "text_cfg")] if isinstance(config, dict) else []
    if not (isinstance(config, dict) and config.get("embed_dim") and all(isinstance(p, dict) for p in parts)):
        message = f"`{file}` has no `model_cfg` with `embed_dim`, `vision_cfg` and `text_cfg`"
        raise ModelError(message, "it is what open_clip's `save_pretrained` writes")
    allowed.check_model(config, file)
    text_model = config["text_cfg"].get("hf_model_name")
    if text_model and text_model not in _text_models():
        raise ModelError(
            f"`{file}` names in `text_cfg.hf_model_name` the model `{text_model[:80]}`, which no model of"
            " open_clip has",
            f"open_clip knows {listed(sorted(_text_models()))}",
        )
    preprocess = _preprocess(config, given if isinstance(given, dict) else {})
    allowed.check_preprocess(preprocess, file)
    return config, preprocess


def _text_models() -> set[str]:
    """The text models of transformers that open_clip's own architectures have."""
    texts = (plain.settings(path)["text_cfg"] for path in _architectures().values())
    return {text["hf_model_name"] for text in texts if "hf_model_name" in text}


def _checkpoint(named: ModelName, file: Path, preprocess: Mapping[str, Any]) -> Weights:
    """A file with the weights of an architecture that open_clip knows."""
    config = architecture(named.model)
    if not file.is_file():
        raise ModelError(f"there is no file `{file}`", f"write `{named.model}@` and the path of a checkpoint")
    if file.suffix not in SUFFIXES:
        raise ModelError(
            f"`{file}` is no checkpoint by its name", f"its name ends in one of {listed(SUFFIXES)}"
        )
    return Weights(named.text, named.model, config, _preprocess(config, preprocess), file, in_folder=False)


def _preprocess(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """How pictures are prepared: the defaults, what the model says, and its size of picture."""
    said = {key: value for key, value in given.items() if key in PREPROCESS and value is not None}
    merged = {**PREPROCESS, **said, "size": config["vision_cfg"].get("image_size", 224)}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in merged.items()}


def _tag(named: ModelName) -> tuple[str, str | None, Mapping[str, Any]]:
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
