"""The toy source passes the conformance suite."""

import pytest
from phosphene_toy_source import PictureBook, toy

from phosphene.testing.sources import SourceTests


class TestPictureBook(SourceTests):
    scheme = "toy"

    @pytest.fixture
    def source(self) -> PictureBook:
        return toy("toy:5")
