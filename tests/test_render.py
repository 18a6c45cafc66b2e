"""Sheets, texts and animations are drawn whole and in the right places."""

import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.errors import PhospheneError
from phosphene.outputs import is_ours
from phosphene.render.animation import (
    BLEND,
    BLENDS,
    HOLD,
    MAX_FRAMES,
    STAY,
    animate,
    crossfade,
    noising,
)
from phosphene.render.canvas import bend, blank, dots, fitted_size, strokes
from phosphene.render.colours import CARD, GLOW, ROOM, TEXT
from phosphene.render.fonts import shorten, width, wrap, write
from phosphene.render.sheet import (
    LONGEST,
    MAX_TILES,
    MOST_PIXELS,
    TILE,
    Row,
    Tile,
    balanced_columns,
    contact_sheet,
    family,
    measures,
    rows,
)
from pictures import frame_count, pixel

RED, BLUE = (200, 30, 30), (30, 30, 200)
texts = st.text(max_size=60)
sizes = st.tuples(st.integers(1, 400), st.integers(1, 400))


def flat(colour: tuple[int, int, int] = RED, size: tuple[int, int] = (64, 64)) -> Picture:
    return Image.new("RGB", size, colour)


def share(picture: Picture, colour: tuple[int, int, int]) -> float:
    """The share of a picture that has exactly this colour."""
    return float((np.asarray(picture) == colour).all(axis=2).mean())


def extent(picture: Picture, colour: tuple[int, int, int]) -> tuple[int, int]:
    """Width and height of the box around all pixels of exactly this colour."""
    ys, xs = np.nonzero((np.asarray(picture) == colour).all(axis=2))
    return int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1


# ── sheets ────────────────────────────────────────────────────────────────────────────────


def test_a_sheet_shows_every_picture() -> None:
    colours = [(10 + 20 * index, 90, 200 - 9 * index) for index in range(11)]
    sheet = contact_sheet([Tile(flat(colour)) for colour in colours], tile=64)

    assert all(share(sheet, colour) > 0.02 for colour in colours)


