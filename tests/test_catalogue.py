"""The catalogue lists models, fetches them, finds them by their names, and deletes what it has fetched."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import phosphene
from command import lines, run
from hub_server import HubServer
from phosphene import catalogue, machine
from phosphene.catalogue import registrations
from phosphene.catalogue.choice import chosen
from phosphene.catalogue.fetching import order
from phosphene.catalogue.listing import ListedModel
from phosphene.catalogue.offers import Part
from phosphene.catalogue.registrations import Registered
from phosphene.errors import ModelError
from phosphene.generators import open_generator
from phosphene.generators.diffusers.families import FAMILIES, VIT_H
from phosphene.generators.diffusers.loading import load
from phosphene.hub import RemoteFile, Repository
from phosphene.manifest import Manifest
from phosphene.records import Space
from tiny_single_files import single_file

COMMIT = "5" * 40
Checkpoint = Callable[[str], Path]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of each test's own."""
    home = tmp_path / "home"
    monkeypatch.setenv("PHOSPHENE_HOME", str(home))
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return home


def cache(home: Path, repository: str, source: Path, inside: str = "") -> Path:
    """Put a folder into the hub's cache, as a download of the repository does. Returns the snapshot."""
    folder = home / "models" / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    shutil.copytree(source, snapshot / inside, dirs_exist_ok=True)
    return snapshot


def test_a_registered_checkpoint_is_found_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "dreamy.safetensors"
    file.touch()
    entry = Registered("dreamy", "sd15", file, "0" * 64)
    registrations.register(entry)
    assert registrations.registered() == {"dreamy": entry}
    assert catalogue.find("dreamy") == file
    file.unlink()
    with pytest.raises(ModelError, match="which is gone"):
        catalogue.find("dreamy")
    registrations.register(replace(entry, name="later", family="not known yet"))
    assert {row["name"]: row["here"] for row in lines("models")}["later"] is False
    registrations.unregister("dreamy")
    assert catalogue.find("dreamy") is None


def test_a_damaged_list_of_checkpoints_is_named(own_home: Path) -> None:
    own_home.mkdir()
    for content in ("{", "[]", "{}", '{"added": {"a": 3}, "fetched": {}, "brought": []}'):
        (own_home / "generators.json").write_text(content)
        with pytest.raises(ModelError, match=r"generators\.json.*is damaged"):
            catalogue.find("dreamy")


def test_a_family_is_found_in_the_cache_of_the_hub(checkpoint: Checkpoint, own_home: Path) -> None:
    assert catalogue.find("sd15") is None
    snapshot = cache(own_home, FAMILIES["sd15"].repository, checkpoint("sd15"))
    assert catalogue.find("sd15") == snapshot
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert catalogue.find("sd15") is None


def test_a_family_that_is_not_here_says_how_to_fetch_it(tmp_path: Path) -> None:
    for name, facts in (
        ("sd15", "sd15` (5.0 GB, licence: CreativeML OpenRAIL-M)"),
        ("flux1", "flux1` (36.4 GB, licence: FLUX.1 [dev] Non-Commercial License, no commercial use)"),
        ("hf:somebody/dreamy", "hf:somebody/dreamy`"),
    ):
        with pytest.raises(ModelError, match="is not on this machine") as caught:
            open_generator(name, tmp_path, Space("other", "other", 8))
        assert caught.value.hint.startswith(f"run `phosphene models fetch {facts}")


def test_a_damaged_index_in_the_cache_is_taken_for_a_missing_one(
    checkpoint: Checkpoint, own_home: Path
) -> None:
    snapshot = cache(own_home, FAMILIES["sd15"].repository, checkpoint("sd15"))
    unet = snapshot / "unet" / "diffusion_pytorch_model"
    shards = unet.with_suffix(".safetensors.index.fp16.json")
    for content in ("{", "{}", '{"weight_map": {"conv_in.weight": "elsewhere.safetensors"}}'):
        shards.write_text(content)
        assert catalogue.find("sd15") is None
    shards.write_text('{"weight_map": {"conv_in.weight": "diffusion_pytorch_model.safetensors"}}')
    assert catalogue.find("sd15") == snapshot
    for content in ("{", "[]", "{}", '{"vae": 3}'):
        (snapshot / "model_index.json").write_text(content)
        assert catalogue.find("sd15") is None


