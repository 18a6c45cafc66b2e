"""The toy store keeps what the seam promises."""

from pathlib import Path

import pytest
from phosphene_toy_store import locate

from phosphene.testing.stores import SPACE, OpenStore, StoreTests


class TestNumpyStore(StoreTests):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        location = locate(f"numpy://{tmp_path}/photos.lib")
        return lambda: location.open(SPACE, create=True)
