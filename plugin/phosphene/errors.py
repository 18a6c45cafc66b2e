"""All errors and warnings of phosphene. The library raises them, and the command line prints them.

PhospheneError
├── LibraryError        there is no library, it is in another space, or a newer version made it
├── StoreError          the store failed: the disk is full, the server does not answer
├── ImageError          a file is not a usable picture; `add` reports it and continues
├── QueryError          a query has no meaning: it is empty, or names an unknown id or a missing file
│   └── FilterError     a filter in it has no meaning
├── ModelError          weights cannot be found, loaded or trusted
├── GenerationError     the generator cannot do what was asked
├── VectorError         vectors do not fit together: another dimension, opposite, or zero
├── PluginError         a plugin is not installed, or its package cannot be imported
├── MissingExtraError   optional packages are not installed
├── ClusterError        there is no Ray cluster, or its machines cannot do the work
├── ServerError         the service cannot listen at an address
└── OutputError         a file must not be overwritten

A message is one sentence or several. It begins with a capital letter or a quoted value, says what is wrong
with which value, and ends with a full stop. A hint is the next step: it begins with a small letter and has no
full stop, since `hint: ` stands before it. A *reason* is the part of a message after a colon, as in
"`a.png` is not a usable picture: it is cut off or damaged.". The functions that do not know the place of a
picture raise ImageError with only the reason, and their docstrings say so.
"""

from collections.abc import Iterable
from pathlib import Path
from unicodedata import combining, east_asian_width

MARKED = 76  # letters of a query that an error shows


class PhospheneError(Exception):
    """An error that a user can act on. `hint` is the next step, without the word `hint:`."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a traceback shows it, too


def listed(names: Iterable[str]) -> str:
    """Names as errors and hints list them: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)


def first_line(error: Exception) -> str:
    """What another library's error says, in one line of bounded length and without a full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:2]) or type(error).__name__)[:300].rstrip(".")


class LibraryError(PhospheneError):
    """There is no library, or it cannot be used: it is damaged, in another space, or of a newer version."""


class StoreError(PhospheneError):
    """A store cannot do what was asked."""


class ImageError(PhospheneError):
    """A file is not a usable picture, or there is no picture in a place."""


class UnsupportedPicture(ImageError):
    """A picture that could be decoded with another package or a higher limit. It is worth another try."""


class QueryError(PhospheneError):
    """A query has no meaning."""


class FilterError(QueryError):
    """A filter of a query has no meaning. `span` says where in the `text` of the query."""

    def __init__(self, message: str, text: str, span: tuple[int, int], hint: str = "") -> None:
        super().__init__(message, hint)
        self.text, self.span = text, span
        self.add_note(self.marked)

    @property
    def marked(self) -> str:
        """The part of the text around the place, and below it a line that points there."""
        start, end = self.span
        left = max(0, start - MARKED // 2)
        shown = "".join(each if each.isprintable() else " " for each in self.text[left : left + MARKED])
        before, marked = shown[: start - left], shown[start - left : end - left]
        return f"{shown}\n{' ' * _columns(before)}{'^' * max(1, _columns(marked))}"


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    widths = (0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)
    return sum(widths)


class ModelError(PhospheneError):
    """Weights cannot be found, loaded or trusted."""


class GenerationError(PhospheneError):
    """A generator cannot do what was asked."""


class VectorError(PhospheneError):
    """Vectors do not fit together."""


class PluginError(PhospheneError):
    """A plugin is not installed, is ambiguous, or cannot be imported."""


class MissingExtraError(PhospheneError):
    """Optional packages that a command needs are not installed."""


class ClusterError(PhospheneError):
    """There is no Ray cluster, or its machines cannot do the work."""


class ServerError(PhospheneError):
    """The service cannot listen at an address."""


class OutputError(PhospheneError):
    """A file or a folder must not be overwritten, or cannot be written."""


class PhospheneWarning(UserWarning):
    """Something that a user should know. The work goes on."""


class PassedOver(PhospheneWarning):
    """An entry of a store or a file was skipped, because it is not an image."""


class CutText(PhospheneWarning):
    """A text is longer than the model's context, so that only a part of it was used."""

    def __init__(self, text: str, used: str) -> None:
        words, left = len(text.split()), len(used.split())
        super().__init__(
            f"The text is longer than the model's context. Of its {words} words, {left} were used: `{used}`."
        )
        self.used = used


class Damage(PhospheneWarning):
    """Files of a store are damaged, and some of its images may not be readable."""

    def __init__(self, store: str, images: int) -> None:
        super().__init__(
            f"`{store}` is damaged, perhaps by a power cut. {images:,} images can be read."
            " `phosphene check` says what is wrong, and `phosphene repair` restores what it can."
        )


class Upgraded(PhospheneWarning):
    """A library was upgraded to a newer format, which older versions of phosphene do not open."""

    def __init__(self, library: str, before: int, after: int, copy: Path) -> None:
        super().__init__(
            f"`{library}` was upgraded from format {before} to format {after}. Older versions of phosphene"
            f" cannot open it any more. A copy of the old manifest is kept as `{copy}`."
        )


class InitImageWarning(PhospheneWarning):
    """An init image was cropped, or its mask keeps nothing or everything."""


class UnknownWords(PhospheneWarning):
    """A prompt has words that the generator never saw in its training."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(
            f"The generator was never shown what {listed(words)} means. Such a word changes a picture by"
            " chance, and a high score does not mean that the picture shows it."
        )