def test_the_parts_beside_a_checkpoint_are_found(checkpoint: Checkpoint, own_home: Path) -> None:
    family = FAMILIES["sd15"]
    assert catalogue.beside(family) == catalogue.Beside()
    snapshot = cache(own_home, "h94/IP-Adapter", checkpoint("ip_adapter_sd15").parent.parent)
    assert catalogue.beside(family) == catalogue.Beside(
        ip_adapter=snapshot / "models" / "ip-adapter_sd15.safetensors",
        image_encoder=snapshot / "models" / "image_encoder",
    )


def test_the_image_encoder_of_kandinsky_is_found_in_its_prior(checkpoint: Checkpoint, own_home: Path) -> None:
    source = checkpoint("kandinsky22") / "image_encoder"
    snapshot = cache(own_home, "kandinsky-community/kandinsky-2-2-prior", source, "image_encoder")
    assert catalogue.beside(FAMILIES["kandinsky22"]).image_encoder == snapshot / "image_encoder"


# ── downloads ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sd15(hub: HubServer, checkpoint: Checkpoint) -> HubServer:
    """A hub with a tiny Stable Diffusion 1.5, its IP-Adapter with an image encoder, and much else."""
    hub.repositories[FAMILIES["sd15"].repository] = checkpoint("sd15")
    hub.repositories["h94/IP-Adapter"] = checkpoint("ip_adapter_sd15").parent.parent
    return hub


def names(name: str) -> list[str]:
    """The files of an offer, as they would be fetched."""
    found = catalogue.offer(name)
    assert found
    return [f"{repository.name}/{file.path}" for repository, file in order(found).files]


def test_a_generator_comes_with_its_adapter_and_the_image_encoder(sd15: HubServer) -> None:
    assert set(names("sd15")) - set(names("ip-adapter-sd15")) == {
        f"{FAMILIES['sd15'].repository}/{path}"
        for path in (
            "model_index.json",
            "scheduler/scheduler_config.json",
            "text_encoder/config.json",
            "text_encoder/model.safetensors",
            "tokenizer/merges.txt",
            "tokenizer/tokenizer.json",
            "tokenizer/tokenizer_config.json",
            "tokenizer/vocab.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/config.json",
            "vae/diffusion_pytorch_model.safetensors",
        )
    }
    assert set(names("ip-adapter-sd15")) == {
        f"h94/IP-Adapter/models/{path}"
        for path in (
            "ip-adapter_sd15.safetensors",
            "image_encoder/config.json",
            "image_encoder/model.safetensors",
        )
    }


def test_fetching_brings_a_checkpoint_that_is_found_and_is_whole(sd15: HubServer) -> None:
    fetched = lines("models", "fetch", "sd15")[0]
    assert fetched["path"] == str(catalogue.find("sd15"))
    beside = catalogue.beside(FAMILIES["sd15"])
    assert beside.ip_adapter and beside.image_encoder
    loaded = load(Path(fetched["path"]), space=Space("other", "other", 8))
    assert loaded.family.name == "sd15"
    listed = {row["name"]: row for row in lines("models")}
    assert [listed[name]["here"] for name in ("sd15", "ip-adapter-sd15", "taesd")] == [True, True, False]
    asked = len(sd15.downloaded())
    assert lines("models", "fetch", "sd15") == [fetched]
    assert len(sd15.downloaded()) == asked


def test_what_is_here_is_fetched_without_the_hub(sd15: HubServer) -> None:
    fetched = lines("models", "fetch", "sd15")
    assert lines("--offline", "models", "fetch", "sd15") == fetched
    assert "The network is not used" in run("--offline", "models", "fetch", "taesd").stderr


def test_an_interrupted_fetch_goes_on(sd15: HubServer) -> None:
    sd15.cut_after = 0
    result = run("models", "fetch", "sd15")
    assert result.exit_code == 1
    assert "could not be fetched" in result.stderr
    assert "hint: run `phosphene models fetch sd15` with a network connection" in result.stderr
    assert catalogue.find("sd15") is None
    sd15.cut_after = 1 << 16
    assert run("models", "fetch", "sd15").exit_code == 0
    assert any(asked for _, asked in sd15.asked)
    assert catalogue.find("sd15")


def test_a_damaged_download_is_refused(sd15: HubServer) -> None:
    sd15.damaged = {"unet/diffusion_pytorch_model.safetensors"}
    assert "was damaged on its way" in run("models", "fetch", "sd15").stderr
    assert catalogue.find("sd15") is None


