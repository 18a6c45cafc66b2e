"""`phosphene search` finds the pictures nearest to a query, or to one query after another."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.failures import CommandError, Interrupted, told
from phosphene.cli.options import COUNT, CUT, ORIGINS, ZERO_TO_ONE, Settings, command, origin_of, written
from phosphene.cli.output import Output
from phosphene.cli.pictures import PROTOCOLS, check_sheet, preview, write_picture
from phosphene.cli.results import HITS, hit_records, labels

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.query import Query
    from phosphene.records import Hit
    from phosphene.relevance.judging import Cutoff

    Find = Callable[[Library, Query], list[Hit]]


@command("search")
@click.argument("query", metavar="[QUERY]...", nargs=-1)
@click.option("-n", "--count", default=10, show_default=True, type=COUNT, help="How many hits to show.")
@click.option("--origin", default="all", show_default=True, type=ORIGINS, help="Which images to search.")
@click.option(
    "--diversity",
    default=0.0,
    show_default=True,
    type=ZERO_TO_ONE,
    help="How different the hits should be from each other.",
)
@click.option("--cut", type=CUT, help="Leave out hits of less relevance: `auto`, or a number such as 0.8.")
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet to this file.")
def search(
    settings: Settings,
    query: Sequence[str],
    count: int,
    origin: str,
    diversity: float,
    cut: "Cutoff | None",
    protocol: str,
    out: Path | None,
) -> None:
    r"""Find pictures by words, by a picture, or by a sum of both.

      phosphene search a red house in the snow at night
      phosphene search ./one-like-this.jpg -n 20 -o hits.png
      phosphene search 2:red house + ./snow.jpg - trees
      phosphene search id:5f0c2a44-... --json
      phosphene search a boat --diversity 0.5
      phosphene search a cat --cut auto
      phosphene search -n 5
      phosphene search --json < queries.txt

    Without QUERY it asks for one query after another, and loads the library once. Tab completes files,
    the ids of hits, and former queries. Ctrl-C abandons a line, and Ctrl-D leaves. From a pipe it reads
    a query in each line, and --json repeats the query in each record. The exit code is 1 if one failed.

    A term is a text, a picture or id:ID. A term is a picture if it begins like a path (./ / ~/) or
    ends like a picture's name (.jpg, .png …). Pictures on the web are not fetched. Write + and - as
    words of their own between terms. N: before a term gives it the weight N, unless a number follows,
    as in 16:9.

    The score is the cosine similarity, which is at most 1. Compare scores only within one search. The
    relevance says how likely a hit is what you asked for, and can be compared between searches. --cut
    auto leaves out what is only the nearest of what there is, so that a search may find nothing.
    With --diversity the hits are chosen one by one, so that each is near to the query and unlike
    those before it.

    In a pipe the columns are rank, score, relevance, origin, caption and file, separated by tabs. Control
    characters become escapes such as \x1b, and in captions marks that change the direction of text
    do, too. Apart from that, a path is printed byte by byte. On a terminal everything that is not
    printable becomes an escape. --json keeps all characters.
    """

    def find(library: "Library", asked: "Query") -> "list[Hit]":
        return library.search(asked, count, origin=origin_of(origin), diversity=diversity, cut=cut)

    if query:
        _one(settings, query, find, protocol, out, count)
    elif out:
        raise click.UsageError("-o writes the sheet of one query. Pass a query.")
    else:
        _many(settings, find, protocol)


def _one(
    settings: Settings, words: Sequence[str], find: "Find", protocol: str, out: Path | None, count: int
) -> None:
    from phosphene.query import parse

    asked = parse(words)
    settings.claim(out, reads=asked.files)
    with settings.open() as library:
        check_sheet(out, min(count, library.store.count()))
        hits = find(library, asked)
        _print(settings.output, library, hits, protocol)
        if out:
            from phosphene.render import search_sheet

            sheet = search_sheet(hits, library.picture, title=" ".join(words))
            write_picture(settings.output, sheet, out)


def _many(settings: Settings, find: "Find", protocol: str) -> None:
    """Answer one query after another. After one that has no answer, the next one follows."""
    from phosphene.query import parse

    shown: dict[str, str] = {}
    failed = False
    with settings.open() as library:
        for text in _typed(library, settings.output, shown) if sys.stdin.isatty() else _piped():
            try:
                with told(settings):
                    hits = find(library, parse(text))
                    _print(settings.output, library, hits, protocol, query=text)
            except (CommandError, Interrupted) as error:
                error.show()
                failed = True
            else:
                shown |= {hit.image.id: hit.image.caption for hit in hits}
            sys.stdout.flush()
    if failed and not sys.stdin.isatty():
        click.get_current_context().exit(1)


def _typed(library: "Library", output: Output, shown: Mapping[str, str]) -> Iterator[str]:
    from phosphene.cli.prompt import typed_queries

    output.note(f"{library.store.count():,} images. Tab completes, Ctrl-D leaves.")
    return typed_queries(shown)


def _piped() -> Iterator[str]:
    """Yield the lines of standard input that are not empty, as soon as they arrive."""
    asked = False
    for line in sys.stdin.buffer:
        if text := os.fsdecode(line).strip():
            asked = True
            yield text
    if not asked:
        raise click.UsageError("Pass a query, or a query in each line of standard input.")


def _print(
    output: Output, library: "Library", hits: "Sequence[Hit]", protocol: str, *, query: str | None = None
) -> None:
    """Print the hits. `query` is part of the records if there may be more than one."""
    ids = [hit.image.id for hit in hits]
    preview(output, protocol, lambda: [*library.thumbnails(ids).values()], labels(hits))
    asked = {} if query is None else {"query": query}
    output.rows([asked | record for record in hit_records(library, hits)], HITS)
    if not hits:
        cut = click.get_current_context().params["cut"] is not None
        no_such = "nothing found, because the library holds no such images"
        output.note("nothing in this library looks like what you asked for" if cut else no_such)
