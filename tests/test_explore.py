"""Walks follow the great circle, and maps show the whole library."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.errors import VectorError
from phosphene.explore.map import Map, Point, map_of, project
from phosphene.explore.walk import walk, waypoints
from phosphene.records import Image, Origin, Space
from phosphene.render import draw_map
from phosphene.render.colours import GLOW, ROOM
from phosphene.store import Store
from phosphene.store.lance.store import LanceStore
from phosphene.vectors import Vector, unit

DIMENSION = 8
X, Y, Z = np.eye(3, DIMENSION, dtype=np.float32)
SPACE = Space("tiny:0", "tiny", DIMENSION)
seeds = st.integers(0, 2**32 - 1)


def image(id: str, vector: Vector, origin: Origin = "imported") -> Image:
    return Image(
        id=id,
        sha256=id * 8,
        uri=f"/{id}.png",
        caption=id,
        captions=(id,),
        origin=origin,
        width=8,
        height=8,
        created="2026-01-01T00:00:00Z",
        norm=1.0,
        vector=unit(vector),
        thumbnail=b"",
    )


def number(index: int) -> str:
    """An id, as the store wants them."""
    return f"00000000-0000-5000-8000-{index:012d}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A real store, which is empty."""
    opened = LanceStore.create(tmp_path / "store", SPACE)
    yield opened
    opened.close()


def directions(count: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


# ── walks ─────────────────────────────────────────────────────────────────────────────────


@given(seeds, st.integers(2, 12))
def test_a_walk_goes_in_equal_steps_and_includes_both_ends(seed: int, steps: int) -> None:
    start, end = directions(2, seed)
    way = waypoints(start, end, steps)

    assert way.shape == (steps, DIMENSION)
    assert np.allclose(way[[0, -1]], [start, end], atol=1e-6)
    assert np.allclose(np.linalg.norm(way, axis=1), 1, atol=1e-6)
    strides = np.arccos(np.clip((way[1:] * way[:-1]).sum(axis=1), -1, 1))
    assert np.allclose(strides, np.arccos(np.clip(start @ end, -1, 1)) / (steps - 1), atol=2e-3)


def test_a_walk_between_equal_ends_stays_there() -> None:
    assert np.allclose(waypoints(X, X, 3), [X, X, X])


@pytest.mark.parametrize("steps", [1, 0, -3])
def test_a_walk_of_fewer_than_two_steps_is_refused(steps: int) -> None:
    with pytest.raises(VectorError, match=f"walk of {steps} steps"):
        waypoints(X, Y, steps)


def test_a_walk_between_opposites_is_refused() -> None:
    with pytest.raises(VectorError, match="opposite"):
        waypoints(X, -X, 4)


def test_a_walk_meets_the_nearest_real_image_at_every_stop(store: Store) -> None:
    middle = X + Y
    store.upsert([image(number(1), X), image(number(2), middle), image(number(3), Y)])
    store.upsert([image(number(4), X, "generated"), image(number(5), Z)])
    stops = walk(store, X, Y, 5)

    assert [stop.index for stop in stops] == [0, 1, 2, 3, 4]
    assert [stop.t for stop in stops] == [0, 0.25, 0.5, 0.75, 1]
    met = [stop.hit.image.id for stop in stops if stop.hit]
    assert met[0] == number(1), "not the generated one at the same place"
    assert met[2] == number(2)
    assert met[4] == number(3)
    assert stops[2].hit
    assert stops[2].hit.score == pytest.approx(1, abs=1e-5)


def test_a_walk_through_an_empty_library_meets_nothing(store: Store) -> None:
    assert [stop.hit for stop in walk(store, X, Y, 3)] == [None, None, None]


# ── the projection ────────────────────────────────────────────────────────────────────────


def places(drawn: Map) -> np.ndarray:
    return np.array([(point.x, point.y) for point in drawn.points])


def test_a_plane_is_mapped_without_distortion() -> None:
    flat = np.zeros((50, DIMENSION), np.float32)
    flat[:, 2:4] = np.random.default_rng(0).uniform(-1, 1, (50, 2)) * (1, 0.4)
    found = places(project([str(index) for index in range(50)], flat))

    true, drawn = (np.linalg.norm(a[:, None] - a[None], axis=2) for a in (flat, found))
    scale = true.max() / drawn.max()
    assert np.allclose(drawn * scale, true, atol=1e-3)


def test_the_shares_are_of_all_the_variance() -> None:
    spread = np.zeros((400, DIMENSION), np.float32)
    spread[:, :3] = np.random.default_rng(0).standard_normal((400, 3)) * (3, 2, 1)
    shares = project([str(index) for index in range(400)], spread).shares

    assert shares == pytest.approx((9 / 14, 4 / 14), abs=0.05)


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(1, 60))
def test_every_point_lies_on_the_sheet(seed: int, count: int) -> None:
    drawn = project([str(index) for index in range(count)], directions(count, seed))
    found = places(drawn)

    assert [point.id for point in drawn.points] == [str(index) for index in range(count)]
    assert found.min() >= -1e-9
    assert found.max() <= 1 + 1e-9
    if count > 1:
        assert np.ptp(found, axis=0).max() == pytest.approx(1)
    assert np.allclose((found.min(axis=0) + found.max(axis=0)) / 2, 0.5)


