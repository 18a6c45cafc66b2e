"""`facets` counts the values of fields, and `show` and `search` print the fields that are known."""

from pathlib import Path

import pytest

import phosphene
from command import lines, run
from oracle import SPACE, made
from phosphene.errors import QueryError
from phosphene.explore.facets import FACETS, Facet
from phosphene.fields import known
from phosphene.filters import Compare

COUNT = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the example images, which have every field."""
    folder = tmp_path_factory.mktemp("facets") / "library"
    with phosphene.open(folder, space=SPACE, create=True) as library:
        library.store.upsert(made(COUNT))
    return folder


def test_every_value_is_counted_and_the_most_frequent_comes_first(folder: Path) -> None:
    with phosphene.open(folder) as library:
        cameras, origins, keywords = library.facets(["camera", "origin", "keywords"])

    expected = [image.fields.camera for image in made(COUNT)]
    assert dict(cameras.values) == {camera: expected.count(camera) for camera in expected if camera}
    assert cameras.unknown == expected.count(None)
    assert [count for _, count in cameras.values] == sorted(dict(cameras.values).values(), reverse=True)
    assert origins == Facet("origin", (("imported", 20), ("generated", 10)), 0)
    assert dict(keywords.values)["Straße"] == COUNT - keywords.unknown


def test_times_count_by_year_and_filters_choose_the_images(folder: Path) -> None:
    good = [image for image in made(COUNT) if (image.fields.rating or 0) >= 3]
    with phosphene.open(folder) as library:
        [years] = library.facets(["taken"], where="rating>=3")
        same = library.facets(["taken"], where=Compare("rating", ">=", 3))
        [generated] = library.facets(["taken"], origin="generated")

    assert {year for year, _ in years.values} == {(image.fields.taken or "")[:4] for image in good}
    assert sum(count for _, count in years.values) == len(good)
    assert same == [years]
    assert generated == Facet("taken", (), 10)


def test_a_field_that_cannot_be_counted_is_refused(folder: Path) -> None:
    with phosphene.open(folder) as library, pytest.raises(QueryError, match="Values of `width`"):
        library.facets(["width"])


def test_the_command_prints_the_values_of_all_fields_or_of_those_that_are_named(folder: Path) -> None:
    everything = lines("-L", folder, "facets", "-n", 100)
    some = run("-L", folder, "facets", "model", "keywords", "-n", 2, "--origin", "imported")

    assert list(dict.fromkeys(each["field"] for each in everything)) == list(FACETS)
    assert {"field": "origin", "value": "imported", "images": 20} in everything
    assert some.stdout.splitlines() == ["keywords\tStraße\t16", "keywords\tfamily\t16"]
    assert "keywords has 4 more values" in some.stderr


def test_the_command_says_that_there_are_no_values(folder: Path) -> None:
    result = run("-L", folder, "facets", "sampler", "--where", "origin:imported")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "no image has a value of these fields" in result.stderr


def test_show_and_search_print_the_fields_that_are_known(folder: Path) -> None:
    nothing, photograph, generated = made(3)
    for image in (nothing, photograph, generated):
        [shown] = lines("-L", folder, "show", image.id)
        assert shown["fields"] == known(image.fields)
    said = run("-L", folder, "show", photograph.id).stdout.splitlines()
    [hit] = lines("-L", folder, "search", f"id:{photograph.id}", "-n", 1)

    assert {"camera\tNIKON Z 6_2", "rating\t0", "keywords\tfamily, summer 1, Straße"} <= set(said)
    assert hit["fields"] == known(photograph.fields)
