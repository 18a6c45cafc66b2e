"""`phosphene demo` shows everything on drawn landscapes, in about a minute and without a download.

Every step calls the Library as anyone could, and prints the result. `demo_page` makes a page of all.
"""

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import FORCE, Settings, command
from phosphene.cli.output import Advance, nearby, on_step
from phosphene.cli.pictures import preview, write_picture
from phosphene.cli.results import GENERATED, HITS, generated_record, hit_records, labels
from phosphene.cli.streams import say, styled, visible
from phosphene.cli.target import counting_kept

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.generation.making import GeneratedImage
    from phosphene.library import Library
    from phosphene.records import Hit, Status

PROMPT = "a red house in the snow at night"
START, END = "a house in the snow at night", "a boat on a sunny sea"
SEED = 7  # a fixed seed, so that a second run makes the same pictures and changes nothing
FILES = (
    "search.png",
    "search-again.png",
    "noising.webp",
    "denoising.webp",
    "walk.png",
    "walk.webp",
    "map.png",
    "index.html",
)
CAPTIONS = b"Landscapes drawn by phosphene"  # the beginning of the captions file of drawn pictures
DRAWN = re.compile(r"\d{7}\.png|\.\d{7}\.png\..*\.part")  # drawn pictures, also an unfinished one
SIDES = click.IntRange(64, 1024)
SHOWN = 12  # how many hits of the second search are shown


@dataclass(slots=True)
class Telling:
    """The demo while it runs, with its folder, its settings and its start time."""

    settings: Settings
    folder: Path
    pictures: int  # how many landscapes are drawn
    side: int  # how many pixels wide and high they are
    number: int = 0
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, what: str) -> Iterator[Advance]:
        """Run a numbered step with a progress bar, and say how long it took."""
        self.number += 1
        since = time.monotonic()
        with self.settings.output.progress(what) as advance:
            yield advance
        self.say(f"\n{self.number}  {what}  ", styled(f"{time.monotonic() - since:.1f} s", dim=True))

    @property
    def aloud(self) -> bool:
        """Whether people read along. `--json` prints only one object at the end."""
        return not (self.settings.json or self.settings.quiet)

    def say(self, *parts: str) -> None:
        """Print for people who read along."""
        if self.aloud:
            say(*parts)

    def wrote(self, picture: "Picture", name: str) -> None:
        """Write a picture into the demo's folder."""
        write_picture(self.settings.output, picture, self.folder / name)


@command("demo")
@click.argument("folder", default="demo", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--pictures",
    default=1000,
    show_default=True,
    type=click.IntRange(24, 10_000),
    help="How many landscapes to draw.",
)
@click.option(
    "--side",
    default=256,
    show_default=True,
    type=SIDES,
    help="Their width and height in pixels.",
)
@FORCE
def demo(settings: Settings, folder: Path, pictures: int, side: int) -> None:
    """Show everything on 1,000 drawn landscapes, and on one page.

      phosphene demo
      phosphene demo /tmp/first-light
      phosphene -L weaviate://localhost/Demo demo

    The demo draws landscapes, searches them, generates four more, finds those again, walks between
    two prompts and draws a map. It takes about a minute and 2 GB of memory, and needs no download and
    no server. It writes pictures, a library, sheets, animations and index.html into FOLDER (default:
    demo). With -L it uses that library instead. A second run changes nothing.
    """
    from phosphene.config import expanded

    telling = Telling(settings, expanded(folder), pictures, side)
    claim(telling)
    settings.kept = "finished work stays; the same command goes on from there"
    draw(telling)
    settings.library = settings.library or str(telling.folder / "library")
    with settings.open(model="landscape", create=True) as library:
        before = library.status()
        add(telling, library)
        first = search(telling, library)
        made = generate(telling, library)
        again = search_again(telling, library, made)
        films(telling, library, first[0], made[0])
        walk(telling, library)
        atlas(telling, library)
        page = tell(telling, library, first, made, again)
        end(telling, before, library.status(), page)


def claim(telling: Telling) -> None:
    """Make sure that the demo overwrites nothing of anybody else's."""
    from phosphene.outputs import claim_folder

    telling.settings.claim(*(telling.folder / name for name in FILES))
    claim_folder(telling.folder / "pictures", is_drawn, force=telling.settings.force)


def is_drawn(folder: Path) -> bool:
    """Whether the demo drew the pictures of a folder, by its captions file or by the file names."""
    captions = folder / "captions.json"
    if captions.is_file():
        with captions.open("rb") as file:
            return CAPTIONS in file.read(200)
    return all(DRAWN.fullmatch(path.name) for path in folder.iterdir())


def draw(telling: Telling) -> None:
    """Draw the landscapes that do not exist yet, with a COCO captions file beside them."""
    from phosphene.config import cores
    from phosphene.landscape.scenes import SEEDS, write

    folder, seeds = telling.folder / "pictures", SEEDS["demo"][: telling.pictures]
    with telling.step(f"draw {len(seeds):,} landscapes into {nearby(folder)}") as advance:
        done = iter(range(1, len(seeds) + 1))
        write(
            folder,
            seeds,
            size=telling.side,
            workers=cores(),
            on_picture=lambda _: advance(next(done), len(seeds)),
        )


def add(telling: Telling, library: "Library") -> None:
    """Add the landscapes with their captions."""
    with telling.step(f"add them to {nearby(library.url)}") as advance:
        captions = telling.folder / "pictures" / "captions.json"
        added = library.add([captions], on_progress=lambda progress: advance(progress.done, progress.total))
    telling.say(f"   {added.added:,} added, {added.unchanged:,} already there")


