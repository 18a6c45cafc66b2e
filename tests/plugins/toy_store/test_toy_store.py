"""The toy store passes the conformance suite."""

from pathlib import Path

import pytest
from phosphene_toy_store import locate

from phosphene.testing.stores import SPACE, OpenStore, StoreTests


class TestNumpyStore(StoreTests):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        location = locate(f"numpy://{tmp_path}/photos.lib")
        return lambda: location.open(SPACE, create=True)
