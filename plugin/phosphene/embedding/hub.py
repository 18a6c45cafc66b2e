"""Finds files of Hugging Face's hub in the cache on this machine, and downloads them."""

import socket
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phosphene.config import hub_cache
from phosphene.errors import ModelError, listed
from phosphene.keys import masked

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
    from huggingface_hub import try_to_load_from_cache

    for wanted in _alternatives(file):
        found = try_to_load_from_cache(repository, wanted, cache_dir=hub_cache())
        if isinstance(found, str):
            return Path(found)
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
    _reach(name)
    for file, needed in files.items():
        found = any(_download(repository, wanted, name, on_progress) for wanted in _alternatives(file))
        if needed and not found:
            hint = (
                f"choose a repository with a model of open_clip: with {CONFIG} and one of {listed(WEIGHTS)}"
            )
            raise ModelError(f"The repository `{repository}` has no {listed(_alternatives(file))}.", hint)


def _download(repository: str, file: str, name: str, on_progress: Callable[[int], None] | None) -> bool:
    """Download a file. Returns False if the repository has no file of this name."""
    import httpx
    from huggingface_hub import errors, hf_hub_download

    failures = (
        *(errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HFValidationError, OSError),
        *(httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError),  # the last for a token that is not ASCII
    )
    try:
        hf_hub_download(repository, file, cache_dir=hub_cache(), tqdm_class=_bar(on_progress))
    except errors.EntryNotFoundError:
        return False
    except errors.GatedRepoError as error:
        hint = "accept its terms on the hub, and log in with `hf auth login`"
        raise ModelError(
            f"`{repository}` is only open to users who have accepted its terms.", hint
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(f"The hub has no repository `{repository}`.", "check its spelling") from error
    except failures as error:
        raise _unfetched(name, _first_line(error)) from error
    return True


def _reach(name: str) -> None:
    """Raise ModelError at once if the hub cannot be reached. Its own client would try for half a minute."""
    from huggingface_hub import constants

    address = urllib.parse.urlsplit(constants.ENDPOINT)
    if address.scheme in urllib.request.getproxies():
        return
    port = address.port or {"http": 80}.get(address.scheme, 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=10).close()
    except OSError as error:
        raise _unfetched(name, f"{constants.ENDPOINT} cannot be reached ({error})") from error


def _unfetched(name: str, reason: str) -> ModelError:
    message = f"The weights of `{name}` could not be fetched: {masked(reason).rstrip('.')}."
    return ModelError(message, _how_to_fetch(name))


def _how_to_fetch(name: str) -> str:
    return (
        f"run `phosphene models fetch {name}` with a network connection, or copy the folder of the model to"
        " this machine and name it as `local-dir:PATH`"
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "HF_TOKEN contains a character that is not ASCII"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _bar(on_progress: Callable[[int], None] | None) -> Any:
    """A class of progress bars that show nothing, but report the bytes to `on_progress`."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)  # the hub adds this, and tqdm does not know it
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if on_progress and n:
                on_progress(int(n))

    return Silent
