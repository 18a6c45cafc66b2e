"""Watching folders: when something in them changes that may concern a picture."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from phosphene.sources.folders import ENDINGS, JUNK, NOT_COUNTED

QUIET = 500  # milliseconds without a change, after which a batch ends
LONGEST = 10_000  # milliseconds of a batch, if changes go on and on
FIRST = 200  # milliseconds until the first batch


def changes(folders: Sequence[Path], *, without: Path) -> Iterator[frozenset[Path]]:
    """Yield which of the folders have changed, as soon as they are quiet again.

    The first batch has all folders and comes when they are watched, so that no change is lost between the
    first scan and the next. Changes in the folder `without` do not count: a library may lie among pictures.
    """
    from watchfiles import watch

    def concerns(change: object, path: str) -> bool:
        return may_concern_pictures(Path(path), folders, without)

    watched = watch(
        *folders,
        watch_filter=concerns,
        debounce=LONGEST,
        step=QUIET,
        rust_timeout=FIRST,
        yield_on_timeout=True,  # so that the first step ends at once
        ignore_permission_denied=True,
    )
    next(watched)  # now the folders are watched
    yield frozenset(folders)
    for batch in watched:
        if batch:
            yield frozenset(
                root for root in folders if any(Path(path).is_relative_to(root) for _, path in batch)
            )


def may_concern_pictures(path: Path, folders: Sequence[Path], without: Path) -> bool:
    """Whether a change of a path may be one of a picture, of its captions, or of a folder."""
    root = next((folder for folder in folders if path.is_relative_to(folder)), None)
    if root is None or path.is_relative_to(without):
        return False
    names = path.relative_to(root).parts
    if any(name.startswith(".") or name.lower() in JUNK for name in names):
        return False
    ending = path.suffix.lower()
    return ending in ENDINGS or ending in NOT_COUNTED or not ending or os.path.isdir(path)  # noqa: PTH112
