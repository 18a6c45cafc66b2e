"""`phosphene add`: put pictures into a library."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import YES, Settings, command
from phosphene.cli.pruning import pruned
from phosphene.cli.streams import visible

if TYPE_CHECKING:
    from phosphene.ingest import Added, OnProgress, Progress
    from phosphene.ingest.on_ray import RayEngine
    from phosphene.library import Library
    from phosphene.records import Failure, Precision
    from phosphene.sources import Item, ScanOptions


@command("add")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option("--model", metavar="NAME", help="The model of a new library (see above).")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    help="In which numbers the model of a new library computes (see above).",
)
@click.option(
    "--include", metavar="PATTERN", multiple=True, help="Take only files that match; may be repeated."
)
@click.option("--exclude", metavar="PATTERN", multiple=True, help="Leave out what matches; may be repeated.")
@click.option(
    "--reread", is_flag=True, help="Read the metadata of unchanged pictures again, too (see above)."
)
@click.option("--prune", is_flag=True, help="Remove images whose files are gone from the SOURCEs.")
@YES
@click.option("--allow-urls", is_flag=True, help="Fetch pictures from the web if a SOURCE names them.")
@click.option(
    "--max-pixels",
    metavar="N",
    type=click.IntRange(min=1),
    help="Refuse pictures with more pixels.  [default: 178956970]",
)
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="What does the work.")
@click.option("--address", metavar="ADDRESS", help="The Ray cluster: `auto` or HOST:PORT (see above).")
@click.option("--workers", type=click.IntRange(min=1), help="How many processes of Ray hold the model.")
def add(
    settings: Settings,
    sources: Sequence[str],
    model: str | None,
    precision: "Precision | None",
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    reread: bool,
    prune: bool,
    yes: bool,
    allow_urls: bool,
    max_pixels: int | None,
    engine: str,
    address: str | None,
    workers: int | None,
) -> None:
    """Add pictures from folders, files, tables, archives, or wherever else they are kept.

      phosphene -L photos.lib add ~/Pictures
      phosphene -L photos.lib add ~/Pictures --exclude screenshots/ --exclude '*.gif'
      find ~/Pictures -mtime -7 -print0 | phosphene -L photos.lib add -
      phosphene -L drawn.lib add drawings/ --model landscape
      phosphene -L weaviate://localhost/Photos add ~/Pictures
      phosphene -L coco.lib add annotations/captions_val2017.json val2017
      phosphene -L cats.lib add data/train-00000-of-00001.parquet

    The first `add` makes the library. Pictures that have not changed are skipped, and so are files
    that are not pictures, whose names are printed. The exit code is 1 if nothing could be added and
    nothing was there before. docs/collections.md shows every kind of SOURCE.

    Captions and fields come from .txt, .json and .xmp files beside a picture, from a captions.json
    (COCO's format) or a metadata.csv, .jsonl or .parquet (Hugging Face's imagefolder) in a folder, and
    from such a file that you name. If one of them cannot be read, it is named, and the pictures are
    added without it. A parquet or Arrow file may also hold the pictures themselves, and so does a
    folder that `save_to_disk` of Hugging Face's datasets has written.

    In folders, hidden files are left out, and what systems and NAS devices keep there for themselves:
    recycle bins, thumbnails, copies in Apple's photo libraries. Files of other kinds are counted.
    A PATTERN is written as in .gitignore, but large and small letters are the same. It is relative to
    each folder that you name: `*.png` and `raw/` at any depth, `2024/raw` and `/raw` at that place.

    What cameras, editors and other generators have written into a picture becomes its fields, such as
    the time, the camera, keywords or the prompt, and a prompt or a description also becomes a caption.
    Pictures that an older version added get their fields with --reread, which embeds none of them again.

    HEIC and JPEG XL pictures, and raw photographs, are read if the extras heic, jxl and raw are
    installed: pip install 'phosphene[heic,jxl,raw]'.

    With `-`, the paths are read from standard input: one on each line, or each ended by a NUL.

    SOURCE may also be webdataset's tars ('shards/{000..010}.tar'), and a folder, a file or tars in any
    file system of fsspec: s3://BUCKET/FOLDER, gs://, az://, hf://datasets/…, zip://::FILE.zip and more.
    If the package for it is missing, the error names it. A plugin reads a SOURCE of the form
    `scheme:…`. `phosphene doctor` lists the plugins.

    With --allow-urls, SOURCE may be a URL, a text file with a URL in each line, or a parquet file with
    a column `url`. Only public addresses are asked, and a picture of more than 64 MiB or 30 seconds
    is skipped. A URL is fetched once.

    With --prune, the SOURCEs are folders and tars. When they have been scanned, the images are removed
    whose files have gone from there, after a question. A file that was moved within them is only found
    at its new place. Nothing is removed if a folder could not be listed or nothing was found in it,
    and what was added from an empty folder stays, because a drive may not be mounted.

    A library is made with one model and keeps it. NAME is `landscape` (built in, for the landscapes
    that phosphene draws), NAME/TAG (a pretrained tag of open_clip), hf-hub:ORG/NAME, local-dir:FOLDER
    or NAME@FILE. Without --model it is a CLIP model for photographs.

    With --precision int8, the processor embeds pictures in 8-bit numbers, which takes less than half
    the time if the model is a ViT. The vectors are less exact, so some hits change places. A library
    keeps its precision.

      phosphene -L photos.lib add ~/Pictures --engine ray
      phosphene -L weaviate://db/Photos add 'shards/{0000..9999}.tar' --engine ray --address auto

    With --engine ray, processes of Ray read and embed the pictures: on this machine, or with --address
    on all machines of the Ray cluster to which this one belongs. They must see the pictures under the
    same path. Each tar is listed by itself, and folders are listed together. Every WORKER takes one GPU
    or one core, and as many are started as there are. This process alone writes to the library, so that
    the end of any other loses nothing and doubles nothing.
    """
    from phosphene.ingest.on_ray import RayEngine
    from phosphene.maintenance.pruning import Scanned, places_of
    from phosphene.sources import ScanOptions, scan

    _check_engine(engine, address, workers, prune, max_pixels)
    places = places_of(sources) if prune else None
    options = ScanOptions(include, exclude, allow_urls)
    with scan(sources, options) as items:
        scanned = Scanned(items)
        first = next(scanned)  # raises if there is no picture, before a library is made
        add_to = partial(_locally, chain([first], scanned), max_pixels)
        if engine == "ray":
            options.left_out.clear()  # it is counted again by the processes that list the sources
            add_to = partial(_by_ray, sources, options, RayEngine(address, workers))
        with settings.open(model=model, precision=precision, create=True) as library:
            added = _added(settings, partial(add_to, reread, library))
            removed = None if places is None else pruned(settings, library, places, scanned, added, yes=yes)
    for failure in added.failures:
        settings.output.note(f"skipped {visible(failure.uri)}: {visible(failure.reason)}")
    _report(settings, added, items.left_out, removed)
    if added.failed and not added.added and not added.unchanged:
        click.get_current_context().exit(1)


def _check_engine(
    engine: str, address: str | None, workers: int | None, prune: bool, max_pixels: int | None
) -> None:
    if engine == "local" and (address or workers):
        raise click.UsageError("--address and --workers need --engine ray.")
    if engine == "ray" and prune:
        raise click.UsageError("--prune is for the local engine. Add again with it: that opens no picture.")
    if engine == "ray" and max_pixels:
        raise click.UsageError("--max-pixels is for the local engine. Add the large pictures with it.")


def _locally(
    items: "Iterator[Item | Failure]",
    max_pixels: int | None,
    reread: bool,
    library: "Library",
    tell: "OnProgress",
) -> "Added":
    return library.add(items, reread=reread, max_pixels=max_pixels, on_progress=tell)


def _by_ray(
    sources: Sequence[str],
    options: "ScanOptions",
    engine: "RayEngine",
    reread: bool,
    library: "Library",
    tell: "OnProgress",
) -> "Added":
    return library.add(sources, options=options, reread=reread, engine=engine, on_progress=tell)


def _added(settings: Settings, add_to: "Callable[[OnProgress], Added]") -> "Added":
    output = settings.output
    with output.progress("adding") as advance:

        def tell(progress: "Progress") -> None:
            if progress.note:
                output.note(progress.note)
            settings.kept = f"{progress.added:,} pictures were added; the same command goes on from there"
            advance(progress.done, progress.total)

        return add_to(tell)


def _report(settings: Settings, added: "Added", left_out: Counter[str], removed: int | None) -> None:
    from phosphene.images import missing_extras
    from phosphene.sources import counted

    if left_out:
        settings.output.note(f"left out {visible(counted(left_out))}")
    for extra in missing_extras(left_out):
        settings.output.note(f"`pip install 'phosphene[{extra}]'` would read some of these")
    speed = added.added / added.seconds if added.seconds else 0.0
    record = {
        "added": added.added,
        "unchanged": added.unchanged,
        "failed": added.failed,
        "failures": [{"uri": failure.uri, "reason": failure.reason} for failure in added.failures],
        "left_out": dict(left_out.most_common()),
        "images_per_second": round(speed, 2),
    } | ({} if removed is None else {"removed": removed})
    settings.output.summary(
        f"added {added.added:,}, unchanged {added.unchanged:,}, failed {added.failed:,}"
        + ("" if removed is None else f", removed {removed:,}")
        + (f" ({speed:,.1f} images/s)" if added.added else ""),
        record,
    )
