"""The demo's page. It tells what the demo did, and shows the pictures that it found and generated."""

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
from phosphene.render.figures import Figure, figure, film
from phosphene.render.page import HitRow, Lineage, Section, page

SAMPLE = 12  # drawn landscapes that the page begins with
SMALL, LARGE, FULL = 160, 320, 1600  # pixels of the longer side


@dataclass(frozen=True, slots=True)
class Story:
    """What the demo did. `again` has every image of the library, ranked for the same prompt."""

    folder: Path
    library: Library
    prompt: str
    ends: tuple[str, str]
    first: Sequence[Hit]
    made: Sequence[GeneratedImage]
    again: Sequence[Hit]

    @property
    def ranks(self) -> list[int]:
        """The ranks of the new pictures among all."""
        new = {entry.image.id for entry in self.made}
        return [rank for rank, hit in enumerate(self.again, start=1) if hit.image.id in new]

    def shown(self, count: int = 12) -> Sequence[Hit]:
        """The first hits of the second search."""
        return self.again[:count]


def write_story(story: Story) -> Path:
    """Write index.html, whole or not at all. Every picture is embedded in the file itself."""
    state = story.library.status()
    text = page(
        story.prompt.capitalize(),
        "Words and pictures share one vector space. A search finds the pictures nearest to a prompt. A "
        "diffusion model makes new pictures from them, and the library stores these too.",
        [_drawn(story), _found(story), _made(story), _again(story), _noise(story), _walk(story), _map(story)],
        opening=[_picture(story, entry.image, LARGE) for entry in story.made],
        facts=[
            ("drawn landscapes", f"{state.imported:,}"),
            ("generated pictures", f"{state.generated:,}"),
            ("numbers in each vector", f"{state.dimension:,}"),
            ("downloads", "0"),
        ],
        footer="Try it with your own pictures: run `phosphene -L photos.lib add ~/Pictures`, then "
        "`phosphene -L photos.lib search dog on a beach`.\n\n"
        "A program drew or a model generated every picture on this page.",
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
        f"A program drew {len(every):,} landscapes and wrote captions for each. A small CLIP, which was "
        "trained on other drawings of this kind, turned every picture into a vector. The vectors are stored "
        f"in {place}.",
        _command(story, "add", quote(nearby(story.folder / "pictures")), "--model landscape"),
        [_picture(story, image, LARGE) for image in every[:: max(1, len(every) // SAMPLE)][:SAMPLE]],
    )


def _found(story: Story) -> Section:
    return Section(
        "Search by meaning",
        "The same CLIP turns the prompt into a vector. The hits are the pictures with the nearest vectors, "
        "and the score is the cosine similarity. The search does not read captions.",
        _command(story, "search", story.prompt, "--origin imported"),
        hits=[_hit(story, hit) for hit in story.first],
    )


def _made(story: Story) -> Section:
    return Section(
        "Generate from the nearest pictures",
        "The six nearest pictures are the parents. A diffusion model starts from the nearest one, with "
        "much noise added. The vectors of all six and the vector of the prompt steer it. "
        f"{_novelty(story)}",
        _command(story, "generate", story.prompt, f"--seed {story.made[0].seed}"),
        lineages=[_lineage(story, entry) for entry in story.made],
    )


def _novelty(story: Story) -> str:
    """Say in figures how similar the new pictures are to the drawn ones."""
    known = [entry.novelty for entry in story.made if entry.novelty]
    shares = [novelty.percentile for novelty in known if novelty.percentile is not None]
    if not shares:
        return ""
    nearest = max(novelty.similarity for novelty in known)
    return (
        f"The highest similarity of any of the four to a drawn picture is {nearest:.3f}. "
        f"{max(shares):.0f} % of the drawn pictures are less similar to their own nearest one."
    )


def _again(story: Story) -> Section:

    ranks = ", ".join(map(str, story.ranks))
    return Section(
        "And find them again",
        "The new pictures are in the same store, with their lineage. The same search now ranks "
        f"{len(story.again):,} pictures, and the new ones have the ranks {ranks}.",
        _command(story, "search", story.prompt, f"-n {len(story.shown())}"),
        hits=[_hit(story, hit) for hit in story.shown()],
    )


def _noise(story: Story) -> Section:
    return Section(
        "Into noise and out of it",
        "The model learned from pictures with more and more noise. To generate, it goes the other way: at "
        "every step it predicts the clean picture, and removes a little of the noise.",
        figures=[
            film(story.folder / "noising.webp", "a drawn picture becomes noise"),
            film(story.folder / "denoising.webp", "the model's prediction at each step", mark=True),
        ],
    )


def _walk(story: Story) -> Section:

    start, end = story.ends
    return Section(
        "A walk between two prompts",
        "The shortest way between two unit vectors is an arc of a great circle. The upper row shows the "
        "nearest drawn picture at each stop, and the lower row a picture that was generated there.",
        _command(story, "walk", f'"{start}" "{end}"', "--generate"),
        [
            film(story.folder / "walk.webp", f"from {start} to {end}", mark=True),
            _sheet(story, "walk.png", "found above, generated below"),
        ],
    )


def _map(story: Story) -> Section:
    return Section(
        "The whole library",
        "The map shows pictures instead of dots. Its axes are the two directions along which the vectors "
        "vary most (PCA). The new pictures have a frame, and lines lead to their parents.",
        _command(story, "map"),
        [_sheet(story, "map.png", "similar pictures lie together")],
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
    """Small pictures of the neighbours that conditioned it, with their captions as alternative texts."""
    parents = story.library.store.get([parent.id for parent in image.parents])
    return [
        figure(story.library.picture(parent, side=SMALL), side=SMALL, alt=parent.caption)
        for parent in parents
    ]
