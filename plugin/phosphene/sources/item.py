"""The Source seam: anything that yields pictures to add, wherever they lie."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from phosphene.records import Failure


@dataclass(frozen=True, slots=True)
class Item:
    """A picture that is to be added: a file, a member of an archive, a row of a table.

    `uri` names it for good: an absolute path, `file:///…`, or `scheme:…` of the plugin it comes from.
    `open` returns the bytes of the picture's file. It is called in another thread, perhaps never, and
    raises ImageError, with the reason as its message, where they cannot be had.
    `stamp` changes whenever the bytes may have changed: size and time of change of a file, the etag and
    the offset of a shard. An item with the stamp of last time is not opened. One with an empty stamp is
    opened every time.
    `fields` is what else is known of the picture. Stores do not keep it yet.
    `modified` is when the picture was last changed, in seconds since 1970, where that is known.
    """

    uri: str
    open: Callable[[], bytes] = field(compare=False, repr=False)
    captions: tuple[str, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)
    stamp: str = ""
    modified: float | None = field(default=None, compare=False)


class Source(Protocol):
    """Yields the pictures that are to be added.

    Every implementation passes the conformance suite in `phosphene.testing.sources`.
    """

    def items(self) -> Iterator[Item | Failure]:
        """Every picture once, in the same order every time, without opening any of them.

        What cannot be read and is no picture itself, such as a file of captions, is yielded as a Failure.
        Raises ImageError where there is no such place.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. No item is opened afterwards."""
        ...


class OpenSource(Protocol):
    """What the entry point of a source is: a function that opens it."""

    def __call__(self, name: str) -> Source:
        """Open the source that `name` (`scheme:…`, as a user wrote it) stands for.

        Raises ImageError where there is none.
        """
        ...
