"""`phosphene demo` shows everything on drawn landscapes, in about a minute and without a download."""

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli import demo_steps
from phosphene.cli.demo_steps import DemoRun
from phosphene.cli.options import FORCE, Settings, command
from phosphene.cli.output import nearby

if TYPE_CHECKING:
    from phosphene.records import Status

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

    run = DemoRun(settings, expanded(folder), pictures, side)
    claim(run)
    settings.kept = "finished work stays; the same command goes on from there"
    demo_steps.draw(run)
    settings.library = settings.library or str(run.folder / "library")
    with settings.open(model="landscape", create=True) as library:
        before = library.status()
        demo_steps.add(run, library)
        first = demo_steps.search(run, library)
        made = demo_steps.generate(run, library)
        again = demo_steps.search_again(run, library, made)
        demo_steps.films(run, library, first[0], made[0])
        demo_steps.walk(run, library)
        demo_steps.draw_library_map(run, library)
        page = demo_steps.write_page(run, library, first, made, again)
        end(run, before, library.status(), page)


def claim(run: DemoRun) -> None:
    """Make sure that the demo overwrites nothing of anybody else's."""
    from phosphene.outputs import claim_folder

    run.settings.claim(*(run.folder / name for name in FILES))
    claim_folder(run.folder / "pictures", is_drawn, force=run.settings.force)


def is_drawn(folder: Path) -> bool:
    """Whether the demo drew the pictures of a folder, by its captions file or by the file names."""
    captions = folder / "captions.json"
    if captions.is_file():
        with captions.open("rb") as file:
            return CAPTIONS in file.read(200)
    return all(DRAWN.fullmatch(path.name) for path in folder.iterdir())


def end(run: DemoRun, before: "Status", after: "Status", page: Path) -> None:
    """Say what has changed, what it took, and where the page is."""
    changed = before != after
    seconds, memory = time.monotonic() - run.started, peak_memory()
    run.settings.output.summary(
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
