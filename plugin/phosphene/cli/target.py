"""The target library, in which a command keeps the pictures that it generates."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import Settings

if TYPE_CHECKING:
    from phosphene.library import Library

INTO = click.option(
    "--into",
    metavar="LIBRARY",
    help="Keep the pictures in this library. It is made if it does not exist.",
)


def target_library(
    settings: Settings, library: "Library", into: str | None
) -> "AbstractContextManager[Library]":
    """Open the library of --into, or make it in the same space. Without --into, return `library`."""
    import phosphene

    if into is None:
        return nullcontext(library)
    return phosphene.open(into, space=library.space, create=True, device=settings.device)


@contextmanager
def counting_kept(settings: Settings, library: "Library") -> Iterator[None]:
    """Say after Ctrl-C how many pictures the library kept. They are stored in groups as they finish."""
    before = library.status().generated
    try:
        yield
    except KeyboardInterrupt:
        settings.kept = f"{library.status().generated - before} finished pictures were stored"
        raise