def test_a_fetch_says_what_comes_under_which_licence(sd15: HubServer) -> None:
    said = run("models", "fetch", "ip-adapter-sd15").stderr
    assert said.startswith("IP-Adapter of Stable Diffusion 1.5, licence: Apache-2.0. ")
    assert said.endswith("B to download\n")


def test_a_licence_without_commercial_use_is_asked_about(hub: HubServer, checkpoint: Checkpoint) -> None:
    adapter = checkpoint("ip_adapter_flux1")
    hub.repositories["XLabs-AI/flux-ip-adapter"] = adapter.parent
    hub.repositories["openai/clip-vit-large-patch14"] = adapter.parent / "image_encoder"
    result = run("models", "fetch", "ip-adapter-flux1")
    assert result.exit_code == 2
    assert "does not allow commercial use" in result.stderr
    assert "--yes" in result.stderr
    assert not hub.downloaded()
    assert run("models", "fetch", "ip-adapter-flux1", "--yes").exit_code == 0
    assert catalogue.beside(FAMILIES["flux1"]).ip_adapter


def test_a_repository_that_is_not_listed_is_fetched_under_its_own_licence(
    hub: HubServer, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    hub.repositories["somebody/dreamy"] = checkpoint("sd15")
    hub.licences["somebody/dreamy"] = "openrail"
    result = run("models", "fetch", "hf:somebody/dreamy@v1")
    assert result.stderr.startswith("somebody/dreamy, licence: openrail. ")
    assert "snapshots" in result.stdout
    assert "no `model_index.json`" in refused(hub, checkpoint("open_clip_folder"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "model_index.json").write_text('{"_class_name": "WanPipeline", "vae": ["diffusers", "Vae"]}')
    assert "has a pipeline `WanPipeline`, and phosphene has no such family" in refused(hub, other)


def refused(hub: HubServer, folder: Path) -> str:
    """Why a repository with the files of a folder cannot be fetched."""
    hub.repositories["somebody/other"] = folder
    return run("models", "fetch", "hf:somebody/other").stderr


def test_weights_in_half_precision_are_preferred_and_pickles_never_taken() -> None:
    def taken(*paths: str) -> list[str]:
        remote = {f"unet/{path}": RemoteFile(f"unet/{path}", 1, "0" * 40) for path in paths}
        repository = Repository("a/b", "main", "0" * 40, remote)
        return [file.path.removeprefix("unet/") for file in chosen(repository, Part("a/b", "model", "unet"))]

    plain, half = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"
    others = ("diffusion_pytorch_model.bin", "diffusion_pytorch_model.non_ema.safetensors", "model.onnx")
    assert taken("config.json", plain, half, *others) == ["config.json", half]
    assert taken("config.json", plain, *others) == ["config.json", plain]
    shards = ["model.safetensors.index.json", "model-00001-of-00002.safetensors"]
    halves = ["model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"]
    assert taken("config.json", *shards) == ["config.json", *shards]
    assert taken("config.json", *shards, *halves) == ["config.json", *halves]
    assert taken("vocab.json", "merges.txt", "spiece.model", "README.md", "code.py") == [
        *("vocab.json", "merges.txt", "spiece.model")
    ]
    for missing in (["config.json", *others], []):
        with pytest.raises(ModelError, match=r"`a/b` has no weights as safetensors in `unet`"):
            taken(*missing)


# ── deletions ─────────────────────────────────────────────────────────────────────────────


def test_removing_deletes_what_was_fetched_and_nothing_else(
    sd15: HubServer, checkpoint: Checkpoint, own_home: Path
) -> None:
    encoder = checkpoint("ip_adapter_sd15").parent / "image_encoder"
    cache(own_home, "h94/IP-Adapter", encoder, "models/image_encoder")  # another program has brought it
    run("models", "fetch", "sd15")
    run("models", "fetch", "ip-adapter-sd15")
    result = run("models", "remove", "sd15")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    freed = lines("models", "remove", "sd15", "--yes")[0]["freed"]
    assert freed > 1_000_000
    assert catalogue.find("sd15") is None
    assert catalogue.beside(FAMILIES["sd15"]).ip_adapter  # the other name needs it
    run("models", "remove", "ip-adapter-sd15", "--yes")
    assert catalogue.beside(FAMILIES["sd15"]).ip_adapter is None
    assert catalogue.beside(FAMILIES["sd15"]).image_encoder


def test_what_was_not_fetched_is_not_deleted(checkpoint: Checkpoint, own_home: Path) -> None:
    cache(own_home, FAMILIES["sd15"].repository, checkpoint("sd15"))
    result = run("models", "remove", "sd15", "--yes")
    assert result.exit_code == 1
    assert "`sd15` was not fetched by `phosphene models fetch`" in result.stderr
    assert catalogue.find("sd15")


# ── files elsewhere on this machine ───────────────────────────────────────────────────────


@pytest.fixture
def dreamy(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A checkpoint in a folder of the user's own."""
    return Path(shutil.copytree(checkpoint("sd15"), tmp_path / "dreamy"))


def test_a_checkpoint_is_added_by_reference(dreamy: Path, checkpoint: Checkpoint) -> None:
    added = lines("models", "add", dreamy)[0]
    assert (added["name"], added["family"], added["path"]) == ("dreamy", "sd15", str(dreamy))
    assert catalogue.find("dreamy") == dreamy
    sha256 = registrations.registered()["dreamy"].sha256
    listed = {row["name"]: row for row in lines("models")}["dreamy"]
    assert (listed["here"], listed["family"], listed["fetch"]) == (True, "sd15", None)
    assert run("models", "remove", "dreamy").exit_code == 0
    assert catalogue.find("dreamy") is None
    assert (dreamy / "model_index.json").exists()
    run("models", "add", checkpoint("sd15"), "--name", "twin")
    assert registrations.registered()["twin"].sha256 == sha256


def test_a_single_file_is_added_and_checked(checkpoint: Checkpoint, tmp_path: Path) -> None:
    file = single_file(checkpoint("sd15"), tmp_path / "dreams.safetensors")
    assert lines("models", "add", file)[0]["name"] == "dreams"
    assert lines("models", "check", "dreams")[0]["width"] == 64


def test_what_is_not_a_whole_checkpoint_is_not_added(dreamy: Path, tmp_path: Path) -> None:
    def refusal(path: Path, *words: str) -> str:
        result = run("models", "add", path, *words)
        assert result.exit_code == 1
        return result.stderr

    assert "There is no file or folder" in refusal(tmp_path / "elsewhere")
    assert "`sd15` stands for another model already" in refusal(dreamy, "--name", "sd15")
    assert "`retrieval` stands for another model already" in refusal(dreamy, "--name", "retrieval")
    assert "`a/b` cannot be the name" in refusal(dreamy, "--name", "a/b")
    (dreamy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert "`diffusion_pytorch_model.safetensors` is missing" in refusal(dreamy)
    assert catalogue.find("dreamy") is None


# ── whether it works ──────────────────────────────────────────────────────────────────────


def test_a_check_makes_a_picture_and_says_what_it_costs(sd15: HubServer) -> None:
    run("models", "fetch", "sd15")
    found = lines("models", "check", "sd15")[0]
    assert (found["width"], found["height"]) == (64, 64)
    assert found["hashes"] == len(registrations.fetched()["sd15"])
    assert found["memory"] > 1_000_000
    assert min(found["seconds_loading"], found["seconds_a_step"], found["seconds_decoding"]) >= 0
    shown = run("models", "check", "sd15").stdout
    assert "width\t64\nheight\t64\n" in shown
    assert "GB" in shown


def test_a_check_finds_what_was_damaged_since_the_fetch(sd15: HubServer) -> None:
    run("models", "fetch", "sd15")
    folder = catalogue.find("sd15")
    assert folder
    file = (folder / "unet" / "diffusion_pytorch_model.safetensors").resolve()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert f"`{file}` is damaged" in run("models", "check", "sd15").stderr
    file.unlink()
    assert run("models", "fetch", "sd15").exit_code == 0
    assert run("models", "check", "sd15").exit_code == 0


def test_a_check_finds_what_has_changed_since_it_was_added(dreamy: Path) -> None:
    run("models", "add", dreamy)
    assert lines("models", "check", "dreamy")[0]["hashes"] == 1
    config = dreamy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("0.00085", "0.00086"))
    result = run("models", "check", "dreamy")
    assert f"`{dreamy}` has changed since it was added as `dreamy`" in result.stderr


@pytest.mark.parametrize("family", ["kandinsky22", "unclip"])
def test_a_check_of_a_family_that_reads_vectors_gives_it_one(checkpoint: Checkpoint, family: str) -> None:
    run("models", "add", checkpoint(family), "--name", "mine")
    assert lines("models", "check", "mine")[0]["width"] == 64


def test_an_embedding_model_is_checked_by_a_text_and_a_picture() -> None:
    found = lines("models", "check", "landscape")[0]
    assert (found["dimension"], found["space"].partition(":")[0]) == (256, "clip-256")
    assert min(found["seconds_loading"], found["seconds_a_text"], found["seconds_a_picture"]) >= 0
    missing = run("models", "check", "ViT-B-32-SigLIP2-256/webli").stderr
    assert "hint: run `phosphene models fetch ViT-B-32-SigLIP2-256/webli`" in missing
    assert "There is no generator `nonsense`" in run("models", "check", "nonsense").stderr


def test_the_built_in_generator_can_be_checked_on_its_own_library_only() -> None:
    assert "There is no generator for the space" in run("models", "check", "retrieval").stderr


# ── what fits a library, and the machine ──────────────────────────────────────────────────


def lanes(library: Path) -> dict[str, str | None]:
    """The lane of each model for a library."""
    return {row["name"]: row["lane"] for row in lines("-L", library, "models")}


def test_the_lane_for_a_library_follows_from_its_model(
    tmp_path: Path, checkpoint: Checkpoint, own_home: Path
) -> None:
    found = lanes(library(tmp_path / "h", VIT_H))
    assert [found[name] for name in ("sd15", "sdxl", "unclip")] == ["vectors"] * 3
    assert [found[name] for name in ("kandinsky22", "unclip-small", "flux1")] == ["embedded"] * 3
    assert [found[name] for name in ("landscape", "retrieval", "ip-adapter-sd15", "taesd")] == [None] * 4
    run("models", "add", checkpoint("sd15"), "--name", "mine")  # the IP-Adapter is not here
    assert lanes(tmp_path / "h")["mine"] == "start"
    cache(own_home, "h94/IP-Adapter", checkpoint("ip_adapter_sd15").parent.parent)
    assert lanes(tmp_path / "h")["mine"] == "vectors"
    with phosphene.open(tmp_path / "drawn", model="landscape", create=True):
        assert lanes(tmp_path / "drawn")["retrieval"] == "vectors"


def library(folder: Path, model: str) -> Path:
    """A library whose manifest names a model that is not here."""
    Manifest(Space(f"{model}:0", model, 1024)).write(folder)
    return folder


def test_a_library_that_was_named_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("-L", tmp_path / "gone", "models")
    assert "There is no library in" in result.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    for name in ("gone", "full"):
        monkeypatch.setenv("PHOSPHENE_LIBRARY", str(tmp_path / name))
        assert {row["lane"] for row in lines("models")} == {None}


def test_the_list_imports_no_model_code(tmp_path: Path) -> None:
    code = (
        "import sys, phosphene.cli as cli\n"
        "try: cli.phosphene(['models', 'list', '-L', sys.argv[1]])\n"
        "except SystemExit: pass\n"
        "print(*{'torch', 'diffusers', 'transformers', 'open_clip'} & set(sys.modules), file=sys.stderr)"
    )
    words = [sys.executable, "-c", code, str(library(tmp_path / "h", VIT_H))]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "kandinsky22" in ended.stdout
    assert ended.stderr.splitlines()[-1] == ""


def test_the_memory_of_a_container_and_of_a_gpu_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.main_memory(tmp_path) == machine.main_memory(tmp_path / "no container")
    limited = tmp_path / "limited"
    limited.mkdir()
    (limited / "memory.max").write_text("1048576\n")
    assert machine.main_memory(limited) == 1048576
    program = tmp_path / "nvidia-smi"
    for told, found in (("echo 24564; echo 81920", 81920 << 20), ("exit 9", None), ("echo broken", None)):
        program.write_text(f"#!/bin/sh\n{told}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        machine.gpu_memory.cache_clear()
        assert machine.gpu_memory() == found
    machine.gpu_memory.cache_clear()


def test_a_model_fits_if_its_weights_and_a_picture_do() -> None:
    fitting = {row["name"]: row["fits"] for row in lines("models")}
    assert fitting["landscape"] is True
    assert fitting["taesd"] is None
    assert ListedModel(name="huge", kind="generator", size_in_memory=1 << 60).fits is False
