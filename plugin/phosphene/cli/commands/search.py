"""`phosphene search` finds the pictures nearest to a query, or to one query after another."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from phosphene.cli.failures import CommandError, Interrupted, told
from phosphene.cli.found import print_found, print_page, use_found
from phosphene.cli.options import (
    COUNT,
    CUT,
    FROM_ZERO,
    ORIGINS,
    WHERE,
    ZERO_TO_ONE,
    QueryCommand,
    Settings,
    command,
    origin_of,
    written,
)
from phosphene.cli.output import Column, Output, Printed
from phosphene.cli.pictures import PROTOCOLS, check_sheet, write_picture
from phosphene.cli.results import image_of
from phosphene.cli.search_wishes import SearchWishes
from phosphene.cli.viewer import check_viewer

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.query import Query

QUERIES = (Column("name", "name"), Column("query", "query"))


@command("search", QueryCommand)
@click.argument("query", metavar="[QUERY]...", nargs=-1)
@click.option("-n", "--count", default=10, show_default=True, type=COUNT, help="How many hits to show.")
@click.option("--offset", default=0, type=FROM_ZERO, help="How many hits to pass over before these.")
@click.option("--origin", default="all", show_default=True, type=ORIGINS, help="Which images to search.")
@WHERE
@click.option(
    "--more-like",
    metavar="ID",
    help="Find pictures like this one of the library, which is not among the hits itself.",
)
@click.option(
    "--sort",
    type=click.Choice(["score", "taken", "added"]),
    help="Show the nearest first, or of these hits the newest, by when they were taken or added."
    "  [default: score; added if the query has only filters]",
)
@click.option(
    "--diversity",
    default=0.0,
    show_default=True,
    type=ZERO_TO_ONE,
    help="How different the hits should be from each other.",
)
@click.option("--cut", type=CUT, help="Leave out hits of less relevance: `auto`, or a number such as 0.8.")
@click.option(
    "--hybrid",
    metavar="ALPHA",
    type=ZERO_TO_ONE,
    help="Find pictures by the words of their captions, too: 0 is words alone, and 1 vectors alone.",
)
@click.option("--fold", is_flag=True, help="Show copies of one picture once, as the nearest of them.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["table", "tsv", "paths", "json", "html"]),
    help="How to print the hits.  [default: table in a terminal, tsv in a pipe]",
)
@click.option("--open", "shown", is_flag=True, help="Open the first hit in the system's viewer.")
@click.option(
    "--copy-to",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy the hits' files into this folder. Nothing in it is overwritten.",
)
@click.option("--save", metavar="NAME", help="Save the query for this library: `search @NAME` repeats it.")
@click.option("--saved", is_flag=True, help="List the saved queries instead of searching.")
@click.option("--forget", metavar="NAME", help="Remove a saved query instead of searching.")
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet to this file.")
def search(
    settings: Settings,
    query: Sequence[str],
    saved: bool,
    forget: str | None,
    form: str | None,
    origin: str,
    out: Path | None,
    protocol: str,
    **wishes: Any,
) -> None:
    r"""Find pictures by words, by a picture, by what is known of them, or by all of these.

      phosphene search a red house in the snow at night
      phosphene search ./one-like-this.jpg -n 20 -o hits.png
      phosphene search 2:red house + ./snow.jpg - trees
      phosphene search id:5f0c2a44-... --json
      phosphene search a beach taken:2024..2025 rating:4.. -keywords:family
      phosphene search taken:2024-07 --as paths
      phosphene search a boat --diversity 0.5 --save boats
      phosphene search @boats --copy-to ~/boats
      phosphene search a cat --cut auto
      phosphene search Lake Garda --hybrid 0.5
      phosphene search at night --more-like 5f0c2a44
      phosphene search --json < queries.txt

    Without QUERY it asks for one query after another, and loads the library once. Tab completes files,
    the ids of hits, and former queries. Ctrl-C abandons a line, and Ctrl-D leaves. From a pipe it reads
    a query in each line, and --json repeats the query in each record. The exit code is 1 if one failed.

    A term is a text, a picture or id:ID. A term is a picture if it begins like a path (./ / ~/) or
    ends like a picture's name (.jpg, .png …). Pictures on the web are not fetched. Write + and - as
    words of their own between terms. N: before a term gives it the weight N, unless a number follows,
    as in 16:9.

    A filter is FIELD:VALUE without spaces, anywhere in the query: it limits the hits, and is not looked
    for. Values may be ranges (4.., ..4, 2023..2025), alternatives (4,5) and words in quotes. A minus
    before the field means: not. <, <=, > and >= work, too, in quotes because of the shell. A query of
    filters alone lists images, the newest first. `docs/searching.md` shows all fields.

    The score is the cosine similarity, which is at most 1. Compare scores only within one search. The
    relevance says how likely a hit is what you asked for, and can be compared between searches. --cut
    auto leaves out what is only the nearest of what there is, so that a search may find nothing.
    With --diversity the hits are chosen one by one, so that each is near to the query and unlike
    those before it.

    --hybrid ALPHA adds what captions and prompts say, by BM25. Both scores are scaled from 0 to 1 among the
    hits, and added with the weights ALPHA for vectors and 1 - ALPHA for words, as in Weaviate. What --cut
    leaves out is still found if it has the words.

    In a pipe the columns are rank, score, relevance, origin, caption and file, separated by tabs, and with
    --fold the number of copies before the file. The
    origin says `gone` if the file is. Control characters become escapes such as \x1b, and in captions
    marks that change the direction of text do, too. Apart from that, a path is printed byte by byte.
    On a terminal everything that is not printable becomes an escape. --json keeps all characters.
    """
    settings = _printed_as(settings, form)
    asked = SearchWishes(origin=origin_of(origin), html=form == "html", **wishes)
    if asked.shown:
        check_viewer()
    if saved or forget:
        _queries(settings, forget)
    elif query or asked.more_like:
        _one(settings, query, asked, protocol, out)
    elif out or asked.for_one_query:
        raise click.UsageError(f"{asked.for_one_query or '-o'} is for one query. Pass a query.")
    else:
        _many(settings, asked, protocol)


def _printed_as(settings: Settings, form: str | None) -> Settings:
    """The settings with the form of --as."""
    if form == "html" and sys.stdout.isatty():
        raise click.UsageError("--as html prints a page. Send it to a file: `… --as html > hits.html`.")
    if form == "json":
        return replace(settings, json=True)
    return settings if form in (None, "html") else replace(settings, json=False, form=cast("Printed", form))


def _queries(settings: Settings, forget: str | None) -> None:
    """List the saved queries, or remove one."""
    with settings.open() as library:
        if forget:
            library.queries.forget(forget)
            settings.output.summary(f"forgot @{forget}", {"name": forget})
            return
        rows = [{"name": f"@{name}", "query": text} for name, text in library.queries.all().items()]
    settings.output.rows(rows, QUERIES, key="name")
    if not rows:
        settings.output.note("no query is saved for this library yet: `search … --save NAME` saves one")


def _one(
    settings: Settings, words: Sequence[str], wishes: SearchWishes, protocol: str, out: Path | None
) -> None:
    output = settings.output
    title = " ".join(words) or f"more like {wishes.more_like}"
    with settings.open() as library:
        asked = _parsed(library, wishes.words(library, words))
        settings.claim(out, reads=asked.files)
        check_sheet(out, min(wishes.count, library.store.count()))
        found = wishes.find(library, asked)
        if wishes.save:
            library.queries.save(wishes.save, str(asked))
            output.note(f"saved as @{wishes.save}")
        if wishes.html:
            print_page(library, found, title)
        else:
            print_found(output, library, found, wishes, protocol)
        use_found(output, library, found, wishes)
        if out:
            from phosphene.render import search_sheet

            sheet = search_sheet(found, library.picture, title=title)
            write_picture(output, sheet, out)


def _parsed(library: "Library", words: Sequence[str]) -> "Query":
    """The query of the words, with saved queries in the places of their names."""
    from phosphene.query import parse

    return parse([library.queries.expanded(word) for word in words])


def _many(settings: Settings, wishes: SearchWishes, protocol: str) -> None:
    """Answer one query after another. After one that has no answer, the next one follows."""
    shown: dict[str, str] = {}
    failed = False
    with settings.open() as library:
        for text in _typed(library, settings.output, shown) if sys.stdin.isatty() else _piped():
            try:
                with told(settings):
                    found = wishes.find(library, _parsed(library, [text]))
                    print_found(settings.output, library, found, wishes, protocol, query=text)
            except (CommandError, Interrupted) as error:
                error.show()
                failed = True
            else:
                shown |= {image.id: image.caption for image in map(image_of, found)}
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
