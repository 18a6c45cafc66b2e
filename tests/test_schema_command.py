"""`phosphene schema` shows, checks and applies the schema on a real server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from command import run
from phosphene.store import image_schema
from phosphene.store.weaviate.schema_diff import diff
from weaviate_server import KEY, Server

MODULE = {"multi2vec-clip": {"imageFields": ["thumbnail"]}}


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def live(server: Server, name: str) -> dict[str, Any]:
    """The collection as the server says it is."""
    found: dict[str, Any] = httpx.get(f"{server.base}/v1/schema/{name}", timeout=30).json()
    return found


def make(server: Server, name: str, **settings: Any) -> None:
    """Make a collection of ours with these settings changed."""
    posted = image_schema.collection() | {"class": name} | settings
    httpx.post(f"{server.base}/v1/schema", json=posted, timeout=30).raise_for_status()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, weaviate: Server) -> Iterator[Server]:
    """A server that knows the module. It needs no service, because none is asked."""
    server = Server(
        tmp_path_factory.mktemp("clip"),
        environment={"CLIP_INFERENCE_API": "http://127.0.0.1:9", "CLIP_WAIT_FOR_STARTUP": "false"},
        modules=["multi2vec-clip"],
    )
    server.start()
    yield server
    server.stop()


# ── show ──────────────────────────────────────────────────────────────────────────────────


def test_show_prints_the_file_as_it_is() -> None:
    assert json.loads(run("schema", "show").stdout) == image_schema.collection()
    assert json.loads(run("schema", "show", "--json").stdout) == image_schema.collection()


def test_show_applies_the_options_of_an_address() -> None:
    posted = json.loads(
        run("schema", "show", "weaviate://host/Photos?replicas=3&tenant=me", "--module").stdout
    )

    expected = image_schema.collection() | {"class": "Photos", "multiTenancyConfig": {"enabled": True}}
    expected["replicationConfig"]["factor"] = 3
    expected["vectorConfig"]["image"]["vectorizer"] = MODULE
    assert posted == expected


def test_show_takes_the_library_of_the_common_options() -> None:
    assert json.loads(run("-L", "weaviate://host/Photos", "schema", "show").stdout)["class"] == "Photos"


# ── apply and check ───────────────────────────────────────────────────────────────────────


def test_apply_makes_a_collection_that_agrees_with_the_schema(weaviate: Server) -> None:
    made = run("schema", "apply", weaviate.url("Fresh"))
    checked = run("-L", weaviate.url("Fresh"), "schema", "check")
    again = run("schema", "apply", weaviate.url("Fresh"), "--json")

    assert made.exit_code == 0, made.stderr
    assert diff(image_schema.collection(), live(weaviate, "Fresh")) == []
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert "agrees with the schema" in checked.stderr
    assert lines(again) == [{"created": False, "changed": [], "fixed": []}]


def test_check_names_every_difference_and_exits_1(weaviate: Server) -> None:
    properties = [each for each in image_schema.collection()["properties"] if each["name"] != "recipe"]
    make(weaviate, "Different", description="mine", properties=properties)

    told = run("schema", "check", weaviate.url("Different"), "--json")
    shown = run("schema", "check", weaviate.url("Different"))

    assert (told.exit_code, shown.exit_code) == (1, 1)
    assert [(each["path"], each["found"], each["mutable"]) for each in lines(told)] == [
        ("description", "mine", True),
        ("properties.recipe", None, True),
    ]
    assert [line.split("\t")[0] for line in shown.stdout.splitlines()] == ["description", "properties.recipe"]
    assert "2 settings differ; `phosphene schema apply" in shown.stderr


def test_apply_adds_properties_and_changes_mutable_settings(weaviate: Server) -> None:
    ours = image_schema.collection()
    ours["properties"] = [each for each in ours["properties"] if each["name"] not in ("recipe", "norm")]
    ours["properties"][0]["description"] = "mine"
    ours["invertedIndexConfig"]["stopwords"]["preset"] = "none"
    ours["vectorConfig"]["other"] = ours["vectorConfig"].pop("image")
    make(weaviate, "Mended", **{name: value for name, value in ours.items() if name != "class"})

    told = run("schema", "apply", weaviate.url("Mended"), "--json")

    assert told.exit_code == 0, told.stderr
    assert set(lines(told)[0]["changed"]) == {
        "vectorConfig.image",
        "invertedIndexConfig.stopwords.preset",
        "properties.sha256.description",
        "properties.norm",
        "properties.recipe",
    }
    assert run("schema", "check", weaviate.url("Mended")).exit_code == 0
    assert set(live(weaviate, "Mended")["vectorConfig"]) == {"image", "other"}


def test_apply_says_what_never_changes_and_the_way_around_it(weaviate: Server) -> None:
    ours = image_schema.collection()
    ours["vectorConfig"]["image"]["vectorIndexConfig"]["distance"] = "dot"
    make(weaviate, "Stuck", description="mine", vectorConfig=ours["vectorConfig"])

    told = run("schema", "apply", weaviate.url("Stuck"))

    assert told.exit_code == 1
    assert told.stdout == "changed description\n"
    assert 'vectorConfig.image.vectorIndexConfig.distance: "dot", not "cosine"' in told.stderr
    assert f"phosphene copy '{weaviate.url('Stuck')}' '{weaviate.url('Stuck2')}'" in told.stderr
    assert live(weaviate, "Stuck")["description"] == image_schema.collection()["description"]


def test_replicas_count_only_where_the_address_names_them(weaviate: Server) -> None:
    make(weaviate, "Replicated")

    assert run("schema", "check", weaviate.url("Replicated")).exit_code == 0
    [difference] = lines(run("schema", "check", weaviate.url("Replicated", replicas=3), "--json"))
    assert (difference["path"], difference["mutable"]) == ("replicationConfig.factor", False)


def test_a_tenant_makes_a_collection_of_tenants(weaviate: Server) -> None:
    assert run("schema", "apply", weaviate.url("Shared", tenant="me")).exit_code == 0

    assert live(weaviate, "Shared")["multiTenancyConfig"]["enabled"] is True


def test_with_the_module_thumbnails_are_vectorised(clip: Server) -> None:
    assert run("schema", "apply", clip.url("Clip"), "--module").exit_code == 0

    assert live(clip, "Clip")["vectorConfig"]["image"]["vectorizer"] == MODULE
    assert run("schema", "check", clip.url("Clip")).exit_code == 0
    assert run("schema", "check", clip.url("Clip"), "--module").exit_code == 0


def test_a_missing_module_is_a_difference_if_it_is_asked_for(weaviate: Server) -> None:
    make(weaviate, "Unmoduled")

    [difference] = lines(run("schema", "check", weaviate.url("Unmoduled"), "--module", "--json"))

    assert difference["path"] == "vectorConfig.image.vectorizer"
    assert not difference["mutable"]


# ── failures ──────────────────────────────────────────────────────────────────────────────


def test_a_collection_that_is_not_there_is_an_error_with_the_next_step(weaviate: Server) -> None:
    result = run("schema", "check", weaviate.url("Absent"))

    assert result.exit_code == 1
    assert "There is no collection at" in result.stderr
    assert "schema apply" in result.stderr


def test_a_folder_has_no_schema_to_check(tmp_path: Path) -> None:
    result = run("-L", tmp_path / "photos.lib", "schema", "check")

    assert result.exit_code == 1
    assert "photos.lib` is not an address of Weaviate" in result.stderr
    assert "weaviate://HOST/Collection" in result.stderr


def test_a_server_that_is_down_is_named() -> None:
    result = run("schema", "check", "weaviate://127.0.0.1:1/Photos")

    assert result.exit_code == 1
    assert "`weaviate://127.0.0.1:1/Photos` does not answer" in result.stderr


def test_another_endpoint_answers_where_the_first_is_down(weaviate: Server) -> None:
    make(weaviate, "Twice")

    hosts = f"127.0.0.1:1,127.0.0.1:{weaviate.rest}"

    assert run("schema", "check", f"weaviate://{hosts}/Twice").exit_code == 0


def test_the_key_is_sent_and_a_wrong_one_refused(weaviate: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    make(weaviate, "Locked")
    monkeypatch.setenv("WEAVIATE_API_KEY", KEY)
    right = run("schema", "check", weaviate.url("Locked"))
    monkeypatch.setenv("WEAVIATE_API_KEY", "wrong")
    wrong = run("schema", "check", weaviate.url("Locked"))

    assert (right.exit_code, wrong.exit_code) == (0, 1)
    assert "refuses the request (401)" in wrong.stderr
    assert "WEAVIATE_API_KEY" in wrong.stderr
    assert "wrong`" not in wrong.stderr


def test_a_refusal_of_the_server_is_quoted(weaviate: Server) -> None:
    result = run("schema", "apply", weaviate.url("TooMany", replicas=3))

    assert result.exit_code == 1
    assert "refuses the request (422)" in result.stderr
    assert "not find enough weaviate nodes for replication" in result.stderr
