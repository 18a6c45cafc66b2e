"""Sheets of what an explorer finds: clusters, outliers, and a few images that stand for many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL.Image import Image as Picture

from phosphene.records import Image
from phosphene.render.sheet import TILE, Row, contact_sheet
from phosphene.render.sheet import rows as sheet_of_rows
from phosphene.render.tiles import OpenImage, Tile

if TYPE_CHECKING:
    from phosphene.explore.clusters import Cluster
    from phosphene.explore.outliers import Outlier
    from phosphene.explore.unique import Representative

IN_A_CLUSTER = 8  # pictures that are shown of each cluster
SMALL = 128  # pixels of their side


def clusters_sheet(clusters: "Sequence[Cluster]", picture: OpenImage, *, title: str = "") -> Picture:
    """A row for each cluster, with its name, its size, and the pictures nearest to its middle."""
    parts = []
    for cluster in clusters:
        label = f"{', '.join(cluster.name) or 'no name'} · {len(cluster.members):,}"
        shown = cluster.members[:IN_A_CLUSTER]
        parts.append(Row(label, [Tile(picture(image, side=SMALL), mark=_made(image)) for image in shown]))
    return sheet_of_rows(parts, title=title, tile=SMALL)


def outliers_sheet(outliers: "Sequence[Outlier]", picture: OpenImage, *, title: str = "") -> Picture:
    """A contact sheet of outliers with their distances, farthest first."""
    tiles = [_tile(each.image, picture, f"{each.distance:.2f} away") for each in outliers]
    return contact_sheet(tiles, title=title)


def unique_sheet(chosen: "Sequence[Representative]", picture: OpenImage, *, title: str = "") -> Picture:
    """A contact sheet of images that stand for others, with the number of those."""
    tiles = [_tile(each.image, picture, f"for {each.covers:,}") for each in chosen]
    return contact_sheet(tiles, title=title)


def _tile(image: Image, picture: OpenImage, note: str) -> Tile:
    return Tile(picture(image, side=TILE), image.caption, mark=_made(image), note=note)


def _made(image: Image) -> bool:
    return image.origin == "generated"
