"""Comparing items with the journal: which of them must be opened, and which are as they were."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from phosphene.journal import Refused, Seen
from phosphene.metadata import checked
from phosphene.sources import Item, uri_in


class FormerAdds(Protocol):
    """What has been added before. `Journal` is one, and so is what asks the journal of another machine."""

    @property
    def folder(self) -> Path:
        """The library's folder, to which relative uris are relative."""
        ...

    def known(self, uris: Iterable[str]) -> dict[str, Seen]:
        """The pictures with these uris that were added, by uri."""
        ...

    def refused(self, uris: Iterable[str]) -> dict[str, Refused]:
        """The pictures with these uris that were refused, by uri."""
        ...

    def holds(self, id: str) -> bool:
        """Whether a picture of this image was added."""
        ...


@dataclass(frozen=True, slots=True)
class Compared:
    """Items after the comparison: those to open, those as they were, and between them those of which only
    the source says something else now: other captions, or other fields.
    """

    changed: list[Item] = field(default_factory=list)
    captioned: list[Seen] = field(default_factory=list)
    same: list[Seen | Refused] = field(default_factory=list)


def compare(
    items: Sequence[Item], former: FormerAdds, lost: Collection[str] = frozenset(), *, reread: bool = False
) -> Compared:
    """Compare items with what was added before.

    Images that the store has `lost` must be opened again, and with `reread` all items.
    """
    named = [(uri_in(former.folder, item.uri), item) for item in items]
    uris = [uri for uri, _ in named]
    before: dict[str, Seen | Refused] = {**former.refused(uris), **former.known(uris)}
    found = Compared()
    for uri, item in named:
        was = before.get(uri)
        is_lost = isinstance(was, Seen) and was.id in lost
        if reread or was is None or is_lost or not item.stamp or item.stamp != was.stamp:
            found.changed.append(item)
        elif isinstance(was, Refused) or was == (now := _as_told(was, item)):
            found.same.append(was)
        else:
            found.captioned.append(now)
    return found


def _as_told(was: Seen, item: Item) -> Seen:
    return replace(was, captions=item.captions, fields=checked(item.fields))
