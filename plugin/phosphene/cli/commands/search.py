"""`phosphene search` finds the pictures nearest to a query."""

from collections.abc import Sequence
from pathlib import Path

import click

from phosphene.cli.options import COUNT, ORIGINS, ZERO_TO_ONE, Settings, command, origin_of, written
from phosphene.cli.pictures import PROTOCOLS, check_sheet, preview, write_picture
from phosphene.cli.results import HITS, hit_records, labels


@command("search")
@click.argument("query", metavar="QUERY...", nargs=-1, required=True)
@click.option("-n", "--count", default=10, show_default=True, type=COUNT, help="How many hits to show.")
@click.option("--origin", default="all", show_default=True, type=ORIGINS, help="Which images to search.")
@click.option(
    "--diversity",
    default=0.0,
    show_default=True,
    type=ZERO_TO_ONE,
    help="How different the hits should be from each other.",
)
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet to this file.")
def search(
    settings: Settings,
    query: Sequence[str],
    count: int,
    origin: str,
    diversity: float,
    protocol: str,
    out: Path | None,
) -> None:
    r"""Find pictures by words, by a picture, or by a sum of both.

      phosphene search a red house in the snow at night
      phosphene search ./one-like-this.jpg -n 20 -o hits.png
      phosphene search 2:red house + ./snow.jpg - trees
      phosphene search id:5f0c2a44-... --json
      phosphene search a boat --diversity 0.5

    A term is a text, a picture or id:ID. A term is a picture if it begins like a path (./ / ~/) or
    ends like a picture's name (.jpg, .png …). Pictures on the web are not fetched. Write + and - as
    words of their own between terms. N: before a term gives it the weight N, unless a number follows,
    as in 16:9.

    The score is the cosine similarity, which is at most 1. Compare scores only within one search.
    With --diversity the hits are chosen one by one, so that each is near to the query and unlike
    those before it.

    In a pipe the columns are rank, score, origin, caption and file, separated by tabs. Control
    characters become escapes such as \x1b, and in captions marks that change the direction of text
    do, too. Apart from that, a path is printed byte by byte. On a terminal everything that is not
    printable becomes an escape. --json keeps all characters.
    """
    from phosphene.query import parse

    asked = parse(query)
    settings.claim(out, reads=asked.files)
    output = settings.output
    with settings.open() as library:
        check_sheet(out, min(count, library.store.count()))
        hits = library.search(asked, count, origin=origin_of(origin), diversity=diversity)
        ids = [hit.image.id for hit in hits]
        preview(output, protocol, lambda: [*library.thumbnails(ids).values()], labels(hits))
        output.rows(hit_records(library, hits), HITS)
        if not hits:
            output.note("nothing found, because the library holds no such images")
        if out:
            from phosphene.render import search_sheet

            write_picture(output, search_sheet(hits, library.picture, title=" ".join(query)), out)
