"""The stores of LanceDB and Weaviate pass the suite of `phosphene.testing.stores`."""

from pathlib import Path
from uuid import uuid4

import pytest

from phosphene.store.lance.store import LanceStore
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.store import WeaviateStore
from phosphene.testing.stores import SPACE, OpenStore, StoreTests
from weaviate_server import Server


class TestLance(StoreTests):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        return lambda: LanceStore.create(tmp_path / "store", SPACE)


class TestWeaviate(StoreTests):
    @pytest.fixture
    def open_store(self, weaviate: Server) -> OpenStore:
        address = Address.parse(weaviate.url(f"Test{uuid4().hex}"))
        return lambda: WeaviateStore.create(address, SPACE)
