"""The commands of docs/generating.md work, one after the other, on tiny models and a hub of our own."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import phosphene
from checkpoint_files import BuildCheckpoint
from command import lines, run
from hub_server import HubServer
from phosphene.generators.diffusers.families import FAMILIES
from pictures import drawn
from tiny_checkpoints import open_clip_folder, tiny_vae
from tiny_single_files import single_file

PAGE = Path(__file__).parent.parent / "docs" / "generating.md"
PLACEHOLDER = "54437405"  # stands for the id of a picture that was generated
SHORT = {"train": ["--steps", "1"]}  # what the command of the page would do for hours


@pytest.fixture
def page(
    hub: HubServer, checkpoint: BuildCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The commands of the page, in a folder with everything that they name."""
    monkeypatch.chdir(tmp_path)
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    fill_hub(hub, checkpoint, tmp_path / "taesd")
    Path("models").mkdir()
    single_file(checkpoint("sd15"), Path("models/dreams.safetensors"))
    shutil.copytree(checkpoint("sdxl"), "models/my-sdxl")
    drawn(0, (192, 128)).save("harbour.jpg")
    shutil.copytree(checkpoint("ip_adapter_sd15").parent.parent, "IP-Adapter")
    Path("Pictures").mkdir()
    for seed in range(12):
        drawn(seed, (96, 64)).save(f"Pictures/{seed}.png")
    model = f"local-dir:{open_clip_folder(tmp_path / 'clip', quick_gelu=True)}"
    phosphene.open("photos.lib", model=model, create=True).close()  # the page has the default model
    return [line.strip() for line in PAGE.read_text().splitlines() if line.startswith("    phosphene ")]


def fill_hub(hub: HubServer, checkpoint: Callable[[str], Path], taesd: Path) -> None:
    """Put the repositories that the page fetches onto the hub."""
    hub.repositories[FAMILIES["sd15"].repository] = checkpoint("sd15")
    hub.repositories["somebody/dreamy"] = checkpoint("sd15")
    hub.repositories["h94/IP-Adapter"] = checkpoint("ip_adapter_sd15").parent.parent
    tiny_vae().save_pretrained(taesd)
    hub.repositories["madebyollin/taesd"] = taesd


@pytest.mark.timeout(900)
def test_every_command_of_the_page_works(page: list[str]) -> None:
    assert len(page) > 15
    said = {command: try_out(command) for command in page}

    first = next(text for command, text in said.items() if "--generator sd15 -n 2" in command)
    assert "lane embedded" in first
    assert "lane start" in next(text for command, text in said.items() if "--lane start" in command)
    generated = lines("-L", "photos.lib", "status")[0]["generated"]
    assert generated >= 10
    trained = {row["name"]: row for row in lines("models")}["harbour"]
    assert (trained["trigger"], trained["here"]) == ("myharbour", True)
    for name in ("mask.png", "grid.png", "forming.webp", "noise.webp", "harbour.safetensors"):
        assert Path(name).exists(), name


def try_out(command: str) -> str:
    """Run a command of the page, and return what it says."""
    _, *words = shlex.split(command.replace(PLACEHOLDER, made()[:8]))
    group = next((word for word in words if word in SHORT), "")
    result = run(*words, *SHORT.get(group, []))
    assert result.exit_code == 0, f"{command}\n{result.stderr}"
    return result.stdout + result.stderr


def made() -> str:
    """The id of a picture that an earlier command has generated."""
    return next((file.stem for file in Path("photos.lib/pictures").glob("*.png")), "")
