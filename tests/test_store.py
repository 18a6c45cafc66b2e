"""LanceDB, with snapshots and without, and Weaviate pass the suite of `phosphene.testing.stores`."""

from pathlib import Path
from uuid import uuid4

import pytest

from phosphene.store.lance.snapshot import Snapshot
from phosphene.store.lance.store import LanceStore
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.store import WeaviateStore
from phosphene.testing.stores import SPACE, OpenStore, StoreTests
from weaviate_server import Server


class TestLance(StoreTests):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda: LanceStore.create(tmp_path / "store", SPACE)


class Renewing(LanceStore):
    """A store that reads each version from its snapshot."""

    def _reader(self) -> Snapshot:
        self._renew()
        found = self._images.latest()
        assert found is not None, "it is small and not damaged"
        return found


class TestSnapshots(StoreTests):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda: Renewing.create(tmp_path / "store", SPACE)


class TestWeaviate(StoreTests):
    @pytest.fixture
    def open_store(self, weaviate: Server) -> OpenStore:
        address = Address.parse(weaviate.url(f"Test{uuid4().hex}"))
        return lambda: WeaviateStore.create(address, SPACE)
