"""The store on a server withstands other machines and all faults of a network."""

import itertools
import json
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import command
import phosphene
from oracle import SPACE, Oracle, made, vectors_like_embeddings
from phosphene.errors import LibraryError, StoreError, VectorError
from phosphene.filters import EVERYTHING, IMPORTED, Not, all_of, with_ids
from phosphene.landscape.scenes import SEEDS, captions, compose, write
from phosphene.maintenance.copying import CopySide, copy
from phosphene.records import Hit, Space
from phosphene.store import image_schema
from phosphene.store.diversity import diverse
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.schema_diff import diff
from phosphene.store.weaviate.store import WeaviateStore
from phosphene.vectors import unit
from weaviate_server import Server, free_ports

QUERY = unit(np.arange(8) - 2.0)
NAMES = (f"Own{number}" for number in itertools.count())


@pytest.fixture
def url(weaviate: Server) -> str:
    """The address of a collection that does not exist yet."""
    return weaviate.url(next(NAMES))


@pytest.fixture
def store(url: str) -> Iterator[WeaviateStore]:
    opened = WeaviateStore.create(Address.parse(url), SPACE)
    assert isinstance(opened, WeaviateStore)
    yield opened
    opened.close()


def settings(server: Server, name: str) -> dict[str, Any]:
    """The raw collection on the server."""
    answer: dict[str, Any] = httpx.get(f"{server.base}/v1/schema/{name}").raise_for_status().json()
    return answer


def with_options(url: str, **options: object) -> str:
    return "&".join([url, *(f"{name}={value}" for name, value in options.items())])


def fails(url: str, action: str = "count") -> StoreError:
    """The error of an action on the library at an address. The space is known, so only the store is asked."""
    store = WeaviateStore(Address.parse(url), SPACE)
    with pytest.raises(StoreError) as caught:
        store.count() if action == "count" else store.upsert(made(3))
    store.close()
    return caught.value


# ── the collection ────────────────────────────────────────────────────────────────────────


def test_the_collection_is_as_the_file_says(weaviate: Server, store: WeaviateStore) -> None:
    name = store._address.collection

    assert diff({**image_schema.collection(), "class": name}, settings(weaviate, name)) == []


def test_replicas_hold_for_both_collections(weaviate: Server, url: str) -> None:
    """A single node refuses three replicas with a reason, and accepts one."""
    with pytest.raises(StoreError, match="replica"):
        WeaviateStore.create(Address.parse(with_options(url, replicas=3)), SPACE)

    WeaviateStore.create(Address.parse(with_options(url, replicas=1)), SPACE).close()

    for name in (Address.parse(url).collection, "PhospheneLibrary"):
        assert settings(weaviate, name)["replicationConfig"]["factor"] == 1


def test_tenants_are_made_on_demand_and_see_nothing_of_each_other(url: str) -> None:
    mine, yours = (
        WeaviateStore.create(Address.parse(with_options(url, tenant=name)), SPACE) for name in ("me", "you")
    )
    mine.upsert(made(5))
    yours.upsert(made(2))

    assert (mine.count(), yours.count()) == (5, 2)
    assert mine.delete([made(1)[0].id]) == 1
    assert (len(mine.near(QUERY, 9)), len(list(yours.iterate()))) == (4, 2)
    with pytest.raises(LibraryError, match="has tenants"):
        phosphene.open(url)
    with pytest.raises(LibraryError, match="There is no library"):
        phosphene.open(with_options(url, tenant="nobody"))
    mine.close()
    yours.close()


def test_a_consistency_is_taken(url: str) -> None:
    store = WeaviateStore.create(Address.parse(with_options(url, consistency="all")), SPACE)
    store.upsert(made(5))

    assert store.count() == len(store.near(QUERY, 9)) == len(store.get([each.id for each in made(5)])) == 5
    store.close()