def test_equal_vectors_lie_in_the_middle() -> None:
    drawn = project(["a", "b", "c"], np.repeat(directions(1), 3, axis=0))

    assert set(drawn.points) == {Point(id, 0.5, 0.5) for id in "abc"}
    assert drawn.shares == (0, 0)


def test_vectors_of_one_dimension_can_be_mapped() -> None:
    assert places(project(["a", "b"], np.array([[1], [-1]], np.float32)))[:, 1].tolist() == [0.5, 0.5]


def test_a_map_of_a_store_has_all_generated_images_and_a_steady_sample_of_the_others(store: Store) -> None:
    vectors = directions(40)
    store.upsert([image(number(index), vectors[index]) for index in range(30)])
    store.upsert([image(number(index), vectors[index], "generated") for index in range(30, 40)])
    drawn = map_of(store, 12)

    ids = {point.id for point in drawn.points}
    assert ids >= {number(index) for index in range(30, 40)}
    assert len(ids) == 22
    assert drawn == map_of(store, 12)
    assert len(map_of(store, 1000).points) == 40


def test_a_map_of_an_empty_store_is_empty(store: Store) -> None:
    assert map_of(store, 10) == Map((), (0, 0))


# ── the drawing ───────────────────────────────────────────────────────────────────────────


def drawing(
    count: int,
    seed: int = 0,
    generated: Collection[str] = (),
    size: int = 400,
    parents: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> tuple[Picture, dict[str, tuple[int, int, int]]]:
    """Draw a map of plain pictures, and return it with the colours of those that it opened."""
    colours = {str(index): (40 + index % 200, 60 + index // 200 * 9, 200) for index in range(count)}
    asked: dict[str, tuple[int, int, int]] = {}

    def thumbnails(ids: Sequence[str]) -> dict[str, Picture]:
        asked.update({id: colours[id] for id in ids})
        return {id: pillow.new("RGB", (64, 64), colours[id]) for id in ids}

    flat = project(list(colours), directions(count, seed))
    points = (
        replace(point, origin="generated", parents=parents.get(point.id, ()))
        if point.id in generated
        else point
        for point in flat.points
    )
    return draw_map(replace(flat, points=tuple(points)), thumbnails, size=size), asked


def area(picture: Picture, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == colour).all(axis=2).sum())


@pytest.mark.parametrize("count", [0, 1, 2, 5, 300])
def test_a_picture_that_is_shown_is_covered_by_none(count: int) -> None:
    sheet, asked = drawing(count)
    areas = [area(sheet, colour) for colour in asked.values()]

    assert sheet.width == 400
    if count:
        assert min(areas) > 0.8 * max(areas) > 0
    if count <= 5:
        assert len(asked) == count, "of few, all are shown"


def test_generated_pictures_are_all_shown_and_framed() -> None:
    generated = {str(index) for index in range(40)}
    sheet, asked = drawing(800, generated=generated, size=800)
    plain, _ = drawing(800, size=800)

    assert generated <= set(asked)
    assert area(sheet, GLOW) > 40 * 20
    assert area(plain, GLOW) == 0


def test_a_few_generated_pictures_are_larger() -> None:
    sheet, asked = drawing(300, generated={"3"})
    others = max(area(sheet, colour) for id, colour in asked.items() if id != "3")

    assert area(sheet, asked["3"]) > 3 * others


def test_a_line_leads_from_a_generated_picture_to_its_parents() -> None:
    parents = {"3": ("7", "250", "not on this map")}
    without, _ = drawing(300, generated={"3"}, size=1200)
    joined, asked = drawing(300, generated={"3"}, size=1200, parents=parents)

    assert {"7", "250"} <= set(asked), "parents find a place"
    assert area(joined, GLOW) > area(without, GLOW) + 20


def test_an_image_without_a_picture_is_a_dot() -> None:
    sheet = draw_map(project(["a", "b"], directions(2)), lambda ids: {}, size=400)

    assert 0 < (np.asarray(sheet) != ROOM).any(axis=2).mean() < 0.05


@pytest.mark.parametrize("size", [24, 64, 1600])
def test_a_map_may_be_small_or_large(size: int) -> None:
    assert drawing(30, generated={"1"}, size=size)[0].width == size


def test_a_large_map_asks_only_for_the_pictures_that_it_shows() -> None:
    _, asked = drawing(5000, size=800)

    assert 50 < len(asked) < 400
