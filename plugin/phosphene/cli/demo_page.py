"""The demo's page: what the demo did, told with the very pictures it found and made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from phosphene.cli.output import nearby
from phosphene.generation.making import GeneratedImage
from phosphene.images import open_picture
from phosphene.library import Library
from phosphene.outputs import write
from phosphene.records import Hit, Image
from phosphene.render.page import Figure, HitRow, Lineage, Section, figure, film, page

SAMPLE = 12  # drawn landscapes that the page begins with
SMALL, LARGE, FULL = 160, 320, 1600  # pixels of the longer side


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to tell. `again` ranks every image of the library for the same prompt."""

    folder: Path
    library: Library
    prompt: str
    ends: tuple[str, str]
    first: Sequence[Hit]
    made: Sequence[GeneratedImage]
    again: Sequence[Hit]

    @property
    def ranks(self) -> list[int]:
        """Where the new pictures come among all."""
        new = {entry.image.id for entry in self.made}
        return [rank for rank, hit in enumerate(self.again, start=1) if hit.image.id in new]

    def shown(self, count: int = 12) -> Sequence[Hit]:
        """The first hits of the second search."""
        return self.again[:count]


def write_story(story: Story) -> Path:
    """Write index.html, whole or not at all; it holds everything that it shows."""
    state = story.library.status()
    text = page(
        story.prompt.capitalize(),
        "Words and pictures share one space. A search finds what the words mean, a diffusion model makes "
        "new pictures from what was found, and the library takes them in.",
        [_drawn(story), _found(story), _made(story), _again(story), _noise(story), _walk(story), _map(story)],
        opening=[_picture(story, entry.image, LARGE) for entry in story.made],
        facts=[
            ("landscapes, drawn", f"{state.imported:,}"),
            ("generated", f"{state.generated:,}"),
            ("numbers to a picture", f"{state.dimension:,}"),
            ("downloads", "0"),
        ],
        footer="Now with your own pictures: `phosphene -L photos.lib add ~/Pictures`, then "
        "`phosphene -L photos.lib search dog on a beach`.\n\n"
        "Every picture on this page was drawn by a program or made by a model.",
    )
    path = story.folder / "index.html"
    write(path, text.encode(errors="replace"))
    return path


def _drawn(story: Story) -> Section:

    every = sorted(
        (hit.image for hit in story.again if hit.image.origin == "imported"), key=lambda image: image.uri
    )
    place = "a collection of Weaviate" if story.library.store.info().kind == "weaviate" else "a folder"
    return Section(
        "A library of landscapes",
        f"A program drew {len(every):,} landscapes and wrote captions for each. A small CLIP, trained on "
        "other drawings of this kind, turned every picture into a vector, and the vectors went into a store "
        f"that is {place}.",
        _command(story, "add", quote(nearby(story.folder / "pictures")), "--model landscape"),
        [_picture(story, image, LARGE) for image in every[:: max(1, len(every) // SAMPLE)][:SAMPLE]],
    )


def _found(story: Story) -> Section:
    return Section(
        "Search by meaning",
        "The prompt becomes a vector of the same space. Its nearest pictures are the hits; the score is the "
        "cosine of the angle between the two. Captions play no part in it.",
        _command(story, "search", story.prompt, "--origin imported"),
        hits=[_hit(story, hit) for hit in story.first],
    )


def _made(story: Story) -> Section:
    return Section(
        "Generate from what was found",
        "The six nearest pictures are the parents. A diffusion model starts from the two nearest of them, "
        "all but drowned in noise, and is led by the vectors of all six and by that of the prompt. "
        f"{_novelty(story)}",
        _command(story, "generate", story.prompt, f"--seed {story.made[0].seed}"),
        lineages=[_lineage(story, entry) for entry in story.made],
    )


def _novelty(story: Story) -> str:
    """How near the new pictures came to the old ones, in figures."""
    known = [entry.novelty for entry in story.made if entry.novelty]
    shares = [novelty.percentile for novelty in known if novelty.percentile is not None]
    if not shares:
        return ""
    nearest = max(novelty.similarity for novelty in known)
    return (
        f"The nearest that any of the four came to a drawn picture is a similarity of {nearest:.3f}: nearer "
        f"than {max(shares):.0f} % of the drawn ones are to their own nearest."
    )


def _again(story: Story) -> Section:

    ranks = ", ".join(map(str, story.ranks))
    return Section(
        "And find them again",
        "What was made went into the same store, with its lineage. The same search now ranks "
        f"{len(story.again):,} pictures; the new ones come in at {ranks}.",
        _command(story, "search", story.prompt, f"-n {len(story.shown())}"),
        hits=[_hit(story, hit) for hit in story.shown()],
    )


def _noise(story: Story) -> Section:
    return Section(
        "Into noise and out of it",
        "The model learned from pictures that sink into noise. To generate, it walks that path back: at "
        "every step it says what clean picture it sees, and goes a little way towards it.",
        figures=[
            film(story.folder / "noising.webp", "a drawn picture becomes noise"),
            film(story.folder / "denoising.webp", "what the model saw at each step", mark=True),
        ],
    )


def _walk(story: Story) -> Section:

    start, end = story.ends
    return Section(
        "A walk between two ideas",
        "The shortest way between two vectors is a great circle. At each stop stands the nearest drawn "
        "picture and, below it, one that was generated from that very place.",
        _command(story, "walk", f'"{start}" "{end}"', "--generate"),
        [
            film(story.folder / "walk.webp", f"from {start} to {end}", mark=True),
            _sheet(story, "walk.png", "found above, generated below"),
        ],
    )


def _map(story: Story) -> Section:
    return Section(
        "The whole library",
        "The two directions along which the vectors differ most, with pictures instead of dots. The new "
        "ones are framed and tied to their parents.",
        _command(story, "map"),
        [_sheet(story, "map.png", "what is alike lies together")],
    )


def _command(story: Story, *words: str) -> str:
    return " ".join(["phosphene -L", quote(nearby(story.library.url)), *words])


def _sheet(story: Story, name: str, caption: str) -> Figure:
    return figure(open_picture(story.folder / name), caption, side=FULL, wide=True)


def _picture(story: Story, image: Image, side: int, score: float | None = None) -> Figure:
    mark = image.origin == "generated"
    return figure(story.library.picture(image, side=side), image.caption, side=side, score=score, mark=mark)


def _hit(story: Story, hit: Hit) -> HitRow:
    shown = _picture(story, hit.image, SMALL, hit.score)
    return HitRow(shown, Path(hit.image.uri).name, _parents(story, hit.image))


def _lineage(story: Story, entry: GeneratedImage) -> Lineage:
    return Lineage(_picture(story, entry.image, LARGE, entry.score), _parents(story, entry.image))


def _parents(story: Story, image: Image) -> list[Figure]:
    """Small pictures of the neighbours that conditioned it; their captions are the alternative text."""
    parents = story.library.store.get([parent.id for parent in image.parents])
    return [
        figure(story.library.picture(parent, side=SMALL), side=SMALL, alt=parent.caption)
        for parent in parents
    ]
