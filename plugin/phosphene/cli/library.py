"""Commands that keep and look through a library: add, search, show, remove, status."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import (
    COUNT,
    INPUT,
    ORIGINS,
    ZERO_TO_ONE,
    Settings,
    command,
    origin_of,
    written,
)
from phosphene.cli.output import Column, nearby
from phosphene.cli.pictures import PROTOCOLS, check_sheet, family_sheet, hit_tiles, preview, write_picture
from phosphene.cli.streams import visible

if TYPE_CHECKING:
    from phosphene.ingest import Added, Progress
    from phosphene.library import Library, Shown
    from phosphene.records import Hit, Image

NAMED = 5  # folders that a note names
FILE = Column("uri", "file", nearby, path=True)
HITS = (
    Column("rank", "rank"),
    Column("score", "score", "{:.3f}".format),
    Column("origin", "origin"),
    Column("caption", "caption"),
    FILE,
)


@command("add")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=INPUT)
@click.option("--space", metavar="NAME", help="The encoder of a new library, see below.")
def add(settings: Settings, paths: Sequence[Path], space: str | None) -> None:
    """Add pictures: folders, files, or COCO captions files.

      phosphene -L photos.lib add ~/Pictures
      phosphene -L drawn.lib add drawings/ --space landscape
      phosphene -L weaviate://localhost/Photos add ~/Pictures
      phosphene -L coco.lib add annotations/captions_val2017.json

    The first `add` makes the library. What is already there and unchanged is skipped; a file
    that is no picture is named and skipped. The lines of a .txt file beside a picture are its
    captions, and so is what a captions.json (COCO's format) in a folder says of its pictures.
    One that cannot be read is named, and the pictures are added without it. The exit code is 1
    where nothing could be added and nothing was there.

    A library is made in one space and stays in it: `landscape` (built in, for the landscapes that
    phosphene draws), NAME/TAG (open_clip's pretrained tags), hf-hub:ORG/NAME, local-dir:FOLDER or
    NAME@FILE. Without --space it is a CLIP model for photographs.
    """
    from phosphene.sources import scan

    output = settings.output
    next(scan(paths))  # where there is no picture, no library is made either
    with settings.open(space=space, create=True) as library, output.progress("adding") as advance:

        def tell(progress: "Progress") -> None:
            if progress.note:
                output.note(progress.note)
            settings.kept = f"{progress.added:,} pictures were added; the same command goes on from there"
            advance(progress.done, progress.total)

        added = library.add(paths, on_progress=tell)
    for failure in added.failures:
        output.note(f"skipped {visible(failure.uri)}: {visible(failure.reason)}")
    _report(settings, added)
    if added.failed and not added.added and not added.unchanged:
        click.get_current_context().exit(1)


def _report(settings: Settings, added: "Added") -> None:
    speed = added.added / added.seconds if added.seconds else 0.0
    record = {
        "added": added.added,
        "unchanged": added.unchanged,
        "failed": added.failed,
        "failures": [{"uri": failure.uri, "reason": failure.reason} for failure in added.failures],
        "images_per_second": round(speed, 2),
    }
    settings.output.summary(
        f"added {added.added:,}, unchanged {added.unchanged:,}, failed {added.failed:,}"
        + (f" ({speed:,.1f} images/s)" if added.added else ""),
        record,
    )


@command("search")
@click.argument("query", metavar="QUERY...", nargs=-1, required=True)
@click.option("-n", "--count", default=10, show_default=True, type=COUNT, help="How many hits.")
@click.option("--origin", default="all", show_default=True, type=ORIGINS, help="Which images count.")
@click.option(
    "--diversity", default=0.0, show_default=True, type=ZERO_TO_ONE, help="How unlike each other hits are."
)
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet.")
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

    A term is text, a picture or id:ID. It is a picture where it begins like a path (./ / ~/) or ends
    like a picture's name (.jpg, .png …); pictures on the web are not fetched. + and - stand alone
    between terms, and N: before a term weighs it, unless a number follows, as in 16:9.

    The score is the cosine similarity, at most 1: compare it within one search only. With --diversity
    the hits are chosen one by one, each near to the query and unlike those before it.

    In a pipe the columns are rank, score, origin, caption and file, separated by tabs. A file is its
    path, byte by byte, but for control characters; these, and in captions marks that change the
    direction of text, are written as escapes such as \x1b. On a terminal so is all that cannot be
    printed. --json holds everything as it is.
    """
    from phosphene.query import parse
    from phosphene.render.sheet import contact_sheet

    asked = parse(query)
    settings.claim(out, reads=asked.files)
    output = settings.output
    with settings.open() as library:
        check_sheet(out, min(count, library.store.count()))
        hits = library.search(asked, count, origin=origin_of(origin), diversity=diversity)
        images = [hit.image for hit in hits]
        preview(output, protocol, lambda: library.gallery.small(images), labels(hits))
        output.rows(hit_records(library, hits), HITS)
        if not hits:
            output.note("nothing found: the library holds no such images")
        if out:
            write_picture(output, contact_sheet(hit_tiles(library, hits), title=" ".join(query)), out)


def hit_records(library: "Library", hits: "Sequence[Hit]") -> list[dict[str, Any]]:
    """Hits as the JSON says them."""
    return [
        {
            "rank": rank,
            "id": hit.image.id,
            "score": round(float(hit.score), 6),
            "origin": hit.image.origin,
            "uri": library.where(hit.image),
            "caption": hit.image.caption,
        }
        for rank, hit in enumerate(hits, start=1)
    ]


def labels(hits: "Sequence[Hit]") -> list[str]:
    """What stands below hits in the terminal: rank, score, and a star for what was generated."""
    star = {"generated": " *", "training": ""}
    return [f"{rank}  {hit.score:.3f}{star[hit.image.origin]}" for rank, hit in enumerate(hits, start=1)]


@command("show")
@click.argument("id")
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write it with its parents and descendants.")
def show(settings: Settings, id: str, protocol: str, out: Path | None) -> None:
    """Show an image, its recipe, parents and descendants.

      phosphene show 5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11
      phosphene show 5f0c2a44 -o family.png
      phosphene show 5f0c2a44 --json | jq .recipe

    Parents are the neighbours that led a generated picture, and init what it started from. The
    first eight letters of an id are enough where no other begins with them.
    """
    settings.claim(out)
    with settings.open() as library:
        shown = library.show(id.removeprefix("id:"))
        preview(settings.output, protocol, lambda: [library.picture(shown.image)])
        record = _described(library, shown)
        settings.output.fields(record, _lines(record))
        if out:
            write_picture(settings.output, family_sheet(library, shown), out)


def _described(library: "Library", shown: "Shown") -> dict[str, Any]:
    image = shown.image
    return {
        "id": image.id,
        "origin": image.origin,
        "uri": library.where(image),
        "caption": image.caption,
        "captions": list(image.captions),
        "width": image.width,
        "height": image.height,
        "created": image.created,
        "sha256": image.sha256,
        "recipe": None if image.recipe is None else dict(image.recipe),
        "parents": [
            {
                "id": made.id,
                "role": made.role,
                "similarity": made.similarity,
                "weight": made.weight,
                "uri": _uri(library, parent),
            }
            for made, parent in zip(image.parents, shown.parents, strict=True)
        ],
        "descendants": [{"id": child.id, "uri": _uri(library, child)} for child in shown.descendants],
    }


def _uri(library: "Library", image: "Image | str") -> str | None:
    """Where a relative lies; None for one that was removed, of which only the id is left."""
    return None if isinstance(image, str) else library.where(image)


def _lines(record: Mapping[str, Any]) -> dict[str, object]:
    """The same for people, with one line per caption, setting, parent and descendant."""
    lines: dict[str, object] = {"id": record["id"], "origin": record["origin"]}
    place = nearby(record["uri"])
    lines["file"] = place if "://" in place else Path(place)
    lines["size"] = f"{record['width']}x{record['height']}"
    for number, caption in enumerate(record["captions"], start=1):
        lines["caption" if number == 1 else f"caption {number}"] = caption
    lines["created"], lines["sha256"] = record["created"], record["sha256"]
    for key, value in _made_with(record["recipe"]).items():
        lines[key.replace("_", " ")] = value
    for number, parent in enumerate(record["parents"], start=1):
        name = "init" if parent["role"] == "init" else f"parent {number}"
        lines[name] = f"{parent['similarity']:.3f}  {parent['id']}  {_place(parent)}"
    for number, child in enumerate(record["descendants"], start=1):
        lines[f"descendant {number}"] = f"{child['id']}  {_place(child)}"
    return lines


def _made_with(recipe: Mapping[str, Any] | None) -> dict[str, object]:
    """What a generated picture was made with; nothing where its recipe is not sound."""
    from phosphene.errors import ImageError
    from phosphene.recipes import check
    from phosphene.recipes.formats import current

    try:
        check(recipe or {}, "")
    except ImageError:
        return {}
    today = current(recipe or {})
    common = ("generator", "seed", "num_inference_steps", "guidance_scale")
    told = {key: today[key] for key in common if today[key] is not None}
    return {**told, **today["settings"]}


def _place(relative: Mapping[str, Any]) -> str:
    return "(removed)" if relative["uri"] is None else nearby(relative["uri"])


@command("remove")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--missing", is_flag=True, help="Every image whose file is gone.")
@click.option(
    "--under", type=INPUT, metavar="FOLDER", help="With --missing: also where folders below FOLDER are gone."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove(settings: Settings, ids: Sequence[str], missing: bool, under: Path | None, yes: bool) -> None:
    """Take images out of the library; their files stay where they are.

      phosphene remove 5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11
      phosphene -L photos.lib remove --missing --yes
      phosphene -L photos.lib remove --missing --under ~/Pictures/2019

    Pictures that were generated from a removed one keep its id among their parents.

    --missing takes a picture only where its folder is there, can be read and is not empty. Otherwise
    its drive may not be mounted, and it is kept and counted. Where you know that such folders below
    FOLDER are gone for good, say so with --under FOLDER. A folder that cannot be read is never
    taken for gone.
    """
    if bool(ids) == missing:
        raise click.UsageError("name the images to remove, or give --missing")
    if under and not missing:
        raise click.UsageError("--under goes with --missing")
    with settings.open() as library:
        if missing:
            found = library.missing(under=under and under.expanduser().absolute())
            _say_unsure(settings, found.unsure)
            images = list(found.gone)
        else:
            images = [library.get(id.removeprefix("id:")) for id in ids]
        if images and not yes:
            settings.output.confirm(f"Remove {len(images):,} images from {library.url}?")
        count = library.remove([image.id for image in images]) if images else 0
    record = {"removed": count} | ({"kept": sum(found.unsure.values())} if missing else {})
    settings.output.summary(f"removed {count:,}", record)


def _say_unsure(settings: Settings, folders: Mapping[Path, int]) -> None:
    """Name the folders whose pictures were kept, since nobody can say whether they are gone."""
    if not folders:
        return
    settings.output.note(
        f"not found, but kept: {sum(folders.values()):,}. Their folders are missing, empty or unreadable."
        " Is a drive not mounted? Say with --under FOLDER which ones are gone for good"
    )
    for folder, count in list(folders.items())[:NAMED]:
        settings.output.note(f"  {visible(str(folder))}: {count:,}")
    if len(folders) > NAMED:
        settings.output.note(f"  and {len(folders) - NAMED:,} more folders")


@command("status")
def status(settings: Settings) -> None:
    """Say what is in the library.

      phosphene status
      phosphene -L photos.lib status --json

    Loads no model.
    """
    with settings.open() as library:
        state = library.status()
    names = ("library", "store", "space", "dimension", "images", "training", "generated")
    settings.output.fields({name: getattr(state, name) for name in names})
