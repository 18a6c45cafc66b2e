"""What may stand after `--generator`: families, registered names, paths, and places on the hub."""

import shutil
from pathlib import Path

import pytest

from checkpoint_files import OTHER, BuildCheckpoint, tiny_library
from command import lines
from phosphene.catalogue.registrations import Registered, register
from phosphene.errors import GenerationError, ModelError, PluginError
from phosphene.generators import open_generator
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.locating import Located, locate
from phosphene.landscape import DIFFUSION_FOLDER

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, in which no other test has downloaded or registered anything."""
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def downloaded(folder: Path, home: Path, repository: str, revision: str = "main") -> Path:
    """Put a folder where the hub's clients keep the files of a repository."""
    cache, commit = home / "models" / f"models--{repository.replace('/', '--')}", f"{len(revision):040}"
    (cache / "refs").mkdir(parents=True, exist_ok=True)
    (cache / "refs" / revision).write_text(commit)
    return Path(shutil.copytree(folder, cache / "snapshots" / commit))


def test_a_family_is_found_where_the_hubs_client_put_it(checkpoint: BuildCheckpoint, home: Path) -> None:
    with pytest.raises(ModelError, match="`sd15` is not on this machine") as refused:
        locate("sd15")
    assert "phosphene models fetch sd15" in refused.value.hint

    folder = downloaded(checkpoint("sd15"), home, FAMILIES["sd15"].repository)
    assert locate("sd15") == Located(folder, FAMILIES["sd15"])


def test_a_repository_of_the_hub_is_named_with_or_without_a_revision(
    checkpoint: BuildCheckpoint, home: Path
) -> None:
    main = downloaded(checkpoint("sd15"), home, "someone/dreams")
    older = downloaded(checkpoint("sd15"), home, "someone/dreams", "v1")

    assert locate("hf:someone/dreams") == Located(main)
    assert locate("hf:someone/dreams@v1") == Located(older)
    with pytest.raises(ModelError, match="`hf:someone/other` is not on this machine") as refused:
        locate("hf:someone/other")
    assert "phosphene models fetch hf:someone/other" in refused.value.hint
    with pytest.raises(ModelError, match=r"`hf:\.\./x/y` is not a repository"):
        locate("hf:../x/y")


def test_a_registered_name_knows_its_family(checkpoint: BuildCheckpoint) -> None:
    register(Registered("dreams", "sd15", checkpoint("sd15"), "0" * 64))

    assert locate("dreams") == Located(checkpoint("sd15"), FAMILIES["sd15"])


def test_a_path_is_a_checkpoint_and_anything_else_is_a_plugin(checkpoint: BuildCheckpoint) -> None:
    assert locate(str(checkpoint("sdxl"))) == Located(checkpoint("sdxl"))
    for missing in ("./nowhere", "nowhere.safetensors"):
        with pytest.raises(ModelError, match=f"There is no checkpoint `{missing}`"):
            locate(missing)
    assert locate("nowhere") is None
    with pytest.raises(PluginError, match="There is no generator `nowhere`"):
        open_generator("nowhere", Path(), OTHER)


def test_a_folder_of_our_own_training_is_opened_as_one() -> None:
    with pytest.raises(GenerationError, match=r"no generator for the space of-the-library"):
        open_generator(str(DIFFUSION_FOLDER), Path(), OTHER, device="cpu")


def test_the_command_makes_pictures_with_a_folder_and_keeps_them(
    checkpoint: BuildCheckpoint, tmp_path: Path
) -> None:
    library = tiny_library(tmp_path, checkpoint("open_clip_folder"))
    folder = checkpoint("sd15")
    words = ("-L", library, "generate", "a dog", "-n", 1, "--steps", 2, "--seed", 1, "--generator", folder)
    [made] = lines(*words)

    assert Path(made["uri"]).is_file() or (library / made["uri"]).is_file()
    assert lines(*words) == [made]
