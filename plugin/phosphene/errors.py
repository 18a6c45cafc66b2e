"""What can go wrong, as one tree. The library raises these; the command line prints them.

PhospheneError          message: value, place, what is allowed; hint: the next step
├── LibraryError        no library here, another space, a newer version, locked
├── StoreError          the store cannot do what was asked (disk full, unreachable …)
├── ImageError          a file that is no usable picture; never fatal while adding
├── QueryError          a query that means nothing: empty, an unknown id, a missing file
├── ModelError          weights that cannot be found, loaded or trusted
├── GenerationError     a request that the generator cannot serve
├── VectorError         vectors that do not fit: dimension, opposite, zero
├── PluginError         a plugin that is not there, or whose package cannot be imported
├── MissingExtraError   a command whose optional packages are not installed
├── ServerError         an address that cannot be served at
└── OutputError         a place where something lies that must not be overwritten
"""

from collections.abc import Iterable


class PhospheneError(Exception):
    """A fault that a user can act on. `hint` is the next step, without the word `hint:`."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a traceback shows it, too


def listed(names: Iterable[str]) -> str:
    """Names as errors and hints list them: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)


class LibraryError(PhospheneError):
    """A library that is not there, not ours, of another space or of a newer version."""


class StoreError(PhospheneError):
    """A store that cannot do what was asked."""


class ImageError(PhospheneError):
    """A file that is no usable picture, or a place where there is none."""


class QueryError(PhospheneError):
    """A query that means nothing."""


class ModelError(PhospheneError):
    """Weights that cannot be found, loaded or trusted."""


class GenerationError(PhospheneError):
    """A request that a generator cannot serve."""


class VectorError(PhospheneError):
    """Vectors that do not fit together."""


class PluginError(PhospheneError):
    """A plugin that is not installed, is ambiguous, or cannot be imported."""


class MissingExtraError(PhospheneError):
    """A command whose packages are optional, and not installed."""


class ServerError(PhospheneError):
    """An address that cannot be served at."""


class OutputError(PhospheneError):
    """A place where something lies that must not be overwritten."""


class PhospheneWarning(UserWarning):
    """Something that a user should know, though the work goes on."""


class PassedOver(PhospheneWarning):
    """An entry of a store or a file that is no image, and why; the rest goes on."""


class CutText(PhospheneWarning):
    """A text that was longer than the model's context, and the part of it that was used."""

    def __init__(self, text: str, used: str) -> None:
        words, left = len(text.split()), len(used.split())
        super().__init__(
            f"the text is longer than the model's context: of {words} words {left} were used: `{used}`"
        )
        self.used = used


class Damage(PhospheneWarning):
    """A store whose files are damaged, and how many images can be read all the same."""

    def __init__(self, store: str, images: int) -> None:
        super().__init__(
            f"`{store}` is damaged, perhaps by a power cut: {images:,} images can be read."
            " `phosphene check` says what is wrong, and `phosphene repair` brings back what it can"
        )


class Upgraded(PhospheneWarning):
    """A library that was upgraded to a newer format, which older versions of phosphene do not open."""

    def __init__(self, library: str, before: int, after: int, copy: str) -> None:
        super().__init__(
            f"`{library}` was upgraded from format {before} to format {after}. Older versions of phosphene"
            f" no longer open it. The manifest as it was is kept as `{copy}`"
        )


class InitImageWarning(PhospheneWarning):
    """A start that was cut, or a mask that keeps nothing or all of it."""
