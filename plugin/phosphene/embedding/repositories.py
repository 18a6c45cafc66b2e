"""Finds the files of open_clip's models in the hub's cache on this machine, and downloads them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from phosphene import hub
from phosphene.errors import ModelError, listed

CONFIG = "open_clip_config.json"
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
TOKENIZERS = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"),
    *("vocab.txt", "spiece.model", "sentencepiece.bpe.model"),
)


class NotDownloaded(ModelError):
    """Weights that are not on this machine, but perhaps on the hub."""


def find(repository: str, file: str | None, name: str) -> Path:
    """The path of a repository's file on this machine. A `file` of None stands for its weights.

    Raises NotDownloaded if it is not on this machine.
    """
    for wanted in _alternatives(file):
        if found := hub.cached(repository, wanted):
            return found
    raise NotDownloaded(f"The weights of `{name}` are not on this machine.", _how_to_fetch(name))


def _alternatives(file: str | None) -> tuple[str, ...]:
    """The names to look for, safetensors first, because such a file cannot contain code."""
    if file is None:
        return WEIGHTS
    stem, _, suffix = file.rpartition(".")
    return (f"{stem}.safetensors", file) if suffix in ("bin", "pt", "pth") else (file,)


def fetch(
    repository: str, files: Mapping[str | None, bool], name: str, on_progress: Callable[[int], None] | None
) -> None:
    """Download files of a repository. `files` says which of them are needed; None stands for the weights.

    Raises ModelError if the hub cannot be reached, or if the repository or a needed file does not exist.
    """
    try:
        found = hub.look_up(repository)
        for file, needed in files.items():
            path = next((path for path in _alternatives(file) if path in found.files), None)
            if path:
                hub.download(found, found.files[path], on_progress)
            elif needed:
                raise _without(repository, file)
    except hub.HubError as error:
        if error.hint:
            raise
        message = f"The weights of `{name}` could not be fetched. {error.message}"
        raise ModelError(message, _how_to_fetch(name)) from error


def _without(repository: str, file: str | None) -> ModelError:
    return ModelError(
        f"The repository `{repository}` has no {listed(_alternatives(file))}.",
        f"choose a repository with a model of open_clip: with {CONFIG} and one of {listed(WEIGHTS)}",
    )


def _how_to_fetch(name: str) -> str:
    return (
        f"run `phosphene models fetch {name}` with a network connection, or copy the folder of the model to"
        " this machine and name it as `local-dir:PATH`"
    )
