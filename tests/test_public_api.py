"""Python users can reach the public names and the drawings."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

import phosphene
from phosphene import render
from phosphene.landscape.scenes import SEEDS, write

EXAMPLES = Path(__file__).parent.parent / "examples"
START, END = "a red house in the snow", "a boat on the sea"
PARENTS = 3


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 drawn landscapes."""
    folder = tmp_path_factory.mktemp("pictures")
    write(folder, SEEDS["test"][:40], size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def filled(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of them with one generated image."""
    folder = tmp_path_factory.mktemp("libraries") / "filled"
    with phosphene.open(folder, model="landscape", create=True) as library:
        library.add(pictures)
        library.generate(START, 1, neighbours=PARENTS, seed=1, num_inference_steps=2, candidates=1)
    return folder


@pytest.mark.parametrize("name", phosphene.__all__)
def test_every_public_name_exists_and_has_a_docstring(name: str) -> None:
    public = getattr(phosphene, name)
    assert name in dir(phosphene)
    assert public.__doc__ and not public.__doc__.startswith(f"{name}("), "dataclasses write one of their own"


@pytest.mark.parametrize("name", render.__all__)
def test_every_drawing_has_a_docstring(name: str) -> None:
    drawing = getattr(render, name)
    assert drawing.__doc__ and not drawing.__doc__.startswith(f"{name}(")


def test_everything_is_drawn_from_python(filled: Path, tmp_path: Path) -> None:
    with phosphene.open(filled) as library:
        [made] = library.search(START, 1, origin="generated")
        family = render.family_sheet(library.show(made.image.id), library.picture)
        map = render.draw_map(library.map(), library.thumbnails, size=600)
        stops = library.walk(START, END, 3, generate=True, seed=1)
        walk = render.walk_sheet(stops, (START, END), library.picture)
        film = render.walk_film(stops, library.picture).save(tmp_path / "walk.webp")
        hits = render.search_sheet(library.search(START, 9), library.picture, title=START)

    assert map.width == 600
    assert min(family.width, walk.width, hits.width) > 300
    with Image.open(film) as animation:
        assert animation.n_frames > 3  # type: ignore[attr-defined]


def test_a_map_knows_generated_images_and_their_parents(filled: Path) -> None:
    with phosphene.open(filled) as library:
        drawn = library.map()
        [made] = [point for point in drawn.points if point.origin == "generated"]
        image = library.get(made.id)

    assert made.parents == tuple(parent.id for parent in image.parents)
    assert len(made.parents) == PARENTS and len(drawn.points) == 41


def test_a_walk_over_found_pictures_is_a_film_of_them(filled: Path) -> None:
    with phosphene.open(filled) as library:
        stops = library.walk(START, END, 3)
        film = render.walk_film(stops, library.picture)
        assert sum(1 for _ in film.frames) == len(film.milliseconds) > 0


def test_errors_can_be_caught_by_their_public_names(tmp_path: Path) -> None:
    with pytest.raises(phosphene.LibraryError, match="There is no library") as caught:
        phosphene.open(tmp_path / "none")
    assert isinstance(caught.value, phosphene.PhospheneError) and caught.value.hint


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_an_example_runs(
    name: str, filled: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = shutil.copytree(filled, tmp_path / "library")
    words = {
        "search": [tmp_path / "new", pictures, START],
        "generate": [library, START],
        "walk": [library, START, END],
        "draw": [library, tmp_path, START, END],
    }
    monkeypatch.setattr(sys, "argv", [name, *map(str, words[name])])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    if name == "draw":
        assert all((tmp_path / file).stat().st_size for file in ("search.png", "map.png", "walk.webp"))
