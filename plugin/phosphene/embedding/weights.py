"""Finds the weights of open_clip's models without loading them, mostly without importing torch.

`resolve` looks only on this machine, and `fetch` downloads from the hub (`HF_ENDPOINT`, `HF_HOME`). Models
are of two kinds: a folder with `open_clip_config.json`, to which the models of the hub belong, and a
checkpoint of an architecture that open_clip lists.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.embedding import allowed, plain, repositories
from phosphene.embedding.architectures import architecture, architectures, text_models
from phosphene.embedding.model_names import ModelName, parse
from phosphene.embedding.repositories import CONFIG, TOKENIZERS, WEIGHTS
from phosphene.embedding.tags import PREPROCESS, TAGS, usual_preprocess
from phosphene.errors import ModelError, listed
from phosphene.landscape import CLIP_FOLDER

TOKENIZER, TEXT_MODEL = "tokenizer_config.json", plain.CONFIG  # files that such repositories always have
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything that is needed to load a model. Nothing is loaded yet."""

    name: str
    architecture: str  # "custom" if open_clip has no name for it
    config: Mapping[str, Any]  # open_clip's model_cfg
    preprocess: Mapping[str, Any]
    file: Path
    in_folder: bool  # whether the files of its tokenizer are beside it

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""
        return int(self.config["embed_dim"])


def resolve(name: str) -> Weights:
    """Find a model's weights on this machine. Raises ModelError, whose hint says how to download them."""
    found = _found(name)
    for repository, file in _other_repositories(found):
        repositories.find(repository, file, name)
    return found


def fetch(name: str, *, on_progress: Callable[[int], None] | None = None) -> Weights:
    """Download the missing files of a model, and find its weights.

    `on_progress` is called with the number of bytes since its last call. Raises ModelError if there is no
    network or no such model, or if the user may not have it.
    """
    named = parse(name)
    if named.kind == "hub":
        needed: dict[str | None, bool] = {CONFIG: True, None: True}
        needed.update(dict.fromkeys(TOKENIZERS, False))
        repositories.fetch(named.model, needed, name, on_progress)
    elif named.kind == "tag":
        repository, checkpoint, _ = _tag(named)
        repositories.fetch(repository, {checkpoint: True}, name, on_progress)
    for repository, file in _other_repositories(_found(name)):
        beside: dict[str | None, bool] = dict.fromkeys(TOKENIZERS, False) if file == TOKENIZER else {}
        repositories.fetch(repository, {**beside, file: True}, name, on_progress)
    return resolve(name)


def _found(name: str) -> Weights:
    """The weights and the files beside them, but not those in other repositories."""
    named = parse(name)
    if named.kind == "plugin":
        raise ModelError(
            f"`{name}` is a model of a plugin, which manages its weights itself.",
            hint=f"use it with `--model {name}`",
        )
    if named.kind == "built-in":
        return _folder(name, CLIP_FOLDER)
    if named.kind == "folder":
        return _folder(name, named.path)
    if named.kind == "file":
        return _checkpoint(named, named.path, usual_preprocess(named.model))
    if named.kind == "hub":
        config = repositories.find(named.model, CONFIG, name)
        repositories.find(named.model, None, name)
        return _folder(name, config.parent)
    repository, file, preprocess = _tag(named)
    return _checkpoint(named, repositories.find(repository, file, name), preprocess)


def _other_repositories(weights: Weights) -> list[tuple[str, str]]:
    """The other repositories that have a part of a model, and the file that is needed of each."""
    text, found = weights.config["text_cfg"], []
    if text.get("hf_tokenizer_name") and not weights.in_folder:
        found.append((text["hf_tokenizer_name"], TOKENIZER))
    if text.get("hf_model_name"):
        found.append((text["hf_model_name"], TEXT_MODEL))
    return found


def tokenizer_folder(weights: Weights) -> Path:
    """The folder with the files of a tokenizer: that of the weights, or that of another repository."""
    if weights.in_folder:
        return weights.file.parent
    return repositories.find(weights.config["text_cfg"]["hf_tokenizer_name"], TOKENIZER, weights.name).parent


