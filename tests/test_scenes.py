"""Drawn scenes: a seed always gives the same pixels, and captions name only what the picture shows."""

import hashlib
import json
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from PIL import Image

from phosphene.landscape.scenes import SEEDS, captions, compose, draw, labels, write
from phosphene.landscape.scenes.scene import COLOURS, KINDS, LANDS, SHAPES, STYLES, TIMES

SCENES = [compose(seed) for seed in range(3000)]


def digest(seeds: range, size: int) -> str:
    return hashlib.sha256(b"".join(draw(compose(seed), size).tobytes() for seed in seeds)).hexdigest()


def test_a_seed_gives_the_same_pixels_in_another_process() -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    code += "import test_scenes; print(test_scenes.digest(range(24), 64))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(range(24), 64)


def test_a_seed_gives_the_same_scene_and_captions_again() -> None:
    assert compose(5) == SCENES[5]
    assert captions(compose(5)) == captions(SCENES[5])


@pytest.mark.parametrize("size", [32, 64, 100, 128, 300])
def test_a_picture_has_the_size_asked_for(size: int) -> None:
    for seed in range(12):
        picture = draw(compose(seed), size)
        assert (picture.mode, picture.size) == ("RGB", (size, size))


def test_every_word_of_the_vocabulary_occurs() -> None:
    found = frozenset().union(*(labels(scene) for scene in SCENES))
    wanted = {("land", land) for land in LANDS} | {("time", time) for time in TIMES}
    wanted |= {("style", style) for style in STYLES} | {("thing", kind) for kind in SHAPES}
    wanted |= {("house.colour", colour) for colour in COLOURS} | {("house.count", count) for count in "123"}
    wanted |= {(name, "yes") for name in ("sun", "moon", "mountains")}
    wanted |= {("weather", weather) for weather in ("clear", "cloudy", "rain", "snowfall", "fog")}
    assert wanted <= found


def test_every_style_draws_a_scene_differently() -> None:
    by_style = {scene.style: scene for scene in SCENES if scene.things}
    assert len({draw(scene, 64).tobytes() for scene in by_style.values()}) == len(STYLES)


def test_things_stand_where_they_belong() -> None:
    for scene in SCENES:
        assert all(thing.kind in KINDS[scene.land] for thing in scene.things)
        assert all(0 < place.x < 1 for thing in scene.things for place in thing.places)


def test_the_main_thing_is_large() -> None:
    shown = [[place.height for thing in scene.things for place in thing.places] for scene in SCENES]
    tallest = [max(heights) for heights in shown if heights]
    assert sum(height >= 0.28 for height in tallest) >= 0.9 * len(tallest)


def test_captions_are_true_and_the_last_one_is_complete() -> None:
    for scene in SCENES:
        said, truth = captions(scene), labels(scene)
        assert len({caption.text for caption in said}) == 5
        assert all(set(caption.names) <= truth for caption in said)
        assert set(said[-1].names) == truth
        assert max(len(caption.text) for caption in said[:-1]) < len(said[-1].text)


def test_captions_say_the_colours_and_counts_that_they_name() -> None:
    for scene in SCENES[:500]:
        for caption in captions(scene):
            for attribute, value in caption.names:
                assert not attribute.endswith(".colour") or value in caption.text


def test_captions_are_short_first_and_a_sentence_last() -> None:
    lengths = [[len(caption.text.split()) for caption in captions(scene)] for scene in SCENES]
    assert sum(first <= 4 for first, *_ in lengths) > 0.7 * len(lengths)
    assert all(last >= 9 for *_, last in lengths)


def test_there_are_some_red_houses_in_the_snow_at_night_among_a_thousand() -> None:
    wanted = {("land", "snow"), ("time", "night"), ("thing", "house"), ("house.colour", "red")}
    assert sum(wanted <= labels(scene) for scene in SCENES[:1000]) >= 5


def test_the_seeds_of_different_uses_never_overlap() -> None:
    assert set(SEEDS) == {"training", "demo", "choice", "test"}
    for one, other in combinations(SEEDS.values(), 2):
        assert max(one.start, other.start) >= min(one.stop, other.stop)
    assert SEEDS["training"].start >= 1_000_000


def test_writing_resumes_and_leaves_coco_captions(tmp_path: Path) -> None:
    seeds = range(100_000, 100_006)
    told: list[int] = []
    write(tmp_path, seeds[:3], size=32, workers=1)
    kept = tmp_path / "0100001.png"
    kept.write_bytes(b"kept as it is")
    path = write(tmp_path, seeds, size=32, workers=1, on_picture=told.append)
    assert told == list(seeds)
    assert kept.read_bytes() == b"kept as it is"
    coco = json.loads(path.read_text())
    assert [image["file_name"] for image in coco["images"]] == [f"{seed:07d}.png" for seed in seeds]
    assert [len([a for a in coco["annotations"] if a["image_id"] == seed]) for seed in seeds] == [5] * 6
    assert all(one["id"] < other["id"] for one, other in pairwise(coco["annotations"]))
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["captions.json", *(image["file_name"] for image in coco["images"])]
    )


def test_several_processes_write_the_same_files_as_one(tmp_path: Path) -> None:
    write(tmp_path / "two", range(40), size=32, workers=2)
    write(tmp_path / "one", range(40), size=32, workers=1)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    with Image.open(tmp_path / "two" / "0000039.png") as picture:
        assert picture.size == (32, 32)


def test_drawing_loads_neither_torch_nor_a_store() -> None:
    code = "import sys, phosphene.landscape.scenes; print({'torch', 'lancedb'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