def search(telling: Telling, library: "Library") -> "list[Hit]":
    """Find the drawn pictures nearest to the prompt."""
    with telling.step(f"search “{PROMPT}”"):
        hits = library.search(PROMPT, 10, origin="imported")
    _show_hits(telling, library, hits, "search.png", PROMPT)
    return hits


def generate(telling: Telling, library: "Library") -> "list[GeneratedImage]":
    """Generate four pictures from the six nearest ones."""
    what = "generate four pictures from the six nearest, and store them"
    with telling.step(what) as advance, counting_kept(telling.settings, library):
        made = library.generate(PROMPT, 4, neighbours=6, seed=SEED, on_step=on_step(advance))
    if telling.aloud:
        preview(telling.settings.output, "auto", lambda: [entry.picture for entry in made])
        telling.settings.output.rows([generated_record(library, entry) for entry in made], GENERATED)
    return made


def search_again(telling: Telling, library: "Library", made: "Sequence[GeneratedImage]") -> "list[Hit]":
    """Search all images for the same prompt, and say which ranks the new ones have."""
    with telling.step("search again, now among drawn and generated"):
        hits = library.search(PROMPT, library.status().images)
    new = {entry.image.id for entry in made}
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit.image.id in new]
    _show_hits(telling, library, hits[:SHOWN], "search-again.png", f"{PROMPT}, again")
    telling.say(f"   the new ones rank {', '.join(map(str, ranks))} of {len(hits):,}")
    for rank, hit in enumerate(hits[:SHOWN], start=1):
        if hit.image.parents:
            telling.say(f"   rank {rank} was made from {', '.join(_parents(library, hit))}")
    return hits


def films(telling: Telling, library: "Library", hit: "Hit", made: "GeneratedImage") -> None:
    """Film a picture that turns into noise, and a generated one that comes out of noise."""
    from phosphene.render import animate, noising
    from phosphene.render.canvas import enlarged
    from phosphene.render.walk import FILM_SIDE

    with telling.step("film how a picture becomes noise, and noise a picture"):
        drawn, steps = enlarged(library.picture(hit.image), FILM_SIDE), list["Picture"]()
        library.replay(made.image.id, on_step=lambda step: steps.extend(step.preview()))
        denoising = (enlarged(step, FILM_SIDE) for step in steps)
        paths = [
            animate(noising(drawn), telling.folder / "noising.webp"),
            animate(denoising, telling.folder / "denoising.webp", milliseconds=350),
        ]
    for path in paths:
        telling.settings.output.wrote(path)


def walk(telling: Telling, library: "Library") -> None:
    """Walk from one prompt to another, with the nearest and a generated picture at every stop."""
    from phosphene.render import walk_film, walk_sheet

    with telling.step(f"walk from “{START}” to “{END}”") as advance:
        stops = library.walk(START, END, 8, generate=True, seed=SEED, on_step=on_step(advance))
        sheet = walk_sheet(stops, (START, END), library.picture)
        film = walk_film(stops, library.picture).save(telling.folder / "walk.webp")
    telling.wrote(sheet, "walk.png")
    telling.settings.output.wrote(film)


def atlas(telling: Telling, library: "Library") -> None:
    """Draw a map of the whole library."""
    from phosphene.render import draw_map

    with telling.step("draw a map of the library"):
        drawn = draw_map(library.map(), library.thumbnails)
    telling.wrote(drawn, "map.png")


def tell(
    telling: Telling,
    library: "Library",
    first: "Sequence[Hit]",
    made: "Sequence[GeneratedImage]",
    again: "Sequence[Hit]",
) -> Path:
    """Write the page that shows everything."""
    from phosphene.cli.demo_page import Story, write_story

    with telling.step("show everything on one page"):
        page = write_story(Story(telling.folder, library, PROMPT, (START, END), first, made, again))
    telling.settings.output.wrote(page)
    return page


def end(telling: Telling, before: "Status", after: "Status", page: Path) -> None:
    """Say what has changed, what it took, and where the page is."""
    changed = before != after
    seconds, memory = time.monotonic() - telling.started, peak_memory()
    telling.settings.output.summary(
        f"\n{'The library now holds' if changed else 'Nothing changed: the library already held'} "
        f"all {after.images:,} images ({after.imported:,} drawn, {after.generated:,} generated).\n"
        f"{seconds:.0f} s, at most {memory / 1e9:.1f} GB of memory.\n\nLook at {nearby(page)}",
        {
            "page": str(page),
            "library": after.library,
            "images": after.images,
            "generated": after.generated,
            "changed": changed,
            "seconds": round(seconds, 1),
            "peak_memory": memory,
        },
    )


def peak_memory() -> int:
    """The most memory in bytes that this process or a child held, or 0 on Windows, which has no count."""
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return unit * max(resource.getrusage(one).ru_maxrss for one in who)


def _show_hits(telling: Telling, library: "Library", hits: "Sequence[Hit]", name: str, title: str) -> None:
    """Show the hits of a search as `phosphene search -o` does."""
    from phosphene.render import search_sheet

    output = telling.settings.output
    if telling.aloud:
        ids = [hit.image.id for hit in hits]
        preview(output, "auto", lambda: [*library.thumbnails(ids).values()], labels(hits))
        output.rows(hit_records(library, hits), HITS)
    telling.wrote(search_sheet(hits, library.picture, title=title), name)


def _parents(library: "Library", hit: "Hit") -> list[str]:
    parents = library.store.get([parent.id for parent in hit.image.parents])
    return [visible(Path(parent.uri).name) for parent in parents]
