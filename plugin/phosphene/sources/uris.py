"""How a library names pictures: by paths, or by uris with a scheme.

A picture that is a part of a file of this machine, such as a member of a tar or a row of a table, is named
`file:///…/000.tar#dog.jpg`. A `#` in the path itself is written as `%23`.
"""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from phosphene.records import Image
from phosphene.sources.file_names import absolute

FILE = "file:///"  # how the uri of a file begins if it is no plain path
SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # two letters or more: `C:` is a drive


def scheme_of(uri: str) -> str:
    """The scheme of a uri, such as `https`; empty for a path."""
    found = SCHEME.match(uri)
    return found[1].lower() if found else ""


def is_remote(uri: str) -> bool:
    """Whether a uri has a scheme of its own, so that it is not a file of this machine."""
    return scheme_of(uri) not in ("", "file")


def file_uri(path: Path) -> str:
    """The uri of a file: its absolute path, or `file:///…` with escapes if the path is not Unicode."""
    place = absolute(path)
    return place.as_uri() if _has_surrogates(str(place)) else str(place)


def to_uri(path: Path, folder: Path) -> str:
    """How a library in `folder` names a file. The path is relative if the file lies inside the folder."""
    place = absolute(path)
    if not place.is_relative_to(folder):
        return file_uri(place)
    name = place.relative_to(folder).as_posix()
    if _has_surrogates(name):
        return place.as_uri()
    return f"./{name}" if scheme_of(name) else name  # a file whose name looks like a scheme: `a:b.jpg`


def to_path(uri: str, folder: Path) -> Path:
    """The file of a uri in a library in `folder`: the inverse of `to_uri`. A part lies in the file."""
    if uri.startswith(FILE):
        return Path(_unquoted(uri.removeprefix("file://").partition("#")[0]))
    return folder / uri


def where(uri: str, folder: Path) -> str:
    """Where a file is: an absolute path, or the uri of a remote file or of a part of a file."""
    return uri if is_remote(uri) or part_of(uri) else str(to_path(uri, folder))


def is_gone(uri: str, folder: Path) -> bool:
    """Whether the file of a uri is certainly not on this machine. One that cannot be looked at may be."""
    if is_remote(uri):
        return False
    try:
        to_path(uri, folder).lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def part_uri(file: str, part: str) -> str:
    """The uri of a part of a file, whose uri is `file:///…` or has another scheme."""
    return f"{file}#{quote(os.fsencode(part), safe='/:=@,+!()')}"


def part_of(uri: str) -> str:
    """The name of a part in its file on this machine; empty for a whole file, or one that lies elsewhere."""
    return _unquoted(uri.partition("#")[2]) if uri.startswith(FILE) else ""


def uri_in(folder: Path, uri: str) -> str:
    """The uri of an item as a library in `folder` keeps it."""
    if is_remote(uri) or part_of(uri) or _lies_outside(uri, folder):
        return uri
    return to_uri(to_path(uri, folder), folder)


def is_own(image: Image) -> bool:
    """Whether an image's file is one that the library generated and keeps."""
    return image.uri == f"pictures/{image.id}.png"


def was_added(image: Image) -> bool:
    """Whether an image came from a user's file on this machine."""
    return not is_remote(image.uri) and not is_own(image)


def _lies_outside(uri: str, folder: Path) -> bool:
    """Whether a uri is the plain path of a file outside of a folder, as those of most items are.

    Comparing texts takes a tenth of the time that paths take.
    """
    is_plain = os.path.abspath(uri) == uri and not _has_surrogates(uri)  # noqa: PTH100
    return is_plain and not uri.startswith(str(folder))


def _unquoted(text: str) -> str:
    return os.fsdecode(unquote_to_bytes(text))


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)
