"""What a repository of the hub has: its commit, and the names, sizes and hashes of its files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from phosphene.hub import cache
from phosphene.hub.client import HubError, answer, body

MAX_LISTING = 32 << 20  # bytes; a listing of 10,000 files has about 3 MB
MAX_LICENCE = 100  # letters
NAME = re.compile(r"(\w[\w.-]{0,95}/)?\w[\w.-]{0,95}", re.ASCII)  # those of the first years have no ORG
REVISION = re.compile(r"(?!.*\.\.)[\w][\w./-]{0,199}", re.ASCII)  # of git
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository, as the hub describes it.

    `hash` is the sha256 of a large file, and the id of git's blob for a small one. The cache has the file
    under this name.
    """

    path: str
    size: int  # bytes
    hash: str


@dataclass(frozen=True, slots=True)
class Repository:
    """One revision of a repository, with all its files by their paths."""

    name: str  # ORG/NAME
    revision: str
    commit: str
    files: Mapping[str, RemoteFile]
    licence: str = ""  # as its model card names it, such as `creativeml-openrail-m`


def look_up(name: str, revision: str = "main") -> Repository:
    """Ask the hub what a repository has.

    If a part of the revision is in the cache, it is looked up at the same commit, so that all parts fit
    together. Raises HubError if there is no such repository, or if the hub cannot be reached.
    """
    if not NAME.fullmatch(name):
        raise HubError(f"`{name}` is not the name of a repository.", "write ORG/NAME, as the hub does")
    if not REVISION.fullmatch(revision):
        raise HubError(f"`{revision}` is not the name of a revision.", "write a branch, a tag or a commit")
    wanted = cache.commit(name, revision) or revision
    with answer(f"/api/models/{name}/revision/{quote(wanted, safe='')}?blobs=true", name) as response:
        listing = body(response, MAX_LISTING, name)
    try:
        content = json.loads(listing)
        files = [_file(name, sibling) for sibling in content["siblings"]]
        commit = _matched(COMMIT, content["sha"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _strange(name, f"{type(error).__name__}: {str(error)[:80]}") from error
    return Repository(name, revision, commit, {file.path: file for file in files}, _licence(content))


def _file(repository: str, sibling: Mapping[str, Any]) -> RemoteFile:
    path, large = sibling["rfilename"], sibling.get("lfs")
    cache.check_path(repository, path)
    if large:
        return RemoteFile(path, int(large["size"]), _matched(SHA256, large["sha256"]))
    return RemoteFile(path, int(sibling["size"]), _matched(COMMIT, sibling["blobId"]))


def _licence(content: Mapping[str, Any]) -> str:
    card = content.get("cardData")
    found = (card.get("license_name") or card.get("license")) if isinstance(card, dict) else None
    return found[:MAX_LICENCE] if isinstance(found, str) else ""


def _matched(pattern: re.Pattern[str], text: str) -> str:
    """The text. Raises ValueError unless it has the form, since it becomes the name of a file."""
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} is not a hash")
    return text


def _strange(name: str, reason: str) -> HubError:
    return HubError(f"What the hub says about `{name}` cannot be read: {reason}.", "is HF_ENDPOINT a hub?")
