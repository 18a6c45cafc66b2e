"""Words that are relevant to images become their tags."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import phosphene
from command import lines, run
from drawn_library import drawn_library
from phosphene.errors import QueryError
from phosphene.library import Library
from phosphene.relevance.tagging import words_of

WORDS = ["lighthouse", "castle", "cat"]
PROMPT = "a {}"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with phosphene.open(drawn_library(tmp_path, 100)) as library:
        yield library


def test_relevant_words_become_tags_and_are_found_by_them(library: Library) -> None:
    found = library.tagger.find(WORDS, prompt=PROMPT)
    changed = library.tagger.write(found)

    assert changed == len(found) > 0
    assert {tag for each in found for tag in each.tags} == {"lighthouse", "castle"}
    tagged = library.newest("tags:lighthouse", 100)
    assert {image.id for image in tagged} == {each.image.id for each in found if "lighthouse" in each.tags}
    right = [any("house" in text or "beacon" in text for text in image.captions) for image in tagged]
    assert sum(right) >= 0.7 * len(right)
    assert library.tagger.write(found) == 0


def test_tags_that_an_image_has_stay_and_nothing_else_changes(library: Library) -> None:
    before = {image.id: image for image in library.store.iterate(vectors=True)}
    library.tagger.write(library.tagger.find(["castle"], prompt=PROMPT))
    library.tagger.write(library.tagger.find(["night"], prompt=PROMPT))

    both = [image for image in library.store.iterate(vectors=True) if len(image.fields.tags) == 2]
    assert both
    assert all(image.fields.tags == ("castle", "night") for image in both)
    assert all(
        (image.captions, image.uri) == (before[image.id].captions, before[image.id].uri) for image in both
    )
    assert library.store.thumbnails([both[0].id])


def test_the_command_tags_or_only_shows(library: Library) -> None:
    dry = lines("-L", library.folder, "tag", "lighthouse,castle", "--prompt", PROMPT, "--dry-run")
    assert library.newest("tags:castle", 100) == []

    done = run("-L", library.folder, "tag", "lighthouse, castle", "--prompt", PROMPT)
    counted = dict(line.split("\t") for line in done.stdout.splitlines())
    assert int(counted["castle"]) == sum("castle" in record["tags"] for record in dry)
    assert f"tagged {len(dry)} images" in done.stderr


def test_words_are_read_from_lists() -> None:
    assert words_of(["dog, cat", "hot air balloon,dog,"]) == ["dog", "cat", "hot air balloon"]
    with pytest.raises(QueryError, match="There are no tags"):
        words_of([" , "])


def test_a_prompt_needs_a_place_for_the_tag(library: Library) -> None:
    with pytest.raises(QueryError, match="has no place for a tag"):
        library.tagger.find(["castle"], prompt="a photo")
