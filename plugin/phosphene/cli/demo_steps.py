"""The steps of the demo. Each calls the Library as anyone could, and prints the result."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.cli.options import Settings
from phosphene.cli.output import Advance, nearby, on_step
from phosphene.cli.pictures import preview, write_picture
from phosphene.cli.results import GENERATED, HITS, generated_record, hit_records, labels
from phosphene.cli.streams import say, styled, visible
from phosphene.cli.target import counting_kept

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.generation.making import GeneratedImage
    from phosphene.library import Library
    from phosphene.records import Hit

PROMPT = "a red house in the snow at night"
START, END = "a house in the snow at night", "a boat on a sunny sea"
SEED = 7  # a fixed seed, so that a second run makes the same pictures and changes nothing
SHOWN = 12  # how many hits of the second search are shown


@dataclass(slots=True)
class DemoRun:
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


def draw(run: DemoRun) -> None:
    """Draw the landscapes that do not exist yet, with a COCO captions file beside them."""
    from phosphene.config import cores
    from phosphene.landscape.scenes import SEEDS, write

    folder, seeds = run.folder / "pictures", SEEDS["demo"][: run.pictures]
    with run.step(f"draw {len(seeds):,} landscapes into {nearby(folder)}") as advance:
        done = iter(range(1, len(seeds) + 1))
        write(
            folder,
            seeds,
            size=run.side,
            workers=cores(),
            on_picture=lambda _: advance(next(done), len(seeds)),
        )


def add(run: DemoRun, library: "Library") -> None:
    """Add the landscapes with their captions."""
    with run.step(f"add them to {nearby(library.url)}") as advance:
        captions = run.folder / "pictures" / "captions.json"
        added = library.add([captions], on_progress=lambda progress: advance(progress.done, progress.total))
    run.say(f"   {added.added:,} added, {added.unchanged:,} already there")


def search(run: DemoRun, library: "Library") -> "list[Hit]":
    """Find the drawn pictures nearest to the prompt."""
    with run.step(f"search “{PROMPT}”"):
        hits = library.search(PROMPT, 10, origin="imported")
    _show_hits(run, library, hits, "search.png", PROMPT)
    return hits


def generate(run: DemoRun, library: "Library") -> "list[GeneratedImage]":
    """Generate four pictures from the six nearest ones."""
    what = "generate four pictures from the six nearest, and store them"
    with run.step(what) as advance, counting_kept(run.settings, library):
        made = library.generate(PROMPT, 4, neighbours=6, seed=SEED, on_step=on_step(advance))
    if run.aloud:
        preview(run.settings.output, "auto", lambda: [entry.picture for entry in made])
        run.settings.output.rows([generated_record(library, entry) for entry in made], GENERATED)
    return made


def search_again(run: DemoRun, library: "Library", made: "Sequence[GeneratedImage]") -> "list[Hit]":
    """Search all images for the same prompt, and say which ranks the new ones have."""
    with run.step("search again, now among drawn and generated"):
        hits = library.search(PROMPT, library.status().images)
    new = {entry.image.id for entry in made}
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit.image.id in new]
    _show_hits(run, library, hits[:SHOWN], "search-again.png", f"{PROMPT}, again")
    run.say(f"   the new ones rank {', '.join(map(str, ranks))} of {len(hits):,}")
    for rank, hit in enumerate(hits[:SHOWN], start=1):
        if hit.image.parents:
            run.say(f"   rank {rank} was made from {', '.join(_parents(library, hit))}")
    return hits


def films(run: DemoRun, library: "Library", hit: "Hit", made: "GeneratedImage") -> None:
    """Film a picture that turns into noise, and a generated one that comes out of noise."""
    from phosphene.render import animate, noising
    from phosphene.render.canvas import enlarged
    from phosphene.render.walk import FILM_SIDE

    with run.step("film how a picture becomes noise, and noise a picture"):
        drawn, steps = enlarged(library.picture(hit.image), FILM_SIDE), list["Picture"]()
        library.replay(made.image.id, on_step=lambda step: steps.extend(step.preview()))
        denoising = (enlarged(step, FILM_SIDE) for step in steps)
        paths = [
            animate(noising(drawn), run.folder / "noising.webp"),
            animate(denoising, run.folder / "denoising.webp", milliseconds=350),
        ]
    for path in paths:
        run.settings.output.wrote(path)


def walk(run: DemoRun, library: "Library") -> None:
    """Walk from one prompt to another, with the nearest and a generated picture at every stop."""
    from phosphene.render import walk_film, walk_sheet

    with run.step(f"walk from “{START}” to “{END}”") as advance:
        stops = library.walk(START, END, 8, generate=True, seed=SEED, on_step=on_step(advance))
        sheet = walk_sheet(stops, (START, END), library.picture)
        film = walk_film(stops, library.picture).save(run.folder / "walk.webp")
    run.wrote(sheet, "walk.png")
    run.settings.output.wrote(film)


def draw_library_map(run: DemoRun, library: "Library") -> None:
    """Draw a map of the whole library."""
    from phosphene.render import draw_map

    with run.step("draw a map of the library"):
        drawn = draw_map(library.map(), library.thumbnails)
    run.wrote(drawn, "map.png")


def write_page(
    run: DemoRun,
    library: "Library",
    first: "Sequence[Hit]",
    made: "Sequence[GeneratedImage]",
    again: "Sequence[Hit]",
) -> Path:
    """Write the page that shows everything."""
    from phosphene.cli.demo_page import Story, write_story

    with run.step("show everything on one page"):
        page = write_story(Story(run.folder, library, PROMPT, (START, END), first, made, again))
    run.settings.output.wrote(page)
    return page


def _show_hits(run: DemoRun, library: "Library", hits: "Sequence[Hit]", name: str, title: str) -> None:
    """Show the hits of a search as `phosphene search -o` does."""
    from phosphene.render import search_sheet

    output = run.settings.output
    if run.aloud:
        ids = [hit.image.id for hit in hits]
        preview(output, "auto", lambda: [*library.thumbnails(ids).values()], labels(hits))
        output.rows(hit_records(library, hits), HITS)
    run.wrote(search_sheet(hits, library.picture, title=title), name)


def _parents(library: "Library", hit: "Hit") -> list[str]:
    parents = library.store.get([parent.id for parent in hit.image.parents])
    return [visible(Path(parent.uri).name) for parent in parents]
