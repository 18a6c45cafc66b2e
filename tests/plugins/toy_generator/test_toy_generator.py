"""The toy generator passes the conformance suite."""

from pathlib import Path

import pytest
from phosphene_toy_generator import Stripes, open_stripes

from phosphene.records import Space
from phosphene.testing.generators import GeneratorTests


class TestStripes(GeneratorTests):
    @pytest.fixture
    def generator(self, tmp_path: Path) -> Stripes:
        return open_stripes("", folder=tmp_path, space=Space("toy:4x4", "toy", 48), device="cpu")
