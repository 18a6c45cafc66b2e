"""Downloads a file of a repository: goes on where it was interrupted, and compares the hash."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from phosphene.byte_sizes import gigabytes
from phosphene.errors import ModelError
from phosphene.files import naming, sync
from phosphene.hub import cache
from phosphene.hub.client import HubError, answer, body
from phosphene.hub.repository import RemoteFile, Repository

OnBytes = Callable[[int], None]  # is called with the number of bytes that have come since its last call
PARTIAL = 206  # HTTP's status of an answer that begins where it was asked to
SHA256_LETTERS = 64
MAX_READ = 1 << 20  # bytes of a file that is read without being kept


def download(repository: Repository, file: RemoteFile, on_progress: OnBytes | None = None) -> Path:
    """The path of a repository's file in the cache, after a download if it is not there.

    What an earlier try left is used. Raises HubError if the hub cannot be reached, and ModelError if the
    bytes are not those that the hub describes.
    """
    cache.remember(repository.name, repository.revision, repository.commit)
    if here := cache.cached(repository.name, file.path, repository.commit):
        return here
    blob = cache.blob(repository.name, file.hash)
    lock = cache.lock(repository.name, file.hash)
    for folder in (blob.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        if not blob.exists():
            part = blob.with_name(f"{file.hash}.incomplete")
            _fill(part, repository, file, on_progress or (lambda count: None))
            _compare(part, repository, file)
            part.replace(blob)
        return cache.link(repository.name, repository.commit, file.path, blob)


def read(repository: Repository, file: RemoteFile) -> bytes:
    """The content of a small file, which is not kept. Raises HubError if the hub cannot be reached."""
    if here := cache.cached(repository.name, file.path, repository.commit):
        return here.read_bytes()
    with answer(_path(repository, file), repository.name) as response:
        return body(response, MAX_READ, repository.name)


def check_space(folder: Path, size: int) -> None:
    """Raise ModelError unless so many bytes can be written below a folder."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise ModelError(
            f"{gigabytes(size)} are to be downloaded, but the disk of `{existing}` has only"
            f" {gigabytes(free)} left.",
            "make room, or name a folder on another disk with HF_HOME",
        )


def _fill(part: Path, repository: Repository, file: RemoteFile, on_progress: OnBytes) -> None:
    """Download what a part lacks. A broken connection is made again for as long as bytes come."""
    come = part.stat().st_size if part.exists() else 0
    on_progress(min(come, file.size))
    while come < file.size or not part.exists():
        before = come
        try:
            for more in _rest(part, repository, file, come):
                come += more
                on_progress(more)
        except HubError:
            if come <= before:
                raise
        if file.size and come <= before:
            raise HubError(f"The hub ended `{file.path}` of `{repository.name}` after {come:,} bytes.")


def _rest(part: Path, repository: Repository, file: RemoteFile, come: int) -> Iterator[int]:
    """Append to a part what comes after its first bytes. Yields the number of bytes of each piece."""
    headers = {"Range": f"bytes={come}-"} if come else {}
    with (
        answer(_path(repository, file), repository.name, headers) as response,
        naming(part),
        part.open("ab") as opened,
    ):
        if come and response.status_code != PARTIAL:  # it sends the whole file again
            opened.truncate(0)
            yield -come
        for chunk in response.iter_bytes():
            opened.write(chunk)
            yield len(chunk)
            if opened.tell() > file.size:
                break  # the hashes will differ
        sync(opened.fileno())


def _path(repository: Repository, file: RemoteFile) -> str:
    return f"/{repository.name}/resolve/{repository.commit}/{quote(file.path)}"


def _compare(part: Path, repository: Repository, file: RemoteFile) -> None:
    """Delete a part and raise ModelError if its hash is not the one that the hub states."""
    found = digest(part, file.hash)
    if found != file.hash:
        part.unlink()
        raise ModelError(
            f"`{file.path}` of `{repository.name}` was damaged on its way: its hash is {found}, but the hub"
            f" states {file.hash}.",
            "run the command again; if the error stays, the hub's copy is damaged",
        )


def digest(file: Path, like: str) -> str:
    """The hash of a file, of the kind that `like` is: a sha256, or the id of a blob in git."""
    if len(like) == SHA256_LETTERS:
        hashed = hashlib.sha256()
    else:
        hashed = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            hashed.update(chunk)
    return hashed.hexdigest()
