"""Downloads from a hub go on after an interruption, are compared with the hub's hashes, and are shared."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import hf_hub_download, scan_cache_dir

from hub_server import COMMIT, HubServer
from phosphene import hub as client
from phosphene.errors import ModelError
from phosphene.hub import HubError, cache, download
from phosphene.hub.download import check_space

WEIGHTS = bytes(range(256)) * 1000


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of each test's own, which has the cache."""
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def tiny(hub: HubServer, tmp_path: Path) -> HubServer:
    """A hub with the repository `tiny/net`: a small file, and one with weights."""
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "net.safetensors").write_bytes(WEIGHTS)
    hub.repositories["tiny/net"] = folder
    return hub


def fetched(path: str = "net.safetensors") -> Path:
    """A file of the repository after its download."""
    repository = client.look_up("tiny/net")
    return download(repository, repository.files[path])


def parts(home: Path) -> list[Path]:
    """What interrupted downloads have left."""
    return sorted(home.rglob("*.incomplete"))


def test_downloads_have_the_layout_of_huggingface_hub(tiny: HubServer, own_home: Path) -> None:
    assert fetched().read_bytes() == WEIGHTS
    fetched("config.json")
    found = hf_hub_download(
        "tiny/net", "net.safetensors", cache_dir=own_home / "models", local_files_only=True
    )
    assert Path(found) == client.cached("tiny/net", "net.safetensors")
    report = scan_cache_dir(own_home / "models")
    assert not report.warnings
    assert [revision.commit_hash for repo in report.repos for revision in repo.revisions] == [COMMIT]


def test_a_download_goes_on_where_it_was_interrupted(tiny: HubServer, own_home: Path) -> None:
    repository = client.look_up("tiny/net")

    def interrupt(count: int) -> None:
        if count:
            raise KeyboardInterrupt

    tiny.cut_after = 100_000
    with pytest.raises(KeyboardInterrupt):
        download(repository, repository.files["net.safetensors"], interrupt)
    (part,) = parts(own_home)
    come = part.stat().st_size
    assert come < len(WEIGHTS)
    tiny.cut_after, counts = None, list[int]()
    download(repository, repository.files["net.safetensors"], counts.append)
    assert counts[0] == come
    assert sum(counts) == len(WEIGHTS)
    assert not parts(own_home)


def test_a_broken_connection_is_made_again_for_as_long_as_bytes_come(tiny: HubServer) -> None:
    tiny.cut_after = 100_000
    assert fetched().read_bytes() == WEIGHTS
    assert [asked for _, asked in tiny.asked if asked] == ["bytes=100000-", "bytes=200000-"]
    tiny.cut_after = 0
    with pytest.raises(HubError, match="cannot be reached"):
        fetched("config.json")


def test_a_hub_that_knows_no_ranges_sends_the_whole_file_again(tiny: HubServer, own_home: Path) -> None:
    part = cache.blob("tiny/net", client.look_up("tiny/net").files["net.safetensors"].hash)
    part.parent.mkdir(parents=True)
    part.with_name(f"{part.name}.incomplete").write_bytes(b"another beginning")
    tiny.ignores_ranges = True
    assert fetched().read_bytes() == WEIGHTS


@pytest.mark.parametrize("path", ["net.safetensors", "config.json"])
def test_a_file_with_another_hash_is_refused_and_deleted(tiny: HubServer, own_home: Path, path: str) -> None:
    tiny.damaged = {path}
    with pytest.raises(ModelError, match=f"`{path}` of `tiny/net` was damaged on its way"):
        fetched(path)
    assert client.cached("tiny/net", path) is None
    assert not parts(own_home)
    tiny.damaged = set()
    assert fetched(path).is_file()


def test_a_longer_file_than_the_hub_states_is_refused(tiny: HubServer) -> None:
    repository = client.look_up("tiny/net")
    (tiny.repositories["tiny/net"] / "net.safetensors").write_bytes(WEIGHTS * 20)
    with pytest.raises(ModelError, match="was damaged on its way"):
        download(repository, repository.files["net.safetensors"])


