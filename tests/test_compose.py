"""docker-compose.yml is checked, and a real Weaviate runs with the variables that it sets."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import phosphene
from parts import need
from pictures import Colours, jpeg
from serving import TIMEOUT, Service, base64_of, serving
from weaviate_server import HOW, VERSION, Server, binary, cluster

ROOT = Path(__file__).parents[1]
VALUES = {
    "WEAVIATE_ADMIN_KEY": "admin-key-of-the-test",
    "WEAVIATE_READER_KEY": "reader-key-of-the-test",
    "PHOSPHENE_TOKEN": "0123456789abcdef",
}
ADMIN, READER = ({"Authorization": f"Bearer {VALUES[f'WEAVIATE_{who}_KEY']}"} for who in ("ADMIN", "READER"))
# What differs on one machine without containers: places, ports and how much there is of it.
DIFFERENT = {
    "PERSISTENCE_DATA_PATH",
    "BACKUP_FILESYSTEM_PATH",
    "CLIP_INFERENCE_API",
    "CLUSTER_HOSTNAME",
    "CLUSTER_GOSSIP_BIND_PORT",
    "CLUSTER_DATA_BIND_PORT",
    "CLUSTER_JOIN",
    "RAFT_JOIN",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "DISK_USE_WARNING_PERCENTAGE",
    "DISK_USE_READONLY_PERCENTAGE",
}
NODES = ("weaviate", "node1", "node2", "node3")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return dict(compose["services"])


def filled(text: str) -> str:
    """A value as compose reads it, with the keys of this test."""
    return re.sub(r"\$\{(\w+)(?::[?-][^}]*)?\}", lambda found: VALUES[found[1]], text)


def variables(service: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a service, except those that must differ in a test."""
    return {name: filled(value) for name, value in service["environment"].items() if name not in DIFFERENT}


# ── the file ──────────────────────────────────────────────────────────────────────────────


def test_compose_itself_reads_the_file() -> None:
    command = next(
        (
            words
            for words in (["docker", "compose"], ["docker-compose"])
            if shutil.which(words[0])
            and not subprocess.run([*words, "version"], capture_output=True).returncode
        ),
        None,
    )
    need("compose", command is not None, "install docker's compose plugin; no engine is needed")
    assert command
    for profile in ("single", "cluster"):
        told = subprocess.run(
            [*command, "--profile", profile, "config", "--quiet"],
            cwd=ROOT,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **VALUES},
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr


def test_a_profile_is_one_node_or_three_and_the_model(services: dict[str, Any]) -> None:
    def of(profile: str) -> set[str]:
        return {name for name, service in services.items() if profile in service["profiles"]}

    assert of("single") == {"clip", "weaviate"}
    assert of("cluster") == {"clip", "node1", "node2", "node3"}
    assert all(set(service["profiles"]) <= {"single", "cluster"} for service in services.values())


def test_images_are_pinned_to_the_versions_of_the_tests(services: dict[str, Any]) -> None:
    assert {services[node]["image"] for node in NODES} == {f"semitechnologies/weaviate:{VERSION}"}
    assert services["clip"]["image"] == f"phosphene:{phosphene.__version__}"
    base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base and re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base[1])


def test_the_model_is_healthy_before_weaviate_starts(services: dict[str, Any]) -> None:
    for node in NODES:
        assert services[node]["depends_on"] == {"clip": {"condition": "service_healthy"}}
        assert services[node]["environment"]["CLIP_WAIT_FOR_STARTUP"] == "true"
    assert "depends_on" not in services["clip"]
    for service in services.values():
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


def test_only_loopback_and_only_the_two_interfaces_are_published(services: dict[str, Any]) -> None:
    assert "ports" not in services["clip"]
    for node in NODES:
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+:(8080|50051)", port) for port in services[node]["ports"])
        assert services[node]["environment"]["GO_PROFILING_DISABLE"] == "true"
    together = [port for node in NODES[1:] for port in services[node]["ports"]]
    assert len({port.rsplit(":", 1)[0] for port in together}) == 6


def test_every_service_has_limits_a_log_that_ends_and_time_to_stop(services: dict[str, Any]) -> None:
    for service in services.values():
        assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
        assert {"max-size", "max-file"} <= set(service["logging"]["options"])
        assert service["stop_grace_period"]
        assert service["cap_drop"] == ["ALL"]


def test_data_lies_in_volumes_that_no_other_node_has(compose: dict[str, Any]) -> None:
    mounted = [
        volume.split(":")[0] for service in compose["services"].values() for volume in service["volumes"]
    ]
    assert sorted(mounted) == sorted(compose["volumes"])
    for node in NODES:
        service = compose["services"][node]
        places = {volume.split(":")[1] for volume in service["volumes"]}
        assert service["environment"]["PERSISTENCE_DATA_PATH"] in places
    assert compose["services"]["weaviate"]["environment"]["BACKUP_FILESYSTEM_PATH"] == "/var/lib/backups"