def test_a_collection_of_something_else_is_refused_and_left_alone(weaviate: Server, url: str) -> None:
    name = Address.parse(url).collection
    theirs = {"class": name, "properties": [{"name": "title", "dataType": ["text"]}]}
    httpx.post(f"{weaviate.base}/v1/schema", json=theirs).raise_for_status()
    before = settings(weaviate, name)

    with pytest.raises(LibraryError, match="of another program") as caught:
        phosphene.open(url, space=SPACE, create=True)

    assert "vector=NAME" in caught.value.hint
    assert settings(weaviate, name) == before


def test_an_empty_collection_with_our_schema_becomes_a_library(weaviate: Server, url: str) -> None:
    posted = {**image_schema.collection(), "class": Address.parse(url).collection}
    httpx.post(f"{weaviate.base}/v1/schema", json=posted).raise_for_status()

    with pytest.raises(LibraryError, match="There is no library"):
        phosphene.open(url)
    with phosphene.open(url, space=SPACE, create=True) as library:
        assert library.status().images == 0


def test_a_dropped_collection_may_be_made_again_in_another_space(weaviate: Server, url: str) -> None:
    WeaviateStore.create(Address.parse(url), SPACE).close()
    httpx.delete(f"{weaviate.base}/v1/schema/{Address.parse(url).collection}").raise_for_status()

    with phosphene.open(url, space=Space("other:1", "other", 16), create=True) as library:
        assert library.space.id == "other:1"


def test_the_registry_itself_is_no_library(weaviate: Server) -> None:
    with pytest.raises(LibraryError, match="keeps the list of libraries"):
        phosphene.open(weaviate.url("PhospheneLibrary"), space=SPACE, create=True)


# ── many images ───────────────────────────────────────────────────────────────────────────


def test_the_nearest_of_twenty_thousand_are_found(url: str) -> None:
    """Recall@10 at the settings of the schema, for vectors similar to embeddings."""
    store = WeaviateStore.create(Address.parse(url), Space("wide:1", "wide", 64))
    vectors, one = vectors_like_embeddings(20_000, 64), made(1)[0]
    named = [f"00000000-0000-5000-8000-{number:012}" for number in range(20_000)]
    store.upsert([replace(one, id=id, vector=vector) for id, vector in zip(named, vectors, strict=True)])

    queries = vectors_like_embeddings(100, 64, seed=1)
    found = [ids(store.near(query, 10)) for query in queries]

    nearest = [{named[place] for place in np.argsort(-(vectors @ query))[:10]} for query in queries]
    assert np.mean([len(a & b) / 10 for a, b in zip(found, nearest, strict=True)]) >= 0.99
    store.close()


def test_the_nearest_of_the_demos_own_library_are_found(url: str, tmp_path: Path) -> None:
    """Recall@10 for prompts, at the schema's settings, in a copy of the library that the demo makes."""
    seeds = SEEDS["demo"][:1000]
    write(tmp_path / "pictures", seeds)
    with (
        phosphene.open(tmp_path / "library", model="landscape", create=True) as exact,
        phosphene.open(url, space=exact.space, create=True) as served,
    ):
        exact.add([tmp_path / "pictures"])
        copy(CopySide(exact.store, exact.folder), CopySide(served.store, served.folder))
        prompts = [captions(compose(seed))[1].text for seed in seeds[::10]]
        vectors = [exact.vector(prompt) for prompt in prompts]

        shares = [len(ids(exact.store.near(v, 10)) & ids(served.store.near(v, 10))) / 10 for v in vectors]

    assert exact.store.info().exact
    assert np.mean(shares) >= 0.99


def ids(hits: list[Hit]) -> set[str]:
    return {hit.image.id for hit in hits}