@pytest.mark.parametrize("size", [(64, 64), (400, 100), (100, 400), (3000, 3), (3, 3000), (1, 1)])
def test_a_picture_is_fitted_and_never_cropped(size: tuple[int, int]) -> None:
    picture = flat(RED, size)
    picture.paste(BLUE, (0, 0, max(1, size[0] // 2), size[1]))
    sheet = contact_sheet([Tile(picture)], tile=128)

    wide, high = fitted_size(size, (128, 128))
    assert max(wide, high) == 128
    if min(size) > 3:  # both halves are there, at the picture's own shape
        assert extent(sheet, BLUE)[0] == pytest.approx(wide / 2, abs=5)
        assert extent(sheet, RED)[1] == pytest.approx(high, abs=5)
        assert share(sheet, RED) == pytest.approx(share(sheet, BLUE), rel=0.2)


def test_only_generated_pictures_have_a_frame() -> None:
    plain = contact_sheet([Tile(flat(), "a house", 0.5)])
    marked = contact_sheet([Tile(flat(), "a house", 0.5, mark=True)])

    assert share(plain, GLOW) == 0
    assert share(marked, GLOW) > 0.005


def test_a_tile_without_a_picture_says_so() -> None:
    sheet = contact_sheet([Tile(None, "removed")])

    assert share(sheet, CARD) > 0.2


def test_captions_of_a_line_make_room_for_themselves() -> None:
    bare, short, long = (
        contact_sheet([Tile(flat(), caption), Tile(flat())]) for caption in ("", "snow", "snow " * 400)
    )

    assert bare.height < short.height < long.height
    assert share(bare, TEXT) == 0
    assert bare.width == short.width == long.width


def test_an_empty_sheet_says_that_it_is_empty() -> None:
    assert share(contact_sheet([]), TEXT) > 0


@given(st.integers(1, 500), st.integers(1, 12))
def test_columns_are_balanced(count: int, most: int) -> None:
    columns = balanced_columns(count, most)

    assert 1 <= columns <= most
    lines = -(-count // columns)
    assert lines == -(-count // most), "no more lines than are needed"
    assert lines * columns - count < lines, "the last line misses fewer than there are lines"


@settings(max_examples=25, deadline=None)
@given(texts, texts, sizes, st.none() | st.floats(-1, 1))
def test_any_caption_and_any_shape_can_be_shown(
    caption: str, note: str, size: tuple[int, int], score: float | None
) -> None:
    sheet = contact_sheet([Tile(flat(RED, size), caption, score, True, note)], title=caption, tile=48)

    assert sheet.mode == "RGB"


def test_rows_stand_under_each_other_column_by_column() -> None:
    real = [Tile(flat(RED)) for _ in range(4)]
    made = [Tile(flat(BLUE), mark=True), None, None, Tile(flat(BLUE), mark=True)]
    sheet = rows([Row("nearest", real), Row("generated", made)], ends=("snow", "sea"), tile=64)

    pixels = np.asarray(sheet)
    reds, blues = ((pixels == colour).all(axis=2) for colour in (RED, BLUE))
    assert np.nonzero(reds)[0].max() < np.nonzero(blues)[0].min()
    under_second = reds.any(axis=0) & ~blues.any(axis=0)
    assert under_second.sum() > 2 * 50, "two columns have a real picture alone"


def test_a_family_stands_in_three_generations() -> None:
    parent, child, grandchild = RED, BLUE, (20, 160, 20)
    sheet = family(
        [Tile(flat(parent)) for _ in range(6)],
        Tile(flat(child), mark=True),
        [Tile(flat(grandchild), mark=True)],
    )

    pixels = np.asarray(sheet)
    heights = [np.nonzero((pixels == colour).all(axis=2))[0].mean() for colour in (parent, child, grandchild)]
    assert heights == sorted(heights)


def test_a_family_of_one_has_no_lines() -> None:
    alone = family([], Tile(flat()), [])

    assert share(alone, ROOM) + share(alone, RED) > 0.97


def test_a_family_says_how_many_it_does_not_show() -> None:
    many = family([Tile(flat()) for _ in range(30)], Tile(flat()), [])
    eight = family([Tile(flat()) for _ in range(8)], Tile(flat()), [])

    assert many.size == eight.size
    assert many.tobytes() != eight.tobytes()


# ── text ──────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(texts, st.integers(20, 300), st.integers(1, 3))
def test_wrapped_lines_fit_their_room(text: str, room: int, lines: int) -> None:
    wrapped = wrap(text, 12, room, lines)

    assert len(wrapped) <= lines
    assert all(width(line, 12) <= room for line in wrapped)
    if len(text.split()) and lines:
        assert wrapped


def test_a_text_that_fits_is_left_alone() -> None:
    assert wrap("a red house", 12, 300, 2) == ["a red house"]
    assert shorten("a red house", 12, 300) == "a red house"


def test_a_cut_text_ends_with_an_ellipsis() -> None:
    assert wrap("snow " * 10_000, 12, 100, 2)[-1].endswith("…")
    assert shorten("snow" * 10_000, 12, 100).endswith("…")


def test_a_character_that_no_font_has_becomes_a_question_mark() -> None:
    unknown, question = blank(40, 40), blank(40, 40)
    write(unknown, (5, 30), "\U00010000", 20, TEXT)  # Linear B
    write(question, (5, 30), "?", 20, TEXT)

    assert unknown.tobytes() == question.tobytes()


def test_text_is_aligned_at_its_position() -> None:
    middles = []
    for place, align in ((10, "left"), (100, "middle"), (190, "right")):
        canvas = blank(200, 40)
        write(canvas, (place, 30), "snow", 16, TEXT, align)
        columns = np.nonzero((np.asarray(canvas) != ROOM).any(axis=(0, 2)))[0]
        middles.append((columns.min(), columns.max()))

    assert 9 <= middles[0][0] <= 13
    assert sum(middles[1]) / 2 == pytest.approx(100, abs=2)
    assert 186 <= middles[2][1] <= 191


# ── lines and dots ────────────────────────────────────────────────────────────────────────


def test_a_dot_has_its_area_and_its_middle() -> None:
    canvas = blank(60, 60)
    dots(canvas, [(30, 20)], (255, 255, 255), radius=8)
    lit = np.asarray(canvas).mean(axis=2) > 128

    assert lit.sum() == pytest.approx(np.pi * 64, rel=0.1)
    assert np.nonzero(lit)[0].mean() == pytest.approx(20, abs=1)


def test_a_bend_joins_its_ends() -> None:
    curve = bend((3, 5), (40, 90))

    assert [curve[0], curve[-1]] == [(3, 5), (40, 90)]


def test_an_empty_list_of_strokes_changes_nothing() -> None:
    canvas = blank(20, 20)
    strokes(canvas, [], GLOW, thick=2)

    assert share(canvas, ROOM) == 1


# ── animations ────────────────────────────────────────────────────────────────────────────


def frames(count: int = 5) -> list[Picture]:
    return [flat((40 * index, 100, 200 - 30 * index)) for index in range(count)]


@pytest.mark.parametrize("name", ["film.webp", "film.PNG", "film.apng", "film.gif"])
def test_an_animation_has_all_its_frames_and_repeats(tmp_path: Path, name: str) -> None:
    path = animate(frames(), tmp_path / "new" / name, milliseconds=80, hold_last=900)

    with Image.open(path) as film:
        assert frame_count(film) == 5
        assert film.info["loop"] == 0
        film.seek(4)
        film.load()
        assert film.info["duration"] in (80, 900)  # WebP tells the first one's, PNG and GIF each one's
        assert np.abs(np.asarray(film.convert("RGB"), float) - pixel(frames()[4], (0, 0))).max() < 12


def test_frames_of_another_shape_are_fitted_into_the_first(tmp_path: Path) -> None:
    path = animate([flat(RED, (60, 40)), flat(BLUE, (10, 40))], tmp_path / "film.png")

    with Image.open(path) as film:
        film.seek(1)
        second = film.convert("RGB")
    assert second.size == (60, 40)
    assert extent(second, BLUE) == (10, 40)


def test_an_animation_of_another_ending_is_refused_before_any_frame(tmp_path: Path) -> None:
    with pytest.raises(PhospheneError, match=r"film\.mp4.*\.webp") as refused:
        animate(iter(()), tmp_path / "film.mp4")

    assert "film.webp" in refused.value.hint


def test_an_animation_of_nothing_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(PhospheneError, match="would have no frames"):
        animate([], tmp_path / "film.webp")

    assert list(tmp_path.iterdir()) == []


def test_noising_begins_with_the_picture_and_ends_in_noise_alone() -> None:
    # From black and from grey the noise is the same; they differ by the picture alone.
    black, grey = (list(noising(flat(colour), steps=6, seed=3)) for colour in ((0, 0, 0), (128, 128, 128)))

    assert black[0].tobytes() == flat((0, 0, 0)).tobytes()
    assert black[-1].tobytes() == grey[-1].tobytes()
    assert len(black) == len(grey) == 6


def test_noising_follows_its_formula() -> None:
    middle = np.asarray(list(noising(flat((128, 128, 128)), steps=3, seed=1))[1], float) / 127.5 - 1
    noise = np.random.default_rng(1).standard_normal((64, 64, 3), dtype=np.float32)

    expected = np.clip(0.5 * (128 / 127.5 - 1) + 0.5 * noise, -1, 1)
    assert np.abs(middle - expected).max() < 0.01


def test_a_seed_gives_the_same_noise_again() -> None:
    one, again, other = ([f.tobytes() for f in noising(flat(), steps=4, seed=s)] for s in (1, 1, 2))

    assert one == again
    assert one != other


def test_a_crossfade_stops_at_every_picture() -> None:
    pictures = [flat(RED), flat(BLUE), flat(RED)]
    film = crossfade("abc", pictures.__getitem__)
    shown = list(film.frames)

    assert len(shown) == len(film.milliseconds) == 3 + 2 * BLENDS
    colours = [pixel(frame, (0, 0)) for frame in shown]
    assert [colours[0], colours[BLENDS + 1], colours[-1]] == [RED, BLUE, RED]
    assert all(min(RED[0], BLUE[0]) < colour[0] < max(RED[0], BLUE[0]) for colour in colours[1 : BLENDS + 1])
    assert film.milliseconds[0] == film.milliseconds[BLENDS + 1] == STAY
    assert film.milliseconds[1] == BLEND and film.milliseconds[-1] == HOLD


def test_the_same_picture_again_is_one_frame_that_stays_longer() -> None:
    film = crossfade("aab", [flat(RED), flat(RED), flat(BLUE)].__getitem__)

    assert len(list(film.frames)) == len(film.milliseconds) == 2 + BLENDS
    assert film.milliseconds[0] == 2 * STAY + BLENDS * BLEND


@pytest.mark.parametrize("count", [1, 2, 700, 1500])
def test_a_crossfade_has_as_many_frames_as_it_says_and_few_on_a_long_way(count: int) -> None:
    film = crossfade(range(count), lambda place: flat((place % 256, 0, 0), (2, 2)))

    assert sum(1 for _ in film.frames) == len(film.milliseconds) <= max(MAX_FRAMES, 2 * count)


def test_a_crossfade_holds_two_pictures_at_a_time() -> None:
    made: list[weakref.ref[Picture]] = []
    most = 0

    def picture(place: int) -> Picture:
        nonlocal most
        picture = flat((place, 0, 0), (2, 2))
        made.append(weakref.ref(picture))
        most = max(most, sum(one() is not None for one in made))
        return picture

    for _ in crossfade(range(50), picture).frames:
        pass
    assert most <= 4


def test_a_film_of_many_frames_is_written_one_by_one(tmp_path: Path) -> None:
    film = crossfade(range(8), lambda place: flat((place * 30, 0, 0)))
    path = film.save(tmp_path / "film.webp")

    assert is_ours(path)
    with Image.open(path) as shown:
        assert frame_count(shown) > 8
        shown.seek(frame_count(shown) - 1)
        assert abs(pixel(shown.convert("RGB"), (5, 5))[0] - 7 * 30) < 12


def test_a_crossfade_of_nothing_is_nothing() -> None:
    film = crossfade([], [].__getitem__)
    assert (list(film.frames), film.milliseconds) == ([], [])


# ── many pictures ─────────────────────────────────────────────────────────────────────────


def test_a_sheet_of_many_pictures_fits_into_every_format() -> None:
    sheet = contact_sheet([Tile(flat(RED, (8, 8)), "a house")] * 600)

    assert max(sheet.size) <= LONGEST
    assert sheet.width * sheet.height <= MOST_PIXELS


def test_as_many_pictures_as_are_allowed_fit_on_a_sheet() -> None:
    lines = MAX_TILES // 71 + 1

    assert measures(71, lines, TILE).tile >= 64


def test_more_pictures_than_a_sheet_can_show_are_refused() -> None:
    with pytest.raises(PhospheneError, match="One sheet cannot show"):
        contact_sheet([Tile(None)] * 20_000)


def test_long_rows_are_broken_at_the_same_columns() -> None:
    real = [Tile(flat(RED, (8, 8)))] * 150
    made = [Tile(flat(BLUE, (8, 8)))] * 150
    sheet = rows([Row("nearest", real), Row("generated", made)], ends=("snow", "sea"))

    assert max(sheet.size) <= LONGEST and sheet.width * sheet.height <= MOST_PIXELS
    pixels = np.asarray(sheet)
    reds, blues = ((pixels == colour).all(axis=2).any(axis=1) for colour in (RED, BLUE))
    changes = np.diff(np.where(reds, 1, np.where(blues, -1, 0))[reds | blues])
    assert np.count_nonzero(changes) == 2 * 13 - 1, "13 lines of real pictures, each above its own"
