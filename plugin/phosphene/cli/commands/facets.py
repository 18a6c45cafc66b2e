"""`phosphene facets` counts the values of fields."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import COUNT, ORIGINS, Settings, command, origin_of
from phosphene.cli.output import Column

if TYPE_CHECKING:
    from phosphene.explore.facets import Facet

VALUES = (Column("field", "field"), Column("value", "value"), Column("images", "images"))


@command("facets")
@click.argument("fields", nargs=-1, metavar="[FIELD...]")
@click.option("-n", "--count", type=COUNT, default=10, show_default=True, help="Values of each field.")
@click.option("--origin", type=ORIGINS, default="all", show_default=True, help="Count images of this origin.")
@click.option("--where", metavar="FILTERS", help="Count images for which these filters hold.")
def facets(settings: Settings, fields: tuple[str, ...], count: int, origin: str, where: str | None) -> None:
    """Count the values of fields: cameras, generators, keywords, years.

      phosphene facets
      phosphene facets camera taken --where "rating>=4"
      phosphene facets model sampler --origin generated --json

    Without FIELD, it counts origin, taken (by year), camera, place, rating, keywords, tags, model
    and sampler. An image counts once for each of its keywords and tags.
    """
    with settings.open() as library:
        found = library.facets(fields or None, where=where, origin=origin_of(origin))
    records = [record for facet in found for record in _records(facet, count)]
    settings.output.rows(records, VALUES, key="value")
    for facet in found:
        if len(facet.values) > count:
            settings.output.note(f"{facet.field} has {len(facet.values) - count:,} more values")
    if not records:
        settings.output.note("no image has a value of these fields")


def _records(facet: "Facet", count: int) -> Iterator[dict[str, Any]]:
    for value, images in facet.values[:count]:
        yield {"field": facet.field, "value": value, "images": images}
