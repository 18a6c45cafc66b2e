"""The toy embedder passes the conformance suite."""

import pytest
from phosphene_toy_embedder import ToyEmbedder, toy

from phosphene.testing.embedders import EmbedderTests


class TestToyEmbedder(EmbedderTests):
    @pytest.fixture
    def embedder(self) -> ToyEmbedder:
        return toy("toy")
