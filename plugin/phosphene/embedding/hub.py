"""Models of the hub: what lies in its cache on this machine, and bringing what does not."""

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


class Absent(ModelError):
    """Weights that the hub may have, and this machine has not."""


def find(repository: str, file: str | None, name: str) -> Path:
    """Where a file of a repository lies on this machine; None for its weights, by their usual names."""
    from huggingface_hub import try_to_load_from_cache

    for wanted in _alternatives(file):
        found = try_to_load_from_cache(repository, wanted, cache_dir=hub_cache())
        if isinstance(found, str):
            return Path(found)
    raise Absent(
        f"the weights of `{name}` are not on this machine",
        f"`phosphene models fetch {name}` brings them where there is a network; "
        "a folder brought by other means is `local-dir:PATH`",
    )


def _alternatives(file: str | None) -> tuple[str, ...]:
    """Names to look for: safetensors first, since such a file holds no code."""
    if file is None:
        return WEIGHTS
    stem, _, suffix = file.rpartition(".")
    return (f"{stem}.safetensors", file) if suffix in ("bin", "pt", "pth") else (file,)


def fetch(
    repository: str, files: Mapping[str | None, bool], name: str, on_progress: Callable[[int], None] | None
) -> None:
    """Download files of a repository, None for its weights; a file may be missing where it says False.

    Raises ModelError where the hub, the repository or a file that is needed cannot be had.
    """
    _reach(name)
    for file, needed in files.items():
        found = any(_download(repository, wanted, name, on_progress) for wanted in _alternatives(file))
        if needed and not found:
            hint = f"a model of open_clip has {CONFIG} and one of {listed(WEIGHTS)}"
            raise ModelError(f"`{repository}` has no {listed(_alternatives(file))}", hint)


def _download(repository: str, file: str, name: str, on_progress: Callable[[int], None] | None) -> bool:
    """Download a file; False where the repository has none of the name."""
    import httpx
    from huggingface_hub import errors, hf_hub_download

    unlucky = (
        *(errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HFValidationError, OSError),
        *(httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError),  # the last: a token that is no ASCII
    )
    try:
        hf_hub_download(repository, file, cache_dir=hub_cache(), tqdm_class=_bar(on_progress))
    except errors.EntryNotFoundError:
        return False
    except errors.GatedRepoError as error:
        hint = "accept its terms on the hub, and log in with `hf auth login`"
        raise ModelError(f"`{repository}` is open only to those who accepted its terms", hint) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(f"the hub has no repository `{repository}`", "look at its spelling") from error
    except unlucky as error:
        raise _unfetched(name, _first_line(error)) from error
    return True


def _reach(name: str) -> None:
    """Raise ModelError at once where the hub cannot be reached; its own client tries for half a minute."""
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
    hint = (
        f"`phosphene models fetch {name}` brings it where there is a network; "
        "a folder brought by other means is `local-dir:PATH`"
    )
    return ModelError(f"the weights of `{name}` could not be fetched: {masked(reason)}", hint)


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "HF_TOKEN holds a letter that is no ASCII"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _bar(on_progress: Callable[[int], None] | None) -> Any:
    """A progress bar that shows nothing and passes on what it is told."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options.pop("name", None)  # the hub's own addition
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if on_progress and n:
                on_progress(int(n))

    return Silent
