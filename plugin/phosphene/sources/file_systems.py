"""Opening the file systems of fsspec: `s3://`, `gs://`, `az://`, `hf://`, `zip://`, and many more.

Each has a package of its own, which a user installs beside phosphene. It reads its settings and credentials
from where that package documents them. Only names that the user wrote are opened, never those in a library.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.errors import ImageError, MissingExtraError, first_line
from phosphene.sources.plugin_sources import SOURCES
from phosphene.sources.uris import scheme_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CHAIN = "::"  # between a file system and the file that it lies in: `zip://a.jpg::s3://bucket/photos.zip`


def is_fsspec(name: str) -> bool:
    """Whether a name is that of a file system of fsspec. The sources of plugins come first."""
    scheme = scheme_of(name)
    if not scheme or SOURCES.has(scheme) or os.path.lexists(name):
        return False
    from fsspec import available_protocols

    return scheme in available_protocols()


def open_file_system(name: str) -> "tuple[AbstractFileSystem, str]":
    """The file system of a name, and the path in it.

    Raises MissingExtraError if the package of that file system is not installed, and ImageError if it cannot
    be opened.
    """
    from fsspec.core import url_to_fs

    try:
        with explained():
            fs, path = url_to_fs(name)
            fs.invalidate_cache()  # fsspec keeps file systems, and some of these keep lists of files
            return fs, path
    except ImageError as error:
        if isinstance(error.__cause__, ImportError):
            raise _not_installed(name, str(error.__cause__)) from error
        raise ImageError(f"`{name}` cannot be added: {error.message}.", hint=error.hint) from error


def with_absolute_paths(name: str) -> str:
    """The name with the absolute path of the local file at the end of a chain, as in `zip://::photos.zip`."""
    head, chain, last = name.rpartition(CHAIN)
    if not chain or scheme_of(last):
        return name
    return f"{head}{chain}file://{Path(last).absolute()}"


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever a file system raises into ImageError with only the reason as its message."""
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError("it does not exist") from error
    except Exception as error:  # packages of others run here, and each raises errors of its own
        raise ImageError(f"{type(error).__name__}: {first_line(error)}") from error


def _not_installed(name: str, said: str) -> MissingExtraError:
    from fsspec.registry import known_implementations

    needed = known_implementations[scheme_of(name)]["class"].partition(".")[0]
    message = f"`{name}` cannot be read, because a package is not installed: {said}."
    if needed == "fsspec":  # fsspec's own code, which needs the package that its message names
        return MissingExtraError(message, hint="install that package beside phosphene")
    return MissingExtraError(
        message,
        hint=f"run `pip install {needed}`; if uv or pipx installed phosphene, run"
        f" `uv tool install phosphene --with {needed}` or `pipx inject phosphene {needed}`",
    )
