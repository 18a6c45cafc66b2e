"""What becomes of what a search found: it is printed, shown in a viewer, and copied."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phosphene.cli.file_copies import copy_files
from phosphene.cli.output import Output
from phosphene.cli.pictures import preview
from phosphene.cli.results import FOLDED_HITS, HITS, hit_records, image_of, labels
from phosphene.cli.streams import write
from phosphene.cli.viewer import open_in_viewer

if TYPE_CHECKING:
    from phosphene.cli.search_wishes import Found, SearchWishes
    from phosphene.library import Library

NOT_FOUND = "nothing found, because the library holds no such images"
NOT_RELEVANT = "nothing in this library looks like what you asked for"


def print_found(
    output: Output,
    library: "Library",
    found: "Found",
    wishes: "SearchWishes",
    protocol: str,
    *,
    query: str | None = None,
) -> None:
    """Print the hits. `query` is part of the records if there may be more than one."""
    ids = [image_of(each).id for each in found]
    preview(output, protocol, lambda: [*library.thumbnails(ids).values()], labels(found))
    asked = {} if query is None else {"query": query}
    records = [asked | record for record in hit_records(library, found)]
    columns = FOLDED_HITS if wishes.fold else HITS
    output.rows(records if output.json else list(map(_marked, records)), columns)
    if not found:
        output.note(NOT_FOUND if wishes.cut is None else NOT_RELEVANT)


def print_page(library: "Library", found: "Found", title: str) -> None:
    """Print the hits as one page of HTML."""
    from phosphene.render.search_page import search_page

    write(search_page(found, library.thumbnails, title=title))


def use_found(output: Output, library: "Library", found: "Found", wishes: "SearchWishes") -> None:
    """Open the first hit and copy the hits' files, if the user wishes it."""
    images = [image_of(each) for each in found]
    if wishes.shown and images:
        if library.is_gone(images[0]) or not library.path(images[0]).is_file():
            output.note("the first hit has no file on this machine, so it is not opened")
        else:
            open_in_viewer(library.path(images[0]))
    if wishes.copy_to:
        output.note(f"{copy_files(library, images, wishes.copy_to)} to {wishes.copy_to}")


def _marked(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record for people, in which `gone` marks an image whose file is."""
    return {**record, "origin": f"{record['origin']}, gone"} if record["missing"] else record
