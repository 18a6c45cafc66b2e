"""Sheets that show the hits of a search, generated images, or an image with its relatives."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL.Image import Image as Picture

from phosphene.records import Hit, Image, Parent, Shown
from phosphene.render.sheet import LARGE, TILE, Row, contact_sheet, family
from phosphene.render.sheet import rows as sheet_of_rows
from phosphene.render.tiles import OpenImage, Tile

if TYPE_CHECKING:
    from phosphene.duplicates.groups import Copies
    from phosphene.generation.making import GeneratedImage

NOTES = {"init": "init", "neighbour": ""}  # the notes below parents, by their roles


def search_sheet(found: Sequence[Hit | Image], picture: OpenImage, *, title: str = "") -> Picture:
    """A contact sheet of hits, or of listed images, with their ranks, scores and captions.

    Generated images are marked.

    Raises PhospheneError for more pictures than one sheet can show.
    """
    tiles = [_found(each, rank, picture) for rank, each in enumerate(found, start=1)]
    return contact_sheet(tiles, title=title)


def _found(found: Hit | Image, rank: int, picture: OpenImage) -> Tile:
    """The tile of a hit with its rank and the number of its copies, or of an image that was only listed."""
    hit = None if isinstance(found, Image) else found
    image = found if isinstance(found, Image) else found.image
    more = f", +{len(hit.copies)} like it" if hit and hit.copies else ""
    score, mark = hit.score if hit else None, image.origin == "generated"
    return Tile(picture(image, side=TILE), image.caption, score, mark=mark, note=f"{rank}{more}")


def copies_sheet(found: "Sequence[Copies]", picture: OpenImage, *, title: str = "") -> Picture:
    """A sheet with a row for each group of copies, which begins with the best one.

    Raises PhospheneError for more pictures than one sheet can show.
    """
    parts = [
        Row(
            f"{number}",
            [
                Tile(
                    picture(image, side=TILE),
                    f"{image.width} × {image.height}",
                    mark=image.origin == "generated",
                    note="best" if image is group.best else "",
                )
                for image in (group.best, *group.others)
            ],
        )
        for number, group in enumerate(found, start=1)
    ]
    return sheet_of_rows(parts, title=title or ("" if found else "no copies"))


def generated_sheet(made: "Sequence[GeneratedImage]", *, title: str = "") -> Picture:
    """A contact sheet of generated images with their seeds, scores and prompts.

    Raises PhospheneError for more pictures than one sheet can show.
    """
    tiles = [
        Tile(one.picture, one.image.caption, one.score, mark=True, note=f"seed {one.seed}") for one in made
    ]
    return contact_sheet(tiles, title=title)


def grid_sheet(
    made: "Sequence[GeneratedImage]", rows: Sequence[str], columns: Sequence[str], *, title: str = ""
) -> Picture:
    """Generated images in rows and columns, whose labels say how they were made.

    `made` has them row by row. Fewer images than places, because a generation was stopped, are shown, too.
    Raises PhospheneError for more pictures than one sheet can show.
    """
    parts = []
    for place, label in enumerate(rows):
        line = made[place * len(columns) : (place + 1) * len(columns)]
        tiles = [
            Tile(one.picture, column, one.score, mark=True)
            for one, column in zip(line, columns, strict=False)
        ]
        parts += [Row(label, tiles)] if tiles else []
    return sheet_of_rows(parts, title=title)


def family_sheet(shown: Shown, picture: OpenImage, *, title: str = "") -> Picture:
    """An image between its parents and its descendants. A parent that was removed has no picture."""
    made_from = zip(shown.parents, shown.image.parents, strict=True)
    init_first = sorted(made_from, key=lambda each: each[1].role != "init")  # a row shows only eight
    parents = [_relative(image, picture, parent) for image, parent in init_first]
    descendants = [_relative(child, picture) for child in shown.descendants]
    return family(parents, _relative(shown.image, picture), descendants, title=title)


def _relative(image: Image | str, picture: OpenImage, parent: Parent | None = None) -> Tile:
    score, note = (parent.similarity, NOTES[parent.role]) if parent else (None, "")
    if isinstance(image, str):
        return Tile(None, "removed", score, note=note)
    mark = image.origin == "generated"
    return Tile(picture(image, side=LARGE), image.caption, score, mark=mark, note=note)
