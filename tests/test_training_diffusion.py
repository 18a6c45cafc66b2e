"""Training a generator: what it learns from, that it learns, and that a kill costs nothing but time."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as pillow

from phosphene.errors import ModelError
from phosphene.generation.builtin import open_generator
from phosphene.generation.folder import write
from phosphene.generation.guidance import Condition
from phosphene.generation.training import Plan, train
from phosphene.nets.autoencoder import FACTOR, Autoencoder
from phosphene.nets.denoiser import NEIGHBOUR, OWN, TEXT
from phosphene.nets.reader import Reader
from phosphene.records import Image, Space
from phosphene.training import autoencoding, diffusion, reading
from phosphene.training.budget import Budget
from phosphene.training.course import begin
from phosphene.training.diffusion import MOST, Settings
from phosphene.training.gathering import Encoder, gather
from phosphene.training.lessons import NEAREST, Latents, Lessons, arrange, neighbours
from phosphene.training.log import read_log
from phosphene.training.muon import orthogonal
from phosphene.vectors import Pixels, Vectors, unit

DIMENSION, DEPTH, GRID = 8, 4, 4
SIZE = 32  # of the pictures, where there are some
NAMES = ("first", "second")
TINY = Settings(channels=(16, 32), width=32, heads=2, batch=8, average=0.9)
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220), "white": (240, 240, 240)}
DIRECTIONS = dict(zip(COLOURS, np.eye(DIMENSION, dtype=np.float32), strict=False))


class ColourWords:
    """An embedder of four words, which is all that these pictures need."""

    space = Space("colours:0", "colours", DIMENSION)

    def texts(self, texts: Sequence[str]) -> Vectors:
        return np.stack([DIRECTIONS[text.split()[-1]] for text in texts])


def colour_vectors(names: Sequence[str], seed: int = 0) -> Vectors:
    noise = np.random.default_rng(seed).standard_normal((len(names), DIMENSION))
    return unit(np.stack([DIRECTIONS[name] for name in names]) + 0.2 * noise)


def colour_lessons(count: int = 64) -> Lessons:
    names = [list(COLOURS)[index % 4] for index in range(count)]
    latents = np.stack([np.broadcast_to(cell(name)[:, None, None], (DEPTH, GRID, GRID)) for name in names])
    captions = [[name, f"a plain {name}"] for name in names]
    return arrange(latents, colour_vectors(names), captions, ColourWords())


def cell(name: str) -> NDArray[np.float16]:
    """The latents of a colour, in each cell."""
    return np.array([*(np.array(COLOURS[name]) / 127.5 - 1), 0.5], dtype=np.float16)


def nothing_much(pictures: Sequence[Pixels]) -> Latents:
    """An encoder that looks at the mean colour alone."""
    means = np.stack([picture.mean((0, 1)) / 127.5 - 1 for picture in pictures])
    return np.broadcast_to(means[:, :, None, None], (len(means), 3, GRID, GRID)).astype(np.float16)


def tiny_autoencoder() -> Autoencoder:
    return Autoencoder(GRID * FACTOR, DEPTH, (8, 8, 8))


def tiny_reader() -> Reader:
    return Reader(DIMENSION, DEPTH, (8, 16))


def colour_library(folder: Path, count: int = 40) -> list[Image]:
    names = [list(COLOURS)[index % 4] for index in range(count)]
    images = []
    for index, (name, vector) in enumerate(zip(names, colour_vectors(names), strict=True)):
        path = folder / f"{index}.png"
        pillow.new("RGB", (40, 32), COLOURS[name]).save(path)
        captions = (name, f"a plain {name}")
        known = (str(index), "", str(path), captions[-1], captions, "training", 40, 32, "", 1.0)
        images.append(Image(*known, vector=vector))
    return images


def test_neighbours_are_those_of_a_search_by_brute_force() -> None:
    random = np.random.default_rng(0)
    pictures = unit(random.standard_normal((50, DIMENSION)))
    queries, owners = unit(random.standard_normal((9, DIMENSION))), random.integers(50, size=9)
    found = neighbours(queries, owners, pictures)
    for query, owner, near in zip(queries, owners, found, strict=True):
        ranked = [index for index in np.argsort(-(pictures @ query)) if index != owner]
        assert near.tolist() == ranked[:NEAREST]


def test_picture_and_its_double_are_no_neighbours_of_their_own() -> None:
    pictures = unit(np.random.default_rng(0).standard_normal((6, DIMENSION)))
    pictures[3] = pictures[0]
    found = neighbours(pictures, np.arange(6), pictures)
    assert not {0, 3} & set(found[0].tolist())
    assert sorted(found[0].tolist()) == [-1] * 12 + [1, 2, 4, 5]


def test_lessons_leave_out_what_cannot_be_read(tmp_path: Path) -> None:
    images = colour_library(tmp_path)
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").write_bytes(b"no picture")
    lessons = gather(images, ColourWords(), "colours:0", Encoder(nothing_much, SIZE), tmp_path)
    assert len(lessons) == 38
    assert lessons.latents.shape == (38, 3, GRID, GRID)
    assert list(lessons.captions_of(1)) == [2, 3]
    assert np.array_equal(lessons.texts[2], DIRECTIONS["white"])


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="5 can be read") as raised:
        gather(colour_library(tmp_path, 5), ColourWords(), "", Encoder(nothing_much, SIZE), tmp_path)
    assert "phosphene add" in raised.value.hint


def test_lessons_are_kept_on_the_disk(tmp_path: Path) -> None:
    lessons = colour_lessons()
    lessons.save(tmp_path / "lessons.npz")
    again = Lessons.load(tmp_path / "lessons.npz")
    assert again is not None
    assert np.array_equal(again.near_texts, lessons.near_texts)
    assert len(again) == len(lessons)


def test_text_and_neighbours_are_left_out_at_times() -> None:
    lessons = colour_lessons()
    vectors, kinds, weights = diffusion.tokens(lessons, np.arange(64).repeat(20), np.random.default_rng(0))
    text, near = weights[:, 0] > 0, (weights[:, 1:] > 0).any(axis=1)
    assert vectors.shape == (1280, 1 + MOST, DIMENSION)
    assert 0.74 < text.mean() < 0.86
    assert 0.05 < (~text & ~near).mean() < 0.2
    assert set(kinds[:, 0]) == {TEXT, OWN}
    assert set(kinds[:, 1:].ravel()) == {NEIGHBOUR}
    lengths = np.linalg.norm(vectors[weights > 0], axis=-1)
    assert np.allclose(lengths, 1, atol=1e-4)


def test_library_without_captions_teaches_by_its_own_vectors() -> None:
    names = list(COLOURS) * 10
    latents = np.zeros((40, DEPTH, GRID, GRID), dtype=np.float16)
    lessons = arrange(latents, colour_vectors(names), [()] * 40, ColourWords())
    _, kinds, _ = diffusion.tokens(lessons, np.arange(40), np.random.default_rng(0))
    assert set(kinds[:, 0]) == {OWN}


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16)])
def test_muon_makes_singular_values_alike(shape: tuple[int, int]) -> None:
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
    assert 0.3 < float(values.min()) <= float(values.max()) < 1.4


def test_loss_falls_and_the_colours_are_learnt(tmp_path: Path) -> None:
    denoiser = diffusion.fit(colour_lessons(), tmp_path / "run", Budget(steps=150), TINY)
    losses = [line["loss"] for line in read_log(tmp_path / "run" / "log.jsonl")]
    assert np.mean(losses[-3:]) < 0.5 * losses[0]
    pipeline = write(denoiser, tiny_autoencoder(), tiny_reader(), ColourWords.space, tmp_path / "generator")
    guesses: list[torch.Tensor] = []
    pipeline(
        [Condition(DIRECTIONS[name]) for name in COLOURS], range(4), text_guidance=1.5,
        on_step=lambda *step: guesses.append(step[-1]),
    )  # fmt: skip
    means = guesses[-1].mean((2, 3)).numpy()
    wanted = np.stack([cell(name) for name in COLOURS])
    nearest = np.linalg.norm(means[:, None] - wanted[None], axis=-1).argmin(axis=1)
    assert nearest.tolist() == [0, 1, 2, 3]


def test_autoencoder_learns_to_give_back_what_it_was_given(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pictures = np.zeros((16, SIZE, SIZE, 3), dtype=np.uint8)
    for picture, edge in zip(pictures, random.integers(8, 24, size=16), strict=True):
        picture[:, edge:] = random.integers(128, 256, size=3)
    autoencoder = autoencoding.fit(pictures, tmp_path, Budget(steps=40))
    losses = [line["loss"] for line in read_log(tmp_path / "log.jsonl")]
    assert losses[-1] < 0.7 * losses[0]
    clean = autoencoding.normal(torch.from_numpy(pictures))
    with torch.no_grad():
        again = autoencoder.decode(autoencoder.encode(clean))
    assert float((again - clean).abs().mean()) < 0.7 * float(clean.abs().mean())


def test_reader_learns_to_tell_the_vectors_of_latents(tmp_path: Path) -> None:
    lessons = colour_lessons()
    reader = reading.fit(lessons, tmp_path, Budget(steps=60))
    losses = [line["loss"] for line in read_log(tmp_path / "log.jsonl")]
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        read = reader(torch.from_numpy(lessons.latents[:4].astype(np.float32))).numpy()
    assert (read @ np.stack(list(DIRECTIONS.values())).T).argmax(1).tolist() == [0, 1, 2, 3]


def test_command_trains_all_networks_and_writes_a_generator(tmp_path: Path) -> None:
    images = colour_library(tmp_path)
    plan = Plan(Budget(steps=2), Budget(steps=1), Budget(steps=3), SIZE, TINY, licence="CC0-1.0")
    stages: list[str] = []
    train(
        images, ColourWords(), tmp_path / "generator", plan,
        device="cpu", on_step=lambda stage, progress: stages.append(stage),
    )  # fmt: skip
    assert stages == ["autoencoder"] * 2 + ["reader"] + ["denoiser"] * 3
    generator = open_generator(tmp_path / "generator", "cpu")
    assert generator.abilities.space == "colours:0"
    assert generator.abilities.size == (SIZE, SIZE)
    assert (tmp_path / "generator.training" / "denoiser" / "loss.png").exists()
    with pytest.raises(ModelError, match="other settings"):
        train(images, ColourWords(), tmp_path / "generator", replace(plan, settings=replace(TINY, batch=4)))


def test_training_goes_on_from_a_generator(tmp_path: Path) -> None:
    images, first = colour_library(tmp_path), tmp_path / "first"
    some = Budget(steps=2)
    train(images, ColourWords(), first, Plan(some, some, Budget(steps=60), SIZE, TINY), device="cpu")
    more = Plan(some, some, Budget(steps=5), SIZE, Settings(batch=8, average=0.9), start=first)
    train(images, ColourWords(), tmp_path / "second", more, device="cpu")

    losses = [read_log(tmp_path / f"{name}.training/denoiser/log.jsonl")[0]["loss"] for name in NAMES]
    assert losses[1] < 0.7 * losses[0]
    pipelines = [open_generator(tmp_path / name, "cpu").pipeline for name in NAMES]
    assert tuple(pipelines[1].denoiser.config["channels"]) == TINY.channels
    encoders = [list(pipeline.autoencoder.encoder.parameters()) for pipeline in pipelines]
    assert all(torch.equal(*pair) for pair in zip(*encoders, strict=True))  # latents stay what they were


def test_training_goes_on_from_a_generator_of_another_space(tmp_path: Path) -> None:
    lessons, start = colour_lessons(), diffusion.new_denoiser(colour_lessons(), TINY)
    wider = replace(
        lessons, own=np.pad(lessons.own, ((0, 0), (0, 3))), texts=np.pad(lessons.texts, ((0, 0), (0, 3)))
    )
    model = diffusion.new_denoiser(wider, TINY)
    before = model.tokens.project.weight.clone()
    begin(model, start)
    assert torch.equal(model.tokens.project.weight, before)  # reads vectors of another size
    assert torch.equal(model.enter.weight, start.enter.weight)


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_training_diffusion import TINY, colour_lessons
from phosphene.training import budget, diffusion, run
run.Run.__init__.__kwdefaults__["save_every"] = 0.0  # a checkpoint at every step, so that a kill finds one
diffusion.fit(colour_lessons(), Path(sys.argv[2]), budget.Budget(steps=int(sys.argv[3])), TINY)
"""


def test_training_goes_on_where_a_kill_left_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent)]
    killed = subprocess.Popen([*command, str(tmp_path / "killed"), "30"])
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() in (-signal.SIGKILL, 0)
    resumed = diffusion.fit(colour_lessons(), tmp_path / "killed", Budget(steps=30), TINY)
    straight = diffusion.fit(colour_lessons(), tmp_path / "straight", Budget(steps=30), TINY)
    for mine, its in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert torch.allclose(mine, its, atol=1e-3)
    assert torch.load(checkpoint, weights_only=True)["steps"] == 30