def test_more_hits_than_a_server_returns_at_once_are_compared_here(url: str) -> None:
    WeaviateStore.create(Address.parse(url), SPACE).close()
    store, oracle = WeaviateStore(Address.parse(url), SPACE, max_results=20, page_size=7), Oracle()
    for each in (store, oracle):
        each.upsert(made(60))
    where = all_of(IMPORTED, Not(with_ids([made(1)[0].id])))

    hits, expected = (each.near(QUERY, 30, where) for each in (store, oracle))
    chosen, best = (each.near(QUERY, 6, where, diversity=0.5) for each in (store, oracle))

    assert [hit.image for hit in hits] == [hit.image for hit in expected]
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in expected], abs=1e-5)
    assert [hit.image for hit in chosen] == [hit.image for hit in best]
    assert {image.id for image in store.iterate(where)} == {image.id for image in oracle.iterate(where)}
    assert store.count(with_ids(image.id for image in made(50))) == 50
    store.close()


def test_a_server_chooses_diverse_hits_as_we_do(store: WeaviateStore) -> None:
    store.upsert(made(200))

    for seed, diversity in itertools.product(range(5), (0.3, 0.5, 0.8)):
        query = vectors_like_embeddings(1, 8, seed=1000 + seed)[0]
        theirs = store.near(query, 10, diversity=diversity)
        ours = diverse(store, query, 10, EVERYTHING, diversity)
        assert [hit.image.id for hit in theirs] == [hit.image.id for hit in ours]


def write_what_others_write(url: str, place: int) -> int:
    store = WeaviateStore.create(Address.parse(url), SPACE)
    for number in range(10):
        store.upsert(made(50, start=40 * number))
        store.upsert(made(10, start=10_000 * (place + 1) + 10 * number))
    count = store.count()
    store.close()
    return count


def test_processes_that_write_the_same_ids_at_once_make_no_duplicates(store: WeaviateStore, url: str) -> None:
    """2,400 writes of 810 images."""
    context = multiprocessing.get_context("spawn")  # gRPC's threads do not survive a fork
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        counts = list(pool.map(write_what_others_write, [url] * 4, range(4)))

    found = {image.id for image in store.iterate()}
    shared = {image.id for number in range(10) for image in made(50, start=40 * number)}
    assert max(counts) == store.count() == len(found) == 410 + 4 * 100
    assert shared <= found
    assert len(store.near(QUERY, 1000)) == len(found)


