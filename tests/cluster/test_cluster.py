"""A cluster of three real nodes on this machine loses nothing when one of them is killed.

It takes minutes, so it only runs with PHOSPHENE_CLUSTER=1.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from oracle import made
from parts import need
from phosphene.errors import PhospheneError
from phosphene.maintenance.copying import digest
from phosphene.records import Image, Space
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.store import WeaviateStore
from phosphene.vectors import Vector
from weaviate_server import HOW, Server, binary, cluster

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("PHOSPHENE_CLUSTER"), reason="PHOSPHENE_CLUSTER=1 runs the cluster"
    ),
    pytest.mark.timeout(1200),
]

DIMENSION, COUNT, BATCH = 64, 2000, 50
SPACE = Space("cluster:0", "cluster", DIMENSION)
TIMEOUT = 300  # seconds for a node that was away to get what it missed: 60 on an idle machine


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Three nodes that are ready. A test starts the node again that it killed."""
    need("weaviate", binary() is not None, HOW)
    nodes = cluster(tmp_path_factory.mktemp("cluster"), environment={"GOMAXPROCS": "1"})
    try:
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait()
        yield nodes
    finally:
        for node in nodes:
            node.stop()


@pytest.fixture(scope="module")
def images() -> list[Image[Vector]]:
    return made(COUNT, dimension=DIMENSION)


def address(nodes: Sequence[Server], collection: str, consistency: str = "quorum") -> Address:
    """The address of a collection with three replicas. The first node is used as long as it answers."""
    hosts = ",".join(f"{node.host}:{node.rest}" for node in nodes)
    calls = ",".join(str(node.grpc) for node in nodes)
    return Address.parse(
        f"weaviate://{hosts}/{collection}?grpc={calls}&replicas=3&consistency={consistency}&timeout=15"
    )


@dataclass
class Searcher:
    """A thread that searches for existing images without a pause, and collects failures."""

    store: WeaviateStore
    known: Image
    answers: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def search(self, until: threading.Event) -> None:
        assert self.known.vector is not None
        while not until.is_set():
            asked = time.monotonic()
            try:
                hits = self.store.near(self.known.vector, 5)
                if hits[0].image.id != self.known.id:
                    self.wrong.append(f"found {hits[0].image.id}")
            except PhospheneError as error:
                self.wrong.append(error.message)
            self.answers += 1
            self.slowest = max(self.slowest, time.monotonic() - asked)
            time.sleep(0.02)


@contextmanager
def searching(place: Address, known: Image) -> Iterator[Searcher]:
    """Searches while the body runs."""
    searcher, over = Searcher(WeaviateStore.open(place), known), threading.Event()
    thread = threading.Thread(target=searcher.search, args=(over,), daemon=True)
    thread.start()
    try:
        yield searcher
    finally:
        over.set()
        thread.join()
        searcher.store.close()


def add(store: WeaviateStore, images: Sequence[Image], at: dict[int, Callable[[], None]]) -> None:
    """Add images in batches, and call a function just before the batches at these positions."""
    for start in range(0, len(images), BATCH):
        if start in at:
            at[start]()
        store.upsert(images[start : start + BATCH])


def killing(node: Server) -> Callable[[], None]:
    """A function that kills a node a moment later, in the middle of the next batch."""
    return threading.Timer(0.02, node.kill).start


def expect(store: WeaviateStore, images: Sequence[Image]) -> None:
    """Assert that all images are there exactly once, as they were written."""
    found = [(image.id, digest(image)) for image in store.iterate(vectors=True)]
    assert len(found) == len(images) == store.count()
    assert dict(found) == {image.id: digest(image) for image in images}


def wait_until_whole(node: Server, collection: str, images: Sequence[Image]) -> None:
    """Wait until this node alone has all images, as they were written.

    At consistency ONE, the node that is asked answers with its own objects. A count may come from any node.
    """
    store = WeaviateStore.open(address([node], collection, "one"))
    until = time.monotonic() + TIMEOUT
    try:
        while len(list(store.iterate())) < len(images) and time.monotonic() < until:
            time.sleep(1)
        expect(store, images)
    finally:
        store.close()


def test_a_node_that_is_killed_and_comes_back_loses_nothing(nodes: list[Server], images: list[Image]) -> None:
    place = address(nodes[:2], "Killed")
    store = WeaviateStore.create(address(nodes, "Killed"), SPACE)
    store.upsert(images[:1])
    store.close()

    with searching(address([nodes[1], nodes[0]], "Killed"), images[0]) as searcher:
        store = WeaviateStore.open(place)
        add(store, images, {600: killing(nodes[2]), 1400: nodes[2].launch})

    assert searcher.wrong == []
    assert searcher.answers > 10
    expect(store, images)
    store.close()
    nodes[2].wait()
    for node in nodes:
        wait_until_whole(node, "Killed", images)


def test_the_client_goes_on_with_another_node_when_its_own_is_killed(
    nodes: list[Server], images: list[Image]
) -> None:
    store = WeaviateStore.create(address(nodes, "Failover"), SPACE)
    store.upsert(images[:1])

    try:
        with searching(address(nodes, "Failover"), images[0]) as searcher:
            add(store, images, {1000: killing(nodes[0])})
            before = searcher.answers
            expect(store, images)
    finally:
        nodes[0].start()

    assert searcher.wrong == []
    assert searcher.answers > before > 10
    store.close()
    for node in nodes:
        wait_until_whole(node, "Failover", images)