def test_a_shorter_file_than_the_hub_states_is_an_error(tiny: HubServer) -> None:
    tiny.sizes = {"config.json": 3}
    with pytest.raises(HubError, match=r"ended `config.json` of `tiny/net` after 2 bytes"):
        fetched("config.json")


def test_a_snapshot_that_is_here_is_completed_at_its_own_commit(tiny: HubServer, own_home: Path) -> None:
    fetched("config.json")
    fetched()
    revisions = [path.split("/")[6] for path, _ in tiny.asked if path.startswith("/api")]
    assert revisions == ["main?blobs=true", f"{COMMIT}?blobs=true"]


def test_offline_nothing_is_asked_for(tiny: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="The network is not used"):
        client.look_up("tiny/net")
    assert not tiny.asked


def test_a_gated_repository_says_where_its_terms_are(tiny: HubServer) -> None:
    tiny.gated = {"tiny/net"}
    with pytest.raises(HubError, match="accepted its terms") as caught:
        fetched()
    assert f"{tiny.url}/tiny/net" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "revision"), [("-tiny", "main"), ("../net", ".."), ("a/b/c", "main"), ("tiny/net", "../..")]
)
def test_what_is_no_name_is_not_asked_for(tiny: HubServer, name: str, revision: str) -> None:
    with pytest.raises(HubError, match="is not the name of a re"):
        client.look_up(name, revision)
    assert not tiny.asked


@pytest.mark.parametrize(
    "listing",
    [
        [],
        {"sha": "main", "siblings": []},
        {"sha": COMMIT, "siblings": [{"rfilename": "../../a", "size": 1, "blobId": COMMIT}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "a", "size": 1, "blobId": "../a"}]},
        {"sha": COMMIT, "siblings": [{"rfilename": "a", "size": "x", "blobId": COMMIT}]},
        {"sha": COMMIT, "siblings": [{"rfilename": 3, "size": 1, "blobId": COMMIT}]},
    ],
)
def test_a_listing_that_a_hub_would_not_send_is_refused(tiny: HubServer, listing: Any) -> None:
    tiny.listings["tiny/net"] = listing
    with pytest.raises(ModelError, match="tiny/net"):
        client.look_up("tiny/net")


def test_the_token_is_sent_to_the_hub_and_not_to_where_the_hub_leads(
    tiny: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    tiny.storage = HubServer()
    tiny.storage.repositories = tiny.repositories
    tiny.storage.start()
    tiny.storage.cut_after = 200_000
    assert fetched().read_bytes() == WEIGHTS
    tiny.storage.stop()
    assert set(tiny.tokens) == {"Bearer hf_secret"}
    assert tiny.storage.tokens == ["", ""]
    assert [asked for _, asked in tiny.storage.asked] == ["", "bytes=200000-"]


def test_a_token_that_no_header_can_carry_is_an_error(
    tiny: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_é")
    with pytest.raises(HubError, match="not ASCII"):
        client.look_up("tiny/net")


def test_a_download_that_does_not_fit_is_refused(own_home: Path) -> None:
    check_space(own_home, 1)
    with pytest.raises(ModelError, match=r"1000000000.0 GB are to be downloaded") as caught:
        check_space(own_home, 10**18)
    assert "HF_HOME" in caught.value.hint


def test_removing_deletes_only_what_nothing_else_needs(tiny: HubServer, own_home: Path) -> None:
    weights, config = fetched(), fetched("config.json")
    twin = cache.link("tiny/net", "6" * 40, "net.safetensors", weights.resolve())
    assert cache.remove([weights]) == 0
    assert twin.read_bytes() == WEIGHTS
    assert cache.remove([twin]) == len(WEIGHTS)
    assert cache.remove([config]) == 2
    assert not cache.folder("tiny/net").exists()


def test_without_links_a_snapshot_has_the_files_themselves(tiny: HubServer, own_home: Path) -> None:
    file = fetched()
    file.unlink()
    cache.blob("tiny/net", client.look_up("tiny/net").files["net.safetensors"].hash).rename(file)
    asked = len(tiny.downloaded())
    assert fetched() == file
    assert len(tiny.downloaded()) == asked
    assert cache.remove([file]) == len(WEIGHTS)
