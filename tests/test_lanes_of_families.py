"""A downloaded checkpoint makes pictures from the neighbours of any library, from the command line."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import phosphene
from command import lines, run
from phosphene.embedding.openclip import OpenClip
from phosphene.embedding.weights import resolve
from phosphene.errors import GenerationError
from phosphene.generation.comparison import largest_difference
from phosphene.generators.diffusers.families import VIT_H
from phosphene.recipes import in_picture
from phosphene.records import Space
from pictures import drawn
from tiny_checkpoints import DIMENSION
from tiny_families import read_small_pictures

Build = Callable[[str], Path]
PROMPT = "a dog on a beach at night"
QUICK = ("-n", 1, "--steps", 2, "--seed", 3, "--candidates", 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(8):
        drawn(seed, (300, 200)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def filled(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of photos in the built-in space, which no pretrained checkpoint reads."""
    folder = tmp_path_factory.mktemp("libraries") / "photos.lib"
    with phosphene.open(folder, model="landscape", create=True) as library:
        library.add(photos)
    return folder


@pytest.fixture(scope="module")
def plain(checkpoint: Build) -> Path:
    """Stable Diffusion 1.5, without its IP-Adapter."""
    return checkpoint("sd15")


@pytest.fixture(scope="module")
def adapted(checkpoint: Build, plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its IP-Adapter and the image encoder beside it, as their repository has them."""
    folder = Path(shutil.copytree(plain, tmp_path_factory.mktemp("adapted") / "sd15"))
    shutil.copytree(checkpoint("ip_adapter_sd15").parent, folder / "models")
    return folder


def generated(library: Path, generator: Path, *words: object) -> dict[str, Any]:
    [made] = lines("-L", library, "generate", PROMPT, *QUICK, "--generator", generator, *words)
    return made


def recipe_of(made: dict[str, Any]) -> dict[str, Any]:
    recipe = in_picture(Path(made["uri"]))
    assert recipe is not None
    return recipe


@pytest.mark.parametrize(
    ("adapter", "forced", "lane", "parents"),
    [
        (True, None, "embedded", 6),
        (True, "start", "start", 1),
        (True, "words", "words", 0),
        (False, None, "start", 1),
        (False, "words", "words", 0),
    ],
)
def test_a_checkpoint_makes_pictures_from_any_library(
    filled: Path, plain: Path, adapted: Path, adapter: bool, forced: str | None, lane: str, parents: int
) -> None:
    generator, words = (adapted if adapter else plain), (["--lane", forced] if forced else [])
    made = generated(filled, generator, *words)
    assert made["lane"] == recipe_of(made)["lane"] == lane and len(made["parents"]) == parents
    assert recipe_of(made)["words"]["prompt"] == PROMPT

    [again] = lines("-L", filled, "replay", made["id"], "--generator", generator)
    assert again["identical"] and again["id"] == made["id"] and again["differences"] == []


@pytest.mark.parametrize(
    ("name", "lane", "parents"),
    [
        ("kandinsky22", "embedded", 6),
        ("unclip", "embedded", 6),
        ("flux2_klein", "pictures", 4),
        ("qwen_image_edit", "pictures", 3),
        ("z_image", "start", 1),
    ],
)
def test_a_family_takes_its_best_lane_and_replays(
    filled: Path, checkpoint: Build, name: str, lane: str, parents: int
) -> None:
    read_small_pictures()
    made = generated(filled, checkpoint(name), "--size", "64x64")
    assert (made["lane"], len(made["parents"])) == (lane, parents)
    [again] = lines("-L", filled, "replay", made["id"], "--generator", checkpoint(name))
    assert again["identical"] and again["differences"] == []


def test_each_lane_makes_another_picture(filled: Path, adapted: Path) -> None:
    lanes = ("embedded", "start", "words")
    files = {Path(generated(filled, adapted, "--lane", lane)["uri"]).read_bytes() for lane in lanes}
    assert len(files) == len(lanes)


def test_an_adapter_that_is_not_here_can_be_fetched(filled: Path, plain: Path, adapted: Path) -> None:
    words = ["-L", filled, "generate", PROMPT, *QUICK, "--generator"]
    hint = "hint: for a better lane run `phosphene models fetch ip-adapter-sd15`"
    assert hint in run(*words, plain).stderr.splitlines()
    assert "hint:" not in run(*words, adapted).stderr

    refused = run(*words, plain, "--lane", "embedded")
    assert refused.exit_code == 1
    assert "fetch what is missing: `phosphene models fetch ip-adapter-sd15`" in refused.stderr


def test_closeness_reaches_the_adapter(filled: Path, adapted: Path) -> None:
    alone, loose, close = (
        generated(filled, adapted, *words) for words in (["-k", 0], ["--closeness", 0], ["--closeness", 1])
    )
    assert [recipe_of(made)["closeness"] for made in (loose, close)] == [0, 1]
    pictures = [phosphene.images.open_picture(Path(made["uri"])) for made in (alone, loose, close)]
    assert pictures[0].tobytes() == pictures[1].tobytes() != pictures[2].tobytes()


def test_thumbnails_are_embedded_when_files_are_gone(photos: Path, adapted: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(photos, tmp_path / "mine"))
    library = tmp_path / "mine.lib"
    run("-L", library, "add", mine, "--model", "landscape")
    shutil.rmtree(mine)
    made = generated(library, adapted)
    assert {parent["picture"] for parent in recipe_of(made)["parents"]} == {"thumbnail"}
    [again] = lines("-L", library, "replay", made["id"], "--generator", adapted)
    assert again["identical"]


def test_a_preferred_checkpoint_needs_no_option(filled: Path, adapted: Path) -> None:
    run("-L", filled, "config", "generator", adapted)
    [made] = lines("-L", filled, "generate", PROMPT, *QUICK)
    run("-L", filled, "config", "generator", "--unset")
    assert made["id"] == generated(filled, adapted)["id"]


def test_vectors_of_the_same_model_are_used_as_they_are(
    checkpoint: Build, photos: Path, adapted: Path, tmp_path: Path
) -> None:
    """A library in ViT-H, whose place the tiny CLIP takes here: stored vectors and embedded ones agree."""
    space = Space("ViT-H-14:0", VIT_H, DIMENSION)
    weights = resolve(f"local-dir:{checkpoint('open_clip_folder')}")
    with phosphene.open(tmp_path / "h.lib", space=space, create=True, generator=str(adapted)) as library:
        library.embedder = OpenClip(weights, space, "cpu")
        library.add(photos)
        wishes: Any = {"seed": 3, "num_inference_steps": 2}
        [stored] = library.generate(PROMPT, 1, **wishes)
        [embedded] = library.generate(PROMPT, 1, lane="embedded", **wishes)
        again = library.replay(stored.image.id)
    assert (stored.lane, embedded.lane) == ("vectors", "embedded")
    assert again.identical
    assert largest_difference(stored.picture, embedded.picture) in (0, 1, 2)


def test_without_norms_stored_vectors_are_not_used(
    checkpoint: Build, photos: Path, adapted: Path, plain: Path, tmp_path: Path
) -> None:
    """As in a collection of another program, which keeps only unit vectors."""
    space = Space("ViT-H-14:0", VIT_H, DIMENSION)
    weights = resolve(f"local-dir:{checkpoint('open_clip_folder')}")
    with phosphene.open(tmp_path / "h.lib", space=space, create=True, generator=str(adapted)) as library:
        library.embedder = OpenClip(weights, space, "cpu")
        library.add(photos)
        wishes: Any = {"seed": 3, "num_inference_steps": 2}
        [stored] = library.generate(PROMPT, 1, lane="embedded", **wishes)
        library.store.upsert([replace(each, norm=0.0) for each in library.store.iterate(vectors=True)])
        [embedded] = library.generate(PROMPT, 1, **wishes)
        with pytest.raises(GenerationError, match="needs the norms of vectors, which the library"):
            library.generate(PROMPT, 1, lane="vectors", **wishes)
    assert embedded.lane == "embedded"
    assert embedded.image.id == stored.image.id


def test_the_tokens_of_a_long_prompt_are_counted(filled: Path, plain: Path, checkpoint: Build) -> None:
    long = run("-L", filled, "generate", "a red boat " * 40, *QUICK, "--generator", plain, "-k", 0)
    assert "the prompt has 120 tokens, which are read in 2 chunks" in long.stderr
    words = ("generate", "a red boat " * 8, *QUICK, "-k", 0)
    native = run("-L", filled, *words, "--generator", checkpoint("z_image"))  # its tokens are letters
    assert re.search(r"the prompt has \d\d tokens\n", native.stderr)
    short = run("-L", filled, "generate", "a red boat", *QUICK, "--generator", plain, "-k", 0)
    assert "tokens" not in short.stderr