def test_backups_to_a_folder_are_for_one_node_alone(services: dict[str, Any]) -> None:
    for node in NODES:
        modules = services[node]["environment"]["ENABLE_MODULES"].split(",")
        assert ("backup-filesystem" in modules) == (node == "weaviate")
        assert "multi2vec-clip" in modules


def test_the_example_names_every_variable_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == asked | {"COMPOSE_PROFILES"}
    assert "/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_image_holds_the_files_of_the_package_and_runs_as_nobody() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert lines.index("USER phosphene") < lines.index('ENTRYPOINT ["phosphene"]')


# ── its variables, on a real server ───────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def clip() -> Iterator[Service]:
    """Our service with an embedder that needs no model."""
    need("weaviate", binary() is not None, HOW)
    with serving(Colours(), token=VALUES["PHOSPHENE_TOKEN"]) as running:
        running.client.base_url = f"{running.url}/k/{VALUES['PHOSPHENE_TOKEN']}"
        yield running


def told(services: Mapping[str, Any], name: str, clip: Service, folder: Path) -> dict[str, str | None]:
    """The variables of the service in compose, with the changes that a test needs."""
    path = httpx.URL(filled(services[name]["environment"]["CLIP_INFERENCE_API"])).path
    return {
        **variables(services[name]),
        "CLIP_INFERENCE_API": f"{clip.url}{path}",
        "BACKUP_FILESYSTEM_PATH": str(folder / "backups"),
        "DISK_USE_WARNING_PERCENTAGE": "98",
    }


@pytest.fixture(scope="module")
def single(
    services: dict[str, Any], clip: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Weaviate as the profile `single` starts it."""
    folder = tmp_path_factory.mktemp("single")
    server = Server(folder, environment=told(services, "weaviate", clip, folder))
    server.start()
    yield server
    server.stop()


def test_every_variable_of_compose_is_set_on_the_server_that_was_started(
    services: dict[str, Any], single: Server
) -> None:
    running = single.variables()
    wanted = services["weaviate"]["environment"]
    assert set(wanted) <= set(running)
    assert {name: running[name] for name in wanted if name not in DIFFERENT} == variables(
        services["weaviate"]
    )


def test_without_a_key_nothing_is_told(single: Server) -> None:
    assert httpx.get(f"{single.base}/v1/schema", timeout=TIMEOUT).status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert httpx.get(f"{single.base}/v1/schema", headers=wrong, timeout=TIMEOUT).status_code == 401


def test_the_reader_reads_and_the_admin_writes(single: Server, clip: Service) -> None:
    made = {
        "class": "Kept",
        "properties": [{"name": "picture", "dataType": ["blob"]}],
        "vectorConfig": {
            "image": {
                "vectorizer": {"multi2vec-clip": {"imageFields": ["picture"]}},
                "vectorIndexType": "hnsw",
            }
        },
    }
    with httpx.Client(base_url=single.base, timeout=TIMEOUT) as client:
        assert client.post("/v1/schema", json=made, headers=READER).status_code == 403
        created = client.post("/v1/schema", json=made, headers=ADMIN)
        assert created.status_code == 200, created.text
        stored = client.post(
            "/v1/objects",
            json={"class": "Kept", "properties": {"picture": base64_of(jpeg(1))}},
            headers=ADMIN,
        )
        assert len(stored.json()["vectors"]["image"]) == Colours.space.dimension
        read = client.get("/v1/objects", params={"class": "Kept"}, headers=READER)
        assert read.status_code == 200, read.text
        assert len(read.json()["objects"]) == 1
        unknown = {"class": "Nowhere", "properties": {"a": "b"}}
        refused = client.post("/v1/objects", json=unknown, headers=ADMIN)
        assert refused.status_code == 422  # no collection comes from a typing error
        backup = client.post("/v1/backups/filesystem", json={"id": "first"}, headers=ADMIN)
        assert backup.status_code == 200, backup.text
    assert clip.metric("phosphene_requests_total", path="/vectorize", status="200") == 1


def test_the_listener_for_debuggers_is_closed(single: Server) -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", 6060)) != 0


def test_three_nodes_under_the_variables_of_the_cluster(
    services: dict[str, Any], clip: Service, tmp_path: Path
) -> None:
    shared = told(services, "node1", clip, tmp_path)
    nodes = cluster(tmp_path, environment=shared)
    for node, name in zip(nodes, NODES[1:], strict=True):
        wanted = services[name]["environment"]
        assert set(wanted) <= set(node.variables())
        assert {key: node.variables()[key] for key in wanted if key not in DIFFERENT} == variables(
            services[name]
        )
    try:
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait()
        answer = httpx.get(f"{nodes[1].base}/v1/nodes", headers=ADMIN, timeout=TIMEOUT)
        assert answer.status_code == 200, answer.text
        assert [node["status"] for node in answer.json()["nodes"]] == ["HEALTHY"] * 3
        assert {node["version"] for node in answer.json()["nodes"]} == {VERSION}
    finally:
        for node in nodes:
            node.stop()
