"""Pictures of any shape are shrunk: ordinary ones exactly as Pillow does it, thin ones in little memory."""

import functools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.embedding.preprocessing import Preprocessing
from phosphene.images import middle, resized
from pictures import drawn

MODES = ("shortest", "longest", "squash")
ORDINARY = ((640, 480), (480, 640), (300, 300), (1, 1), (2000, 200), (97, 1001), (31, 17), (224, 224))
THIN = ((1, 10_000), (10_000, 1), (1, 65_000), (3, 70_001), (1, 3_000_000), (3_000_000, 1))


def config(mode: str, size: Any = 224, interpolation: str = "bicubic") -> dict[str, Any]:
    return {"size": size, "resize_mode": mode, "interpolation": interpolation}


def by_open_clip(picture: Picture, settings: dict[str, Any]) -> np.ndarray:
    steps = image_transform_v2(PreprocessCfg(**settings), is_train=False).transforms[:-2]
    return np.asarray(functools.reduce(lambda picture, step: step(picture), steps, picture))


@pytest.mark.parametrize("settings", [
    *(config(mode) for mode in MODES),
    *(config(mode, (64, 96), "bilinear") for mode in MODES),
])  # fmt: skip
def test_ordinary_pictures_are_prepared_as_open_clip_does(settings: dict[str, Any]) -> None:
    prepare = Preprocessing(settings)
    for number, size in enumerate(ORDINARY):
        picture = drawn(number, size)
        assert np.array_equal(prepare(picture), by_open_clip(picture, settings)), size


@pytest.mark.parametrize("mode", MODES)
def test_a_thin_picture_looks_as_open_clip_would_have_made_it(mode: str) -> None:
    for size in ((1, 400), (400, 1), (2, 900), (5, 1500)):
        picture = drawn(3, size)
        settings = config(mode, 16)
        if mode == "longest" and min(size) * 16 < max(size) / 2:
            continue  # open_clip makes it 0 pixels wide, which is an error
        small = functools.partial(by_open_clip, settings=settings)
        assert np.abs(small(picture).astype(int) - Preprocessing(settings)(picture)).max() <= 1, size


@pytest.mark.parametrize("size", THIN)
@pytest.mark.parametrize("mode", MODES)
def test_a_thin_picture_has_a_vector_in_every_space(mode: str, size: tuple[int, int]) -> None:
    assert Preprocessing(config(mode))(Image.new("RGB", size, "teal")).shape == (224, 224, 3)


def test_a_thin_picture_is_embedded_by_its_middle() -> None:
    """The middle is cut out at the right position, which the colours show: each is the number of its row."""
    rows = np.arange(400_000)
    numbered = np.stack([rows >> 16, rows >> 8 & 255, rows & 255], axis=-1).astype(np.uint8)
    for pixels in (numbered[:, None], numbered[None, :]):
        kept = np.asarray(middle(Image.fromarray(pixels), (224, 224))).reshape(-1, 3)
        assert len(kept) == 16
        assert np.array_equal(kept, numbered[200_000 - 8 : 200_000 + 8])


@pytest.mark.parametrize("resample", [Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS])
def test_ordinary_pictures_are_resized_as_pillow_does(resample: Resampling) -> None:
    for number, source in enumerate(ORDINARY):
        for target in ((64, 64), (320, 200), (1, 300)):
            picture = drawn(number, source)
            expected = np.asarray(picture.resize(target, resample))
            assert np.array_equal(np.asarray(resized(picture, target, resample)), expected)


def test_resizing_a_picture_of_one_pixel_by_many_takes_little_memory() -> None:
    """8 million rows take 96 MB. What Pillow has between its passes would take 19 GB, or 400 MB."""
    code = """
import resource
from PIL import Image
from PIL.Image import Resampling
from phosphene.images import middle, resized, thumbnail
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for size in ((1, 8_000_000), (8_000_000, 1)):
    picture = Image.new("RGB", size, "teal")
    middle(picture, (224, 224)).resize((224, 896))
    resized(picture, (600, 600), Resampling.LANCZOS)
    thumbnail(picture)
    del picture
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 250_000  # kB