def _folder(name: str, folder: Path) -> Weights:
    """The weights in a folder that open_clip wrote."""
    if not folder.is_dir():
        raise ModelError(f"There is no folder `{folder}`.", "write `local-dir:` and the folder of a model")
    if not (folder / CONFIG).is_file():
        raise ModelError(
            f"There is no `{CONFIG}` in `{folder}`.", "name a folder that open_clip's `save_pretrained` wrote"
        )
    config, preprocess = _described(folder / CONFIG)
    files = [folder / file for file in WEIGHTS if (folder / file).is_file()]
    if not files:
        raise ModelError(f"There are no weights in `{folder}`.", f"put one of {listed(WEIGHTS)} there")
    same = (known for known, path in architectures().items() if plain.settings(path) == config)
    return Weights(name, next(same, "custom"), config, preprocess, files[0], in_folder=True)


def _described(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The checked configurations of a model and of its preprocessing. A stranger may have written them."""
    read = plain.settings(file)
    config, given = read.get("model_cfg"), read.get("preprocess_cfg") or {}
    parts = [config.get(part) for part in ("vision_cfg", "text_cfg")] if isinstance(config, dict) else []
    if not (isinstance(config, dict) and config.get("embed_dim") and all(isinstance(p, dict) for p in parts)):
        message = f"`{file}` has no `model_cfg` with `embed_dim`, `vision_cfg` and `text_cfg`."
        raise ModelError(message, "name a folder that open_clip's `save_pretrained` wrote")
    allowed.check_model(config, file)
    text_model = config["text_cfg"].get("hf_model_name")
    if text_model and text_model not in text_models():
        raise ModelError(
            f"`{file}` has the model `{text_model[:80]}` as its `text_cfg.hf_model_name`, which no model of"
            " open_clip has.",
            f"use a model with one of open_clip's own: {listed(sorted(text_models()))}",
        )
    preprocess = _preprocess(config, given if isinstance(given, dict) else {})
    allowed.check_preprocess(preprocess, file)
    return config, preprocess


def _checkpoint(named: ModelName, file: Path, preprocess: Mapping[str, Any]) -> Weights:
    """A file with weights of an architecture that open_clip has."""
    config = architecture(named.model)
    if not file.is_file():
        raise ModelError(
            f"There is no file `{file}`.", f"write `{named.model}@` and the path of a checkpoint"
        )
    if file.suffix not in SUFFIXES:
        raise ModelError(
            f"`{file}` does not have the name of a checkpoint.",
            f"name a file that ends in one of {listed(SUFFIXES)}",
        )
    return Weights(named.text, named.model, config, _preprocess(config, preprocess), file, in_folder=False)


def _preprocess(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings for preparing pictures: the defaults, then the given ones, then the model's size."""
    known = {key: value for key, value in given.items() if key in PREPROCESS and value is not None}
    merged = {**PREPROCESS, **known, "size": config["vision_cfg"].get("image_size", 224)}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in merged.items()}


def _tag(named: ModelName) -> tuple[str, str | None, Mapping[str, Any]]:
    """The repository, the file (None for the usual names) and the preprocessing of an open_clip tag."""
    if listed_tag := TAGS.get(named.text):
        return listed_tag.repository, None, listed_tag.preprocess
    config = architecture(named.model)
    from open_clip import pretrained

    tag = pretrained.get_pretrained_cfg(named.model, named.rest)
    if not tag:
        tags = pretrained.list_pretrained_tags_by_model(named.model)
        hint = f"use one of {listed(tags)}" if tags else f"name a checkpoint: `{named.model}@FILE`"
        raise ModelError(f"open_clip has no weights `{named.rest}` for `{named.model}`.", hint)
    if tag.get("quick_gelu", False) != config.get("quick_gelu", False):
        other = named.model.removesuffix("-quickgelu")
        other += "-quickgelu" if tag.get("quick_gelu") else ""
        raise ModelError(
            f"The weights `{named.rest}` were trained with another activation than `{named.model}` has.",
            f"write `{other}/{named.rest}`",
        )
    repository, _, file = tag["hf_hub"].rpartition("/")
    if not repository:
        hint = f"download {tag['url']} and write `{named.model}@FILE`"
        raise ModelError(f"`{named.text}` is not on the hub.", hint)
    return repository, file or None, tag
