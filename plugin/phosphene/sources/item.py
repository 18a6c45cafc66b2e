"""The Source seam: anything that yields pictures, wherever they come from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from phosphene.records import Failure


@dataclass(frozen=True, slots=True)
class Item:
    """A picture that can be added: a file, a member of an archive, or a row of a table.

    `uri` identifies the picture and never changes: an absolute path, `file:///…`, or `scheme:…` of a plugin.
    `open` returns the bytes of the picture's file. It is called in another thread, or not at all. If it
    fails, it raises ImageError with only the reason as its message.
    `stamp` changes whenever the bytes may have changed. A file has its size and time of change, and a member
    of a shard the shard's etag and its own offset. An item is not opened if its stamp is the same as last
    time. If the stamp is empty, the item is always opened.
    `fields` are other facts about the picture, as JSON values: those that have a name of `fields.Fields`, and
    others. What the picture's own file says counts less, see `phosphene.metadata`.
    `modified` is the time of the last change in seconds since 1970, or None if it is not known.
    """

    uri: str
    open: Callable[[], bytes] = field(compare=False, repr=False)
    captions: tuple[str, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)
    stamp: str = ""
    modified: float | None = field(default=None, compare=False)


class Source(Protocol):
    """Yields pictures to add.

    Every implementation passes the conformance suite in `phosphene.testing.sources`.
    """

    def items(self) -> Iterator[Item | Failure]:
        """Yield every picture once, in the same order every time, without opening any of them.

        A file that cannot be read and is not a picture itself, such as a captions file, is yielded as a
        Failure. Raises ImageError if the place does not exist.
        """
        ...

    def close(self) -> None:
        """Close files and connections. It is called once, when no item will be opened any more."""
        ...


class OpenSource(Protocol):
    """The type of a source's entry point: a function that opens the source."""

    def __call__(self, name: str) -> Source:
        """Open the source with this name, which is `scheme:…` as the user wrote it.

        Raises ImageError if there is no such source.
        """
        ...
