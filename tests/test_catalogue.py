"""The catalogue finds checkpoints by their names: registered ones, and those in the hub's cache."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from phosphene import catalogue
from phosphene.catalogue import registrations
from phosphene.catalogue.registrations import Registered
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import FAMILIES

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
    entry = Registered("dreamy", "sd15", tmp_path / "dreamy.safetensors", "0" * 64)
    registrations.register(entry)
    assert registrations.registered() == {"dreamy": entry}
    assert catalogue.find("dreamy") == tmp_path / "dreamy.safetensors"
    registrations.forget("dreamy")
    assert catalogue.find("dreamy") is None


def test_a_damaged_list_of_checkpoints_is_named(own_home: Path) -> None:
    own_home.mkdir()
    for content in ("{", "[]", '{"dreamy": {"family": "sd15"}}', '{"dreamy": 3}'):
        (own_home / "generators.json").write_text(content)
        with pytest.raises(ModelError, match=r"generators\.json.*is damaged"):
            catalogue.find("dreamy")


def test_a_family_is_found_in_the_cache_of_the_hub(checkpoint: Checkpoint, own_home: Path) -> None:
    assert catalogue.find("sd15") is None
    snapshot = cache(own_home, FAMILIES["sd15"].repository, checkpoint("sd15"))
    assert catalogue.find("sd15") == snapshot
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").unlink()
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
