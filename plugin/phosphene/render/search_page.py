"""A page of what a search found, in one file that shows its pictures without the library."""

from collections.abc import Callable, Mapping, Sequence

from PIL.Image import Image as Picture

from phosphene.records import Hit, Image
from phosphene.render.figures import figure
from phosphene.render.page import Section, page


def search_page(
    found: Sequence[Hit | Image],
    thumbnails: Callable[[Sequence[str]], Mapping[str, Picture]],
    *,
    title: str,
) -> str:
    """The HTML of hits, or of images that were only listed, with their thumbnails, captions and scores."""
    hits = [(each, None) if isinstance(each, Image) else (each.image, each.score) for each in found]
    pictures = thumbnails([image.id for image, _ in hits])
    figures = [
        figure(pictures[image.id], image.caption, score=score, mark=image.origin == "generated")
        for image, score in hits
    ]
    number = f"{len(figures):,} {'picture' if len(figures) == 1 else 'pictures'}"
    return page(title, number, [Section("Found", figures=figures)])
