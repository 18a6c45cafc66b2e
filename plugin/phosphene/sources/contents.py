"""The bytes of a picture that a library names by its uri: a file of this machine, or a part of one."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.sources.picture_tables import TABLES, picture_at
from phosphene.sources.tar_members import local_shard, members
from phosphene.sources.uris import is_remote, part_of, to_path

MAX_TARS = 16  # whose lists of members are kept in memory


def content_at(uri: str, folder: Path) -> bytes:
    """The bytes of a picture's file, for a library in `folder`.

    Nothing is fetched from another machine, since a stranger may have written the uri. Raises ImageError with
    only the reason as its message.
    """
    if is_remote(uri):
        raise ImageError("it is not on this machine")
    path, part = to_path(uri, folder), part_of(uri)
    if not part:
        return read(path).content
    return picture_at(path, part) if path.suffix.lower() in TABLES else _member(path, part)


def _member(path: Path, name: str) -> bytes:
    shard = local_shard(path)
    place = _places(path, shard.stamp).get(name)
    if place is None:
        raise ImageError(f"`{path.name}` has no such member any more")
    return shard.read(*place)


@lru_cache(maxsize=MAX_TARS)
def _places(path: Path, stamp: str) -> dict[str, tuple[int, int]]:
    """The offset and the size of each file in a tar; of two with one name, those of the first."""
    places = dict[str, tuple[int, int]]()
    with suppress(ImageError), local_shard(path).open() as file:  # what comes before a cut can be read
        for member in members(file):
            if member.isreg() and not member.issparse():
                places.setdefault(member.name, (member.offset_data, member.size))
    return places