def test_threads_share_a_store(store: WeaviateStore) -> None:
    threads = [
        threading.Thread(target=store.upsert, args=(made(30, start=10 * number),)) for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.count() == len({image.id for image in store.iterate()}) == 60


# ── faults of the network ─────────────────────────────────────────────────────────────────


def test_a_server_that_is_down_is_named(weaviate: Server) -> None:
    port = free_ports()[0]

    error = fails(f"weaviate://127.0.0.1:{port}/Gone?timeout=1")

    assert f"127.0.0.1:{port} does not answer" in error.message
    assert "check that the server is running" in error.hint
    with pytest.raises(StoreError, match=f"{port}"):
        phosphene.open(f"weaviate://127.0.0.1:{port}/Gone?timeout=1")


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        error = fails(f"weaviate://127.0.0.1:{port}/Mute?timeout=0.5")

    assert f"127.0.0.1:{port} does not answer" in error.message


def test_a_closed_grpc_port_is_named(url: str) -> None:
    address = Address.parse(url)
    port, host = free_ports()[1], address.endpoints[0]

    error = fails(f"weaviate://{host.host}:{host.rest}/{address.collection}?grpc={port}&timeout=1")

    assert f"the gRPC port {port} of 127.0.0.1 does not answer" in error.message
    assert "grpc=" in error.hint


def test_a_wrong_key_is_refused_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", "wrong")

    error = fails(url)

    assert "refuses the key (401)" in error.message
    assert "WEAVIATE_API_KEY" in error.hint
    assert "wrong" not in error.message + error.hint
    with pytest.raises(StoreError, match="401"):
        phosphene.open(url)


def test_the_right_key_is_taken(weaviate: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from weaviate_server import KEY

    monkeypatch.setenv("WEAVIATE_API_KEY", KEY)

    with phosphene.open(url, space=SPACE, create=True) as library:
        library.store.upsert(made(2))
        assert library.status().images == 2


def read_only(server: Server, name: str) -> None:
    """Make a collection read-only, as a full disk does."""
    base = f"{server.base}/v1/schema/{name}/shards"
    for shard in httpx.get(base).raise_for_status().json():
        httpx.put(f"{base}/{shard['name']}", json={"status": "READONLY"}).raise_for_status()


def test_a_full_disk_is_told_and_nothing_is_written(weaviate: Server, url: str) -> None:
    WeaviateStore.create(Address.parse(url), SPACE).close()
    read_only(weaviate, Address.parse(url).collection)

    error = fails(with_options(url, timeout=1), "upsert")

    assert "read-only" in error.message
    assert "make room" in error.hint
    store = WeaviateStore.create(Address.parse(url), SPACE)
    assert store.count() == 0
    store.close()


def test_another_dimension_is_refused_before_anything_is_sent(store: WeaviateStore) -> None:
    with pytest.raises(VectorError, match="have 8 numbers"):
        store.upsert([*made(2), replace(made(3)[2], vector=np.ones(9, np.float32))])

    assert store.count() == 0


def test_vectors_of_another_model_that_are_there_already_are_named(weaviate: Server, url: str) -> None:
    """Another program filled the collection. The server refuses, and the error says why."""
    address = Address.parse(url)
    longer = WeaviateStore.create(address, Space("long:1", "long", 16))
    longer.upsert(made(2, dimension=16))
    longer.close()

    error = fails(url, "upsert")

    assert "vector" in error.message
    assert "use the model that made the vectors" in error.hint


def test_a_library_of_another_space_is_refused_by_both_names(url: str) -> None:
    WeaviateStore.create(Address.parse(url), SPACE).close()

    with pytest.raises(LibraryError, match="tiny:0123") as caught:
        phosphene.open(url, space=Space("other:1", "other", 8))

    assert "other:1" in caught.value.message


def test_the_next_endpoint_answers_where_one_is_down(weaviate: Server) -> None:
    down, name = free_ports(), next(NAMES)
    url = f"weaviate://127.0.0.1:{down[0]},127.0.0.1:{weaviate.rest}/{name}?grpc={down[1]},{weaviate.grpc}"
    store = WeaviateStore.create(Address.parse(url), SPACE)

    store.upsert(made(5))

    assert store.count() == len(store.near(QUERY, 9)) == 5
    store.close()


def test_a_command_ends_with_one_and_a_hint(weaviate: Server, url: str, tmp_path: Path) -> None:
    gone = f"weaviate://127.0.0.1:{free_ports()[0]}/Gone?timeout=1"

    for words in (["search", "house"], ["status"], ["add", str(tmp_path)]):
        ended = command.run("-L", gone, *words)
        assert ended.exit_code == 1, ended.output
        assert "Error: " in ended.output and "hint: " in ended.output


# ── a server that comes and goes ──────────────────────────────────────────────────────────


def test_a_store_outlives_its_server(weaviate: Server, tmp_path: Path) -> None:
    """After a kill and a restart on the same data, all written images are there and found."""
    server = Server(tmp_path / "server")
    server.start()
    store = WeaviateStore.create(Address.parse(server.url("Kept", timeout=2)), SPACE)
    store.upsert(made(20))

    server.kill()
    with pytest.raises(StoreError, match="does not answer"):
        store.near(QUERY, 3)
    with pytest.raises(StoreError, match="does not answer"):
        store.upsert(made(3, start=100))
    server.start()

    assert sorted(store.iterate(), key=lambda image: image.id) == made(20)
    assert len(store.near(QUERY, 30)) == 20
    server.pause()
    with pytest.raises(StoreError, match="does not answer"):
        store.near(QUERY, 3)
    server.resume()
    assert len(store.near(QUERY, 30)) == 20
    store.close()
    server.stop()


# ── the library on a server ───────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    write(folder, SEEDS["demo"][:12], size=64, workers=1)
    return folder


def run(url: str, *words: str) -> Any:
    """The JSON in the last line of a command's output."""
    ended = command.run("-L", url, *words, "--json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout.strip().splitlines()[-1]) if ended.stdout.strip() else None


def test_every_command_runs_on_a_server(url: str, drawn: Path, tmp_path: Path) -> None:
    assert run(url, "add", str(drawn), "--model", "landscape")["added"] == 12
    assert run(url, "add", str(drawn)) == {
        "added": 0,
        "unchanged": 12,
        "failed": 0,
        "failures": [],
        "left_out": {},
        "images_per_second": 0.0,
    }
    hit = run(url, "search", "a house", "-n", "1", "--diversity", "0.3")
    made = run(url, "generate", "a house", "-n", "1", "-k", "2", "--steps", "1", "--seed", "3")
    assert hit["origin"] == "imported" and len(made["parents"]) == 2
    assert run(url, "show", made["id"])["recipe"]["seed"] == 3
    assert run(url, "map", "-o", str(tmp_path / "map.png"))
    assert run(url, "walk", "a house", "the sea", "--steps", "2", "-o", str(tmp_path / "walk.png"))
    state = run(url, "status")
    assert (state["store"], state["images"], state["generated"]) == ("weaviate", 13, 1)
    assert Address.parse(state["library"]) == Address.parse(url)
    assert run(url, "remove", made["id"], "--yes")["removed"] == 1
    found = command.run("-L", url, "doctor", "--json").stdout.splitlines()
    library = next(line for line in map(json.loads, found) if line["what"] == "library")
    assert library["state"] == "ok" and "12 images" in library["found"]


@pytest.mark.timeout(900)  # a minute where nothing else runs
def test_the_demo_runs_on_a_server(url: str, tmp_path: Path) -> None:
    told = run(url, "demo", str(tmp_path / "demo"), "--pictures", "24", "--side", "96")

    assert (told["images"], told["generated"]) == (28, 4)
    assert not (tmp_path / "demo" / "library").exists()
    assert "a collection of Weaviate" in Path(told["page"]).read_text()


def test_images_that_an_emptied_store_lacks_are_added_again(url: str, drawn: Path) -> None:
    with phosphene.open(url, model="landscape", create=True) as library:
        library.add([drawn])
        gone = [image.id for image in itertools.islice(library.store.iterate(), 3)]
        others = made(3, dimension=library.space.dimension)
        library.store.delete(gone)
        library.store.upsert([replace(image, origin="imported") for image in others])  # the count is equal

        added = library.add([drawn])

        assert (added.added, added.unchanged) == (3, 9)
        assert {image.id for image in library.store.get(gone)} == set(gone)


def test_another_machine_sees_thumbnail_and_recipe(
    url: str, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with phosphene.open(url, model="landscape", create=True) as library:
        library.add([drawn])
        [new] = library.generate("a house", 1, neighbours=2, seed=5, num_inference_steps=1)
        assert library.path(new.image).is_relative_to(library.folder)
        assert np.array_equal(np.asarray(library.picture(new.image)), np.asarray(new.picture))

    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "elsewhere"))
    with phosphene.open(url) as other:
        found = other.get(new.image.id)
        assert not other.path(found).exists()
        assert max(other.picture(found).size) <= 256
        assert found.recipe == new.image.recipe
        assert [parent.id for parent in found.parents] == [parent.id for parent in new.image.parents]
        assert other.add([drawn]).unchanged == 12  # looked at, and not embedded again


def test_collections_of_two_servers_and_of_two_tenants_lie_apart(url: str, weaviate: Server) -> None:
    urls = [with_options(url, tenant="a"), with_options(url, tenant="b"), weaviate.url(next(NAMES))]
    urls.append(urls[2].replace("127.0.0.1", "localhost"))
    folders = set()
    for each in urls:
        with phosphene.open(each, space=SPACE, create=True) as library:
            folders.add(library.folder)

    assert len(folders) == 4


def test_the_default_library_may_be_an_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    WeaviateStore.create(Address.parse(url), SPACE).close()
    monkeypatch.setenv("PHOSPHENE_LIBRARY", url)

    with phosphene.open() as library:
        assert library.url == Address.parse(url).url
