"""Other programs may put objects into a library's own collection, as docs/weaviate.md says."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

import phosphene
from command import run
from oracle import SPACE, made
from phosphene.errors import PassedOver
from phosphene.filters import IMPORTED
from phosphene.store.weaviate.address import Address
from phosphene.vectors import unit
from weaviate_server import Server

QUERY = unit(np.arange(8) - 2.0)


@pytest.fixture
def url(weaviate: Server) -> str:
    """The address of a collection that does not exist yet."""
    return weaviate.url("Odd")


def put(server: Server, url: str, id: str, vector: list[float] | None, **properties: object) -> None:
    """An object as another client writes it."""
    posted = {"class": Address.parse(url).collection, "id": id, "properties": properties}
    vectors = {} if vector is None else {"vectors": {"image": vector}}
    httpx.post(f"{server.base}/v1/objects", json=posted | vectors).raise_for_status()


def test_incomplete_objects_can_be_shown_and_copied(weaviate: Server, url: str, tmp_path: Path) -> None:
    bare, scraped, lost = (f"00000000-0000-4000-8000-{number:012}" for number in (1, 2, 3))
    with phosphene.open(url, space=SPACE, create=True) as library:
        library.store.upsert(made(6))
    put(weaviate, url, bare, (2 * QUERY).tolist())
    put(weaviate, url, scraped, QUERY.tolist(), origin="scraped", thumbnail="bm90IGEgcGljdHVyZQ==", width=-1)
    put(weaviate, url, lost, None, caption="no vector")

    with phosphene.open(url) as library:
        hits = library.store.near(QUERY, 20)
        assert {hit.image.id for hit in hits} == {image.id for image in made(6)} | {bare, scraped}
        first = library.show(bare).image
        assert (first.origin, first.created, first.caption) == ("imported", "", "")
        assert library.store.count(IMPORTED) == 4 + 3
        with pytest.warns(PassedOver, match=lost):
            images = list(library.store.iterate(vectors=True))
        assert all(
            np.isclose(np.linalg.norm(image.vector), 1) for image in images if image.vector is not None
        )
        assert {image.id for image in library.store.iterate(IMPORTED)} >= {
            bare,
            scraped,
            lost,
        }
        assert [library.picture(library.get(id)).size for id in (bare, scraped)] == [(192, 192)] * 2

    for words in (
        ["search", f"id:{bare}", "-o", tmp_path / "sheet.png"],
        ["show", scraped, "-o", tmp_path / "family.png"],
        ["map", "-o", tmp_path / "map.png"],
        ["status"],
    ):
        told = run("-L", url, *words)
        assert told.exit_code == 0, told.output
    told = run("copy", url, tmp_path / "out.lib", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["passed_over"] == 1
    assert run("copy", tmp_path / "out.lib", url.replace("Odd", "Back")).exit_code == 0
