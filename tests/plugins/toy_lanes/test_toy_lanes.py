"""The toy generators for the lanes keep what the seam promises."""

from collections.abc import Callable
from pathlib import Path

import pytest
from phosphene_toy_lanes import Painter, open_collage, open_mosaic, open_mosaic_alone, open_wash

from phosphene.records import Space
from phosphene.testing.generators import GeneratorTests


@pytest.mark.parametrize("opener", [open_mosaic, open_mosaic_alone, open_collage, open_wash])
class TestPainters(GeneratorTests):
    @pytest.fixture
    def generator(self, opener: Callable[..., Painter], tmp_path: Path) -> Painter:
        return opener("", folder=tmp_path, space=Space("toy:4x4", "toy", 48), device="cpu")
