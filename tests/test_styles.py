"""A style moves the vector of a prompt towards pictures that look alike."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import phosphene
from command import run
from drawn_library import drawn_library
from phosphene.errors import GenerationError, QueryError
from phosphene.filters import IMPORTED
from phosphene.generation.style_vectors import LIKE, PROMPT_SHARE, SEARCH_SHARE, Styles
from phosphene.library import Library
from phosphene.recipes.lineage import decode
from phosphene.vectors import unit

QUICK: dict[str, Any] = {"neighbours": 2, "candidates": 1, "num_inference_steps": 1, "seed": 3}
STYLE = "a watercolour painting"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_library(tmp_path_factory.mktemp("filled"), 40)


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Iterator[Library]:
    shutil.copytree(filled, tmp_path / "library")
    with phosphene.open(tmp_path / "library") as library:
        yield library


def test_a_query_stands_for_the_six_nearest_imported_images(library: Library) -> None:
    nearest = library.search(STYLE, LIKE, origin="imported")
    style = library.generation.planner.styles.find(STYLE)
    assert style.ids == tuple(hit.image.id for hit in nearest)
    vectors = [library.vector(f"id:{id}") for id in style.ids]
    assert style.vector == pytest.approx(np.mean(vectors, axis=0), abs=1e-5)


def test_a_file_or_an_id_stands_for_itself_and_a_file_wins_over_words(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [hit] = library.search("a boat", 1)
    styles, own = library.generation.planner.styles, library.vector(f"id:{hit.image.id}")
    monkeypatch.chdir(tmp_path)
    shutil.copy(library.path(hit.image), "a boat")
    for named in (hit.image.id, f"id:{hit.image.id}", library.path(hit.image), hit.image.uri, "a boat"):
        style = styles.find(named)
        assert style.vector == pytest.approx(own, abs=1e-4)
        assert "/" not in style.prompt.removeprefix("./")


def test_what_a_style_has_and_the_collection_lacks_is_added_to_the_prompt(library: Library) -> None:
    styles, target = library.generation.planner.styles, library.vector("a red house")
    style = styles.find(STYLE)
    mean = np.mean([image.vector for image in library.store.iterate(IMPORTED, vectors=True)], axis=0)
    leading, search = styles.applied(target, [style])
    assert leading == pytest.approx(unit(target + PROMPT_SHARE * (style.vector - mean)), abs=1e-5)
    assert search == pytest.approx(unit(target + SEARCH_SHARE * (style.vector - mean)), abs=1e-5)
    assert search @ library.vector(STYLE) > target @ library.vector(STYLE) + 0.1
    assert styles.applied(target, []) == (target, target)


def test_a_style_chooses_the_neighbours_and_is_in_the_recipe(library: Library) -> None:
    [plain] = library.generate("a red house", 1, **QUICK)
    [styled] = library.generate("a red house", 1, style=[STYLE], **QUICK)
    recipe = styled.image.recipe or {}
    assert recipe["style"] == [{"prompt": STYLE, "ids": [*library.generation.planner.styles.find(STYLE).ids]}]
    towards = library.vector(STYLE)
    assert decode(recipe["vector"]) @ towards > decode((plain.image.recipe or {})["vector"]) @ towards
    styles = library.generation.planner.styles
    _, search = styles.applied(library.vector("a red house"), [styles.find(STYLE)])
    expected = {hit.image.id for hit in library.store.near(search, 2, IMPORTED)}
    assert {parent.id for parent in styled.image.parents} == expected
    assert styled.image.id != plain.image.id and "style" not in (plain.image.recipe or {})
    assert library.replay(styled.image.id).identical


def test_one_style_and_one_negative_need_no_list(library: Library) -> None:
    [listed] = library.generate("a red house", 1, style=[STYLE], negative=["trees"], **QUICK)
    [alone] = library.generate("a red house", 1, style=STYLE, negative="trees", **QUICK)
    assert alone.image.id == listed.image.id


def test_styles_that_are_not_there_are_errors(library: Library, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="No image has the id"):
        library.generate("a red house", 1, style=["id:abcdefgh"], **QUICK)
    ended = run("-L", library.folder, "generate", "a red house", "--style", "nothing.png")
    assert ended.exit_code == 1 and "There is no picture `nothing.png`" in ended.stderr
    ids = [image.id for image in library.store.iterate()]
    library.remove(ids)
    with pytest.raises(GenerationError, match="no imported images that could show the style"):
        Styles(library.store, library.vector).find(STYLE)
