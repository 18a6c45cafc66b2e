"""A library searches, lists, maps, walks and learns from the images that a filter leaves."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import phosphene
from asked_library import QUERY, asked_library
from oracle import made
from phosphene.errors import QueryError
from phosphene.filters import Compare
from phosphene.library import Library

YEARS = ("2024-05-01T00:00:00Z", "2023-01-01T00:00:00Z", "2025-07-07T07:07:07Z", "")
TALL = "height>=490"  # the last ten of twenty images


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    images = [replace(image, created=YEARS[place % 4]) for place, image in enumerate(made(20))]
    with phosphene.open(asked_library(tmp_path, images)) as library:
        yield library


def test_a_filter_in_the_query_beside_it_or_both_limits_a_search(library: Library) -> None:
    everything = library.search(QUERY, 20)
    tall = [hit for hit in everything if hit.image.height >= 490]

    assert library.search(f"{QUERY} {TALL}", 20) == tall
    assert library.search(QUERY, 20, where=TALL) == tall
    assert library.search(QUERY, 20, where=Compare("height", ">=", 490)) == tall
    both = library.search(f"{QUERY} created:2024", 20, where=TALL, origin="imported")
    assert both == [
        hit for hit in tall if hit.image.created.startswith("2024") and hit.image.origin == "imported"
    ]


def test_the_first_hits_can_be_passed_over(library: Library) -> None:
    assert library.search(QUERY, 5, offset=3) == library.search(QUERY, 8)[3:]
    assert library.search(QUERY, 5, offset=100) == []


def test_the_newest_images_come_first_and_those_without_a_time_last(library: Library) -> None:
    found = library.newest(TALL, 20)

    assert [image.created[:4] for image in found] == ["2025"] * 3 + ["2024"] * 2 + ["2023"] * 2 + [""] * 3
    assert library.newest(TALL, 3, offset=2) == found[2:5]
    assert len(library.newest(count=50)) == 20


def test_filters_alone_have_no_vector(library: Library) -> None:
    with pytest.raises(QueryError, match="has only filters"):
        library.search(TALL)


def test_a_map_a_walk_and_a_training_see_what_the_filter_leaves(library: Library) -> None:
    tall = {image.id for image in library.newest(TALL, 20)}

    assert {point.id for point in library.map(where=TALL).points} == tall
    assert {image.id for image in library.examples(where=TALL, origin=None)} == tall
    assert {image.id for image in library.examples(TALL, origin=None)} == tall
    assert len(list(library.examples(QUERY, 4, where=TALL))) == 4
    start = f"id:{made(1)[0].id}"
    stops = library.walk(start, f"id:{made(4)[3].id} created:2024", 3, where=TALL)
    assert {stop.hit.image.id for stop in stops if stop.hit} <= tall
    assert all(stop.hit and stop.hit.image.created == YEARS[0] for stop in stops)
