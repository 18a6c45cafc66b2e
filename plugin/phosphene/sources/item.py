"""The Source seam: anything that yields pictures to add, wherever they lie."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from phosphene.records import Failure


@dataclass(frozen=True, slots=True)
class Item:
    """A picture to add: a file, a member of an archive, a row of a table.

    `uri` names it for good: an absolute path, `file:///…`, or `scheme:…` with the scheme of its plugin.
    `open` returns the bytes of the picture's file. It is called in other threads, perhaps never. It raises
    ImageError where there are no bytes, with only the reason as the message.
    `stamp` changes whenever the bytes may have changed: it is made of a file's size and time of change, or
    of a shard's etag and an offset. An item with the same stamp as last time is not opened again. One with
    an empty stamp is opened every time.
    `fields` is what else is known of the picture, as JSON values. Stores do not keep it yet.
    `modified` is when the picture was last changed, in seconds since 1970, if that is known.
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

        What is not a picture and cannot be read, such as a file of captions, is yielded as a Failure.
        Raises ImageError where the source does not exist.
        """
        ...

    def close(self) -> None:
        """Close files and connections. It is called once, when no item will be opened any more."""
        ...


class OpenSource(Protocol):
    """What the entry point of a source is: a function that opens it."""

    def __call__(self, name: str) -> Source:
        """Open the source that `name` names: `scheme:…`, as a user wrote it.

        Raises ImageError where there is none.
        """
        ...
