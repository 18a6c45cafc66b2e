"""`phosphene search` with filters, in its forms, and what becomes of the files that it finds."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from asked_library import QUERY, asked_library
from command import run
from oracle import made
from phosphene.fields import Fields
from phosphene.images import thumbnail
from phosphene.records import Image
from pictures import drawn

TALL = "height:490.."  # the last ten of twenty images


def pictures(folder: Path) -> Sequence[Image]:
    """Twenty images, of which the files of the first three exist."""
    folder.mkdir()
    images = []
    for place, image in enumerate(made(20)):
        path = folder / f"{place}.png"
        shown = drawn(place, (32, 24))
        if place < 3:
            shown.save(path)
        fields = Fields(taken=f"20{place:02}-06-01T00:00:00Z" if place % 2 else None, rating=place % 6)
        created = f"2026-01-{place + 1:02}T00:00:00Z"
        images.append(
            replace(image, uri=str(path), created=created, fields=fields, thumbnail=thumbnail(shown))
        )
    return images


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return asked_library(tmp_path / "a.lib", pictures(tmp_path / "pictures"))


def found(library: Path, *words: object) -> list[dict[str, object]]:
    result = run("-L", library, "search", *words, "--json")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def numbers(records: Sequence[dict[str, object]]) -> list[int]:
    return [int(Path(str(record["uri"])).stem) for record in records]


def test_filters_limit_a_search_wherever_they_stand(library: Path) -> None:
    everything = numbers(found(library, QUERY, "-n", 20))
    tall = [number for number in everything if number >= 10]

    assert numbers(found(library, QUERY, TALL)) == tall
    assert numbers(found(library, f"{TALL} {QUERY}")) == tall
    assert numbers(found(library, QUERY, "--where", TALL)) == tall
    assert numbers(found(library, QUERY, "-height:..489")) == tall
    assert numbers(found(library, QUERY, TALL, "-n", 3, "--offset", 2)) == tall[2:5]
    assert sorted(numbers(found(library, QUERY, "rating:4,5", "-n", 20))) == [4, 5, 10, 11, 16, 17]


def test_filters_alone_list_the_newest_first(library: Path) -> None:
    records = found(library, TALL, "-n", 3)

    assert numbers(records) == [19, 18, 17]
    assert records[0]["score"] is None
    assert numbers(found(library, TALL, "--sort", "taken", "-n", 6)) == [19, 17, 15, 13, 11, 18]
    assert run("-L", library, "search", TALL, "--sort", "score").exit_code == 2


def test_the_nearest_can_be_shown_in_the_order_of_time(library: Path) -> None:
    nearest = numbers(found(library, QUERY, "-n", 5))

    assert numbers(found(library, QUERY, "-n", 5, "--sort", "added")) == sorted(nearest, reverse=True)


def test_pictures_like_one_of_the_library_do_not_include_it(library: Path) -> None:
    everything = found(library, QUERY, "-n", 20)
    one = str(everything[0]["id"])
    [itself, *others] = found(library, f"id:{one}", "-n", 20)

    assert itself["id"] == one
    alike = found(library, "--more-like", one, "-n", 20)
    assert [each["id"] for each in alike] == [each["id"] for each in others]
    assert numbers(found(library, TALL, "--more-like", one, "-n", 20)) == [
        number for number in numbers(others) if number >= 10
    ]
    both = found(library, QUERY, "--more-like", one, "--save", "alike")
    assert [each["id"] for each in both] == [
        each["id"] for each in found(library, f"{QUERY} + id:{one} -id:{one}")
    ]
    assert found(library, "@alike") == both
    unknown = run("-L", library, "search", "--more-like", "0" * 36)
    assert "No image has the id" in unknown.stderr


def test_an_error_points_at_the_place(library: Path) -> None:
    result = run("-L", library, "search", "a", "boat", "takn:2024")

    assert result.exit_code == 1
    assert "Images have no field `takn`.\n\n  a boat takn:2024\n         ^^^^\n" in result.stderr
    assert "did you mean `taken`?" in result.stderr


def test_hits_without_their_file_are_marked(library: Path) -> None:
    records = found(library, "height:..484", "-n", 20)

    assert [record["missing"] for record in records] == [True, True, False, False, False]
    assert run("-L", library, "search", "height:..484", "--as", "table").stdout.count("imported, gone") == 2


def test_hits_are_printed_in_the_form_that_is_wished_for(library: Path, tmp_path: Path) -> None:
    paths = run("-L", library, "search", "height:..482", "--as", "paths").stdout
    assert paths == "".join(f"{tmp_path}/pictures/{number}.png\n" for number in (2, 1, 0))
    assert found(library, "height:480") == [
        json.loads(run("-L", library, "search", "height:480", "--as", "json").stdout)
    ]
    table = run("-L", library, "search", "height:480", "--as", "table").stdout
    assert table.startswith("rank")
    tsv = run("-L", library, "search", "height:480", "--as", "tsv").stdout
    assert tsv.split("\t")[0] == "1"


def test_a_page_holds_its_pictures_and_escapes_what_strangers_wrote(tmp_path: Path) -> None:
    [image] = pictures(tmp_path / "pictures")[:1]
    evil = replace(image, caption="<script>alert(1)</script>")
    library = asked_library(tmp_path / "a.lib", [evil])

    page = run("-L", library, "search", QUERY, "--as", "html").stdout

    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "data:image/webp;base64," in page


def test_copies_overwrite_nothing(library: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "1.png").write_text("mine")

    first = run("-L", library, "search", "height:..483", "--copy-to", target)
    again = run("-L", library, "search", "height:..483", "--copy-to", target)

    assert f"copied 3 files, 1 could not be read to {target}" in first.stderr
    assert f"copied 0 files, 3 were there before, 1 could not be read to {target}" in again.stderr
    assert (target / "1.png").read_text() == "mine"
    assert {path.name for path in target.iterdir()} == {"0.png", "1.png", "1-2.png", "2.png"}


def test_a_saved_query_is_repeated_by_its_name(library: Path) -> None:
    first = found(library, QUERY, TALL, "--save", "tall-houses")

    assert found(library, "@tall-houses") == first
    assert numbers(found(library, "@tall-houses", "rating:4,5")) == [
        number for number in numbers(first) if number % 6 in (4, 5)
    ]
    listed = run("-L", library, "search", "--saved").stdout
    assert listed == f"@tall-houses\t{QUERY} {TALL}\n"
    assert run("-L", library, "search", "--forget", "tall-houses").exit_code == 0
    gone = run("-L", library, "search", "@tall-houses")
    assert gone.exit_code == 1
    assert "There is no saved query `@tall-houses`" in gone.stderr


@pytest.mark.parametrize("content", ["[1]", "{", '{"a": 1}'])
def test_a_damaged_file_of_saved_queries_holds_none(library: Path, content: str) -> None:
    (library / "queries.json").write_text(content)

    assert run("-L", library, "search", "--saved").stdout == ""


def test_a_viewer_opens_the_first_hit_and_nothing_but_pictures(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    viewer = tmp_path / "xdg-open"
    viewer.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.part\nmv {seen}.part {seen}\n')
    viewer.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    refused = run("-L", library, "search", "height:480", "--open")
    assert refused.exit_code == 1
    assert "no desktop" in refused.stderr

    monkeypatch.setenv("DISPLAY", ":0")
    assert run("-L", library, "search", "height:480", "--open").exit_code == 0
    assert "no file on this machine" in run("-L", library, "search", "height:490", "--open").stderr
