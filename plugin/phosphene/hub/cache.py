"""The hub's cache on this machine, in the layout that huggingface_hub reads and writes.

    models--ORG--NAME/
      refs/main              the commit
      snapshots/COMMIT/PATH  a link to the file's bytes
      blobs/HASH             those bytes

Where the system has no links, a snapshot has the files themselves.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from phosphene.config import hub_cache
from phosphene.errors import ModelError
from phosphene.files import write_whole


def cached(repository: str, file: str, revision: str = "main") -> Path | None:
    """The path of a repository's file, if it is here."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file, cache_dir=hub_cache(), revision=revision)
    return Path(found) if isinstance(found, str) else None


def folder(repository: str) -> Path:
    """The folder of a repository, which need not exist."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(hub_cache() or HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def blob(repository: str, hash: str) -> Path:
    """The file with the bytes of one hash, whether it is here or not."""
    return folder(repository) / "blobs" / hash


def lock(repository: str, hash: str) -> Path:
    """The file that a program locks while it downloads a blob."""
    root = folder(repository)
    return root.parent / ".locks" / root.name / f"{hash}.lock"


def commit(repository: str, revision: str) -> str | None:
    """The commit of a revision that is here, wholly or in parts."""
    try:
        return (folder(repository) / "refs" / revision).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def remember(repository: str, revision: str, commit: str) -> None:
    """Remember that a revision, such as `main`, stands for a commit."""
    file = folder(repository) / "refs" / revision
    if revision != commit and not file.exists():
        write_whole(file, commit.encode())


def check_path(repository: str, path: str) -> None:
    """Raise ModelError for the path of a file that leads out of the repository."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or not pure.parts:
        raise ModelError(f"`{repository}` has a file with the path `{path}`, which leads out of it.")


def link(repository: str, commit: str, path: str, blob: Path) -> Path:
    """Give a blob its name in a snapshot. Returns the path of that name."""
    name = folder(repository) / "snapshots" / commit / path
    name.parent.mkdir(parents=True, exist_ok=True)
    name.unlink(missing_ok=True)  # a link whose blob was deleted
    try:
        name.symlink_to(os.path.relpath(blob, name.parent))
    except OSError:  # Windows allows links only to some users
        blob.replace(name)
    return name


def remove(files: Iterable[Path]) -> int:
    """Delete files of snapshots, and blobs that nothing else needs. Returns how many bytes that freed."""
    freed = 0
    for name in filter(Path.exists, files):
        snapshots = next(parent for parent in name.parents if parent.name == "snapshots")
        bytes_of = name.resolve()
        size = bytes_of.stat().st_size
        name.unlink()
        if not _is_linked(snapshots, bytes_of):
            bytes_of.unlink(missing_ok=True)
            freed += size
        _remove_empty(name.parent, snapshots.parent)
    return freed


def _is_linked(snapshots: Path, blob: Path) -> bool:
    return any(path.is_symlink() and path.resolve() == blob for path in snapshots.rglob("*"))


def _remove_empty(folder: Path, repository: Path) -> None:
    """Remove folders that are empty now; with its last snapshot the folder of a repository goes, too."""
    while folder != repository and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
    if not (repository / "snapshots").exists():
        shutil.rmtree(repository)
