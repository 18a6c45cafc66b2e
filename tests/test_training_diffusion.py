"""Trains a generator: its dataset, its progress, and that a kill costs nothing but time."""

import io
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as pillow

from phosphene.errors import LibraryError, ModelError, OutputError, StoreError
from phosphene.generators.retrieval.generator import open_generator
from phosphene.generators.retrieval.saving import write
from phosphene.nets.autoencoder import SCALE_FACTOR, Autoencoder
from phosphene.nets.denoiser import NEIGHBOUR, OWN, TEXT
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.records import Image, Space
from phosphene.training.autoencoder import (
    encoder_digest,
    new_autoencoder,
    saved_autoencoder,
    to_unit_range,
    train_autoencoder,
)
from phosphene.training.budget import Budget
from phosphene.training.dataset import NEAREST, LatentDataset, Latents, neighbours, with_neighbours
from phosphene.training.denoiser import DenoiserSettings, new_denoiser, train_denoiser
from phosphene.training.generator import TrainingPlan, train_generator
from phosphene.training.latent_cache import PictureEncoder, build_dataset
from phosphene.training.latent_encoder import train_latent_encoder
from phosphene.training.lessons import MAX_NEIGHBOURS, tokens
from phosphene.training.log import read_log
from phosphene.training.optimizers import muon
from phosphene.training.trainer import copy_start
from phosphene.vectors import Pixels, Vectors, unit
from pictures import Colours

DIMENSION, LATENT_CHANNELS, LATENT_SIZE = 8, 4, 4
SIZE = 32  # of the pictures in pixels
NAMES = ("first", "second")
TINY = DenoiserSettings((16, 32), 32, 2, batch_size=8, ema_decay=0.9)
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220), "white": (240, 240, 240)}
DIRECTIONS = dict(zip(COLOURS, np.eye(DIMENSION, dtype=np.float32), strict=False))


class ColourWords(Colours):
    """An embedder that knows four words, which is enough for these pictures."""

    space = Space("colours:0", "colours", DIMENSION)

    def texts(self, texts: Sequence[str]) -> Vectors:
        return np.stack([DIRECTIONS[text.split()[-1]] for text in texts])


def colour_vectors(names: Sequence[str], seed: int = 0) -> Vectors:
    noise = np.random.default_rng(seed).standard_normal((len(names), DIMENSION))
    return unit(np.stack([DIRECTIONS[name] for name in names]) + 0.2 * noise)


def colour_dataset(count: int = 64) -> LatentDataset:
    names = [list(COLOURS)[index % 4] for index in range(count)]
    latents = np.stack(
        [
            np.broadcast_to(cell(name)[:, None, None], (LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE))
            for name in names
        ]
    )
    captions = [[name, f"a plain {name}"] for name in names]
    return with_neighbours(latents, colour_vectors(names), captions, ColourWords())


def cell(name: str) -> NDArray[np.float16]:
    """Latents with the same colour in every cell."""
    return np.array([*(np.array(COLOURS[name]) / 127.5 - 1), 0.5], dtype=np.float16)


def nothing_much(pictures: Sequence[Pixels]) -> Latents:
    """An encoder that only uses the mean colour of a picture."""
    means = np.stack([picture.mean((0, 1)) / 127.5 - 1 for picture in pictures])
    spread = np.broadcast_to(means[:, :, None, None], (len(means), 3, LATENT_SIZE, LATENT_SIZE))
    return spread.astype(np.float16)


def tiny_autoencoder() -> Autoencoder:
    network: Autoencoder = Autoencoder(LATENT_SIZE * SCALE_FACTOR, LATENT_CHANNELS, (8, 8, 8))
    return network


def tiny_latent_encoder() -> LatentEncoder:
    network: LatentEncoder = LatentEncoder(DIMENSION, LATENT_CHANNELS, (8, 16))
    return network


def colour_library(folder: Path, count: int = 40) -> list[Image]:
    names = [list(COLOURS)[index % 4] for index in range(count)]
    images = []
    for index, (name, vector) in enumerate(zip(names, colour_vectors(names), strict=True)):
        path = folder / f"{index}.png"
        pillow.new("RGB", (40, 32), COLOURS[name]).save(path)
        captions = (name, f"a plain {name}")
        known = Image(str(index), "", str(path), name, captions, "imported", 40, 32, "", 1.0, vector=vector)
        images.append(known)
    return images


def test_neighbours_are_those_of_a_search_by_brute_force() -> None:
    random = np.random.default_rng(0)
    pictures = unit(random.standard_normal((50, DIMENSION)))
    queries, owners = unit(random.standard_normal((9, DIMENSION))), random.integers(50, size=9)
    found = neighbours(queries, owners, pictures)
    for query, owner, near in zip(queries, owners, found, strict=True):
        ranked = [index for index in np.argsort(-(pictures @ query)) if index != owner]
        assert near.tolist() == ranked[:NEAREST]


def test_a_picture_and_its_duplicate_are_not_neighbours() -> None:
    pictures = unit(np.random.default_rng(0).standard_normal((6, DIMENSION)))
    pictures[3] = pictures[0]
    found = neighbours(pictures, np.arange(6), pictures)
    assert not {0, 3} & set(found[0].tolist())
    assert sorted(found[0].tolist()) == [-1] * 12 + [1, 2, 4, 5]


def test_the_dataset_leaves_out_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    images = colour_library(tmp_path)
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").write_bytes(b"no picture")
    dataset = build_dataset(images, ColourWords(), "colours:0", PictureEncoder(nothing_much, SIZE), tmp_path)
    assert len(dataset) == 38
    assert dataset.latents.shape == (38, 3, LATENT_SIZE, LATENT_SIZE)
    assert list(dataset.captions_of(1)) == [2, 3]
    assert np.array_equal(dataset.texts[2], DIRECTIONS["white"])


class CountingEncoder:
    """An encoder that remembers the number of pictures of each call."""

    def __init__(self, digest: str = "this one") -> None:
        self.counts: list[int] = []
        self.encoder = PictureEncoder(self.encode, SIZE, digest)

    def encode(self, pictures: Sequence[Pixels]) -> Latents:
        self.counts.append(len(pictures))
        return nothing_much(pictures)

    def build_dataset(
        self, images: Sequence[Image], folder: Path, notes: list[str] | None = None
    ) -> LatentDataset:
        told = None if notes is None else notes.append
        return build_dataset(images, ColourWords(), "colours:0", self.encoder, folder, on_note=told)


def test_the_dataset_follows_the_library(tmp_path: Path) -> None:
    images, encoder = colour_library(tmp_path, 80), CountingEncoder()
    first = encoder.build_dataset(images[:40], tmp_path)
    assert encoder.build_dataset(images[:40], tmp_path).digest == first.digest
    second = encoder.build_dataset(images[36:80], tmp_path)
    assert encoder.counts == [32, 8, 32, 8]  # the four old pictures are not encoded again
    assert second.ids.tolist() == [image.id for image in images[36:80]]
    assert not set(first.ids[:36]) & set(second.ids)
    assert second.digest != first.digest
    undisturbed = CountingEncoder().build_dataset(images[36:80], tmp_path / "undisturbed")
    for name in ("latents", "own", "texts", "first", "near_own", "near_texts"):
        assert np.array_equal(getattr(second, name), getattr(undisturbed, name))


def test_changed_captions_make_another_dataset_of_the_same_latents(tmp_path: Path) -> None:
    images, encoder = colour_library(tmp_path), CountingEncoder()
    first = encoder.build_dataset(images, tmp_path)
    second = encoder.build_dataset([replace(image, captions=("red",)) for image in images], tmp_path)
    assert encoder.counts == [32, 8]
    assert (second.digest != first.digest, len(second.texts)) == (True, 40)


def test_latents_of_two_encoders_are_never_mixed(tmp_path: Path) -> None:
    images, other = colour_library(tmp_path, 64), CountingEncoder("another one")
    first = CountingEncoder().build_dataset(images[:40], tmp_path)
    second = other.build_dataset(images, tmp_path)
    assert sum(other.counts) == 64
    assert (second.encoder, second.digest != first.digest) == ("another one", True)


def test_a_picture_that_can_be_read_again_is_learnt(tmp_path: Path) -> None:
    images, encoder = colour_library(tmp_path), CountingEncoder()
    away = (tmp_path / "3.png").rename(tmp_path / "away.png")
    assert len(encoder.build_dataset(images, tmp_path)) == 39
    away.rename(tmp_path / "3.png")
    assert len(encoder.build_dataset(images, tmp_path)) == 40
    assert encoder.counts == [31, 8, 1]


def test_latents_that_were_made_before_an_interrupt_are_not_made_again(tmp_path: Path) -> None:
    images, encoder = colour_library(tmp_path, 80), CountingEncoder()

    def interrupt(pictures: Sequence[Pixels]) -> Latents:
        signal.raise_signal(signal.SIGINT)
        return nothing_much(pictures)

    with pytest.raises(KeyboardInterrupt):
        build_dataset(
            images, ColourWords(), "colours:0", PictureEncoder(interrupt, SIZE, "this one"), tmp_path
        )
    assert len(encoder.build_dataset(images, tmp_path)) == 80
    assert encoder.counts == [32, 16]
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["dataset.npz"]


def damaged(whole: bytes) -> dict[str, bytes]:
    """The content of a file, damaged in several ways."""
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 255
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    return {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "one byte": bytes(flipped),
        "text": b"no dataset",
        "another array": array.getvalue(),
    }


def test_damaged_datasets_are_reported_and_made_anew(tmp_path: Path) -> None:
    images, encoder = colour_library(tmp_path), CountingEncoder()
    first = encoder.build_dataset(images, tmp_path)
    path = tmp_path / "dataset.npz"
    for name, content in damaged(path.read_bytes()).items():
        path.write_bytes(content)
        told: list[str] = []
        again = encoder.build_dataset(images, tmp_path, told)
        assert again.digest == first.digest and np.array_equal(again.near_own, first.near_own), name
        assert len(told) == 1 and "dataset.npz` is damaged" in told[0], name


def test_the_dataset_is_read_as_data_and_never_as_code(tmp_path: Path) -> None:
    images, encoder = colour_library(tmp_path), CountingEncoder()
    first = encoder.build_dataset(images, tmp_path)
    values = {name: getattr(first, name) for name in first.__slots__}
    np.savez(tmp_path / "dataset.npz", **values | {"texts": np.array([tmp_path], dtype=object)})
    told: list[str] = []
    assert encoder.build_dataset(images, tmp_path, told).digest == first.digest
    assert "dataset.npz` is damaged" in told[0]


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="5 can be read") as raised:
        build_dataset(
            colour_library(tmp_path, 5), ColourWords(), "", PictureEncoder(nothing_much, SIZE), tmp_path
        )
    assert "phosphene add" in raised.value.hint


def test_the_dataset_is_kept_on_the_disk(tmp_path: Path) -> None:
    dataset = colour_dataset()
    dataset.save(tmp_path / "dataset.npz")
    again = LatentDataset.load(tmp_path / "dataset.npz")
    assert again is not None
    assert np.array_equal(again.near_texts, dataset.near_texts)
    assert len(again) == len(dataset)


def test_text_and_neighbours_are_left_out_at_times() -> None:
    dataset = colour_dataset()
    vectors, kinds, weights = tokens(dataset, np.arange(64).repeat(20), np.random.default_rng(0))
    text, near = weights[:, 0] > 0, (weights[:, 1:] > 0).any(axis=1)
    assert vectors.shape == (1280, 1 + MAX_NEIGHBOURS, DIMENSION)
    assert 0.74 < text.mean() < 0.86
    assert 0.05 < (~text & ~near).mean() < 0.2
    assert set(kinds[:, 0]) == {TEXT, OWN}
    assert set(kinds[:, 1:].ravel()) == {NEIGHBOUR}
    lengths = np.linalg.norm(vectors[weights > 0], axis=-1)
    assert np.allclose(lengths, 1, atol=1e-4)


def test_a_library_without_captions_is_learnt_from_its_own_vectors() -> None:
    names = list(COLOURS) * 10
    latents = np.zeros((40, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE), dtype=np.float16)
    dataset = with_neighbours(latents, colour_vectors(names), [()] * 40, ColourWords())
    _, kinds, _ = tokens(dataset, np.arange(40), np.random.default_rng(0))
    assert set(kinds[:, 0]) == {OWN}


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16), (16, 2, 3, 3)])
def test_a_step_of_muon_makes_singular_values_equal(shape: tuple[int, ...]) -> None:
    weight = torch.nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    muon([weight], rate=1.0).step()
    stretch = max(1.0, shape[0] / (weight.numel() / shape[0])) ** 0.5  # as Jordan scales it
    values = torch.linalg.svdvals(weight.detach().flatten(1)) / stretch
    assert 0.3 < float(values.min()) <= float(values.max()) < 1.4


def test_loss_falls_and_the_colours_are_learnt(tmp_path: Path) -> None:
    denoiser = train_denoiser(colour_dataset(), tmp_path / "run", Budget(steps=150), TINY)
    losses = [line["loss"] for line in read_log(tmp_path / "run" / "log.jsonl")]
    assert np.mean(losses[-3:]) < 0.5 * losses[0]
    pipeline = write(
        denoiser, tiny_autoencoder(), tiny_latent_encoder(), ColourWords.space, tmp_path / "generator"
    )
    latents = pipeline(
        [DIRECTIONS[name] for name in COLOURS],
        generator=[torch.Generator().manual_seed(seed) for seed in range(4)],
        guidance_scale=1.5,
        output_type="latent",
    ).images
    means = latents.mean((2, 3)).numpy()
    wanted = np.stack([cell(name) for name in COLOURS])
    nearest = np.linalg.norm(means[:, None] - wanted[None], axis=-1).argmin(axis=1)
    assert nearest.tolist() == [0, 1, 2, 3]


def test_the_autoencoder_learns_to_reconstruct_pictures(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pictures = np.zeros((16, SIZE, SIZE, 3), dtype=np.uint8)
    for picture, edge in zip(pictures, random.integers(8, 24, size=16), strict=True):
        picture[:, edge:] = random.integers(128, 256, size=3)
    autoencoder = train_autoencoder(pictures, tmp_path, Budget(steps=40))
    losses = [line["loss"] for line in read_log(tmp_path / "log.jsonl")]
    assert losses[-1] < 0.7 * losses[0]
    clean = to_unit_range(torch.from_numpy(pictures))
    with torch.no_grad():
        again = autoencoder.decode(autoencoder.encode(clean))
    assert float((again - clean).abs().mean()) < 0.7 * float(clean.abs().mean())


def test_the_latent_encoder_learns_to_predict_the_vectors_of_latents(tmp_path: Path) -> None:
    dataset = colour_dataset()
    latent_encoder = train_latent_encoder(dataset, tmp_path, Budget(steps=60))
    losses = [line["loss"] for line in read_log(tmp_path / "log.jsonl")]
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        read = latent_encoder(torch.from_numpy(dataset.latents[:4].astype(np.float32))).numpy()
    assert (read @ np.stack(list(DIRECTIONS.values())).T).argmax(1).tolist() == [0, 1, 2, 3]


def test_the_command_trains_all_networks_and_writes_a_generator(tmp_path: Path) -> None:
    images = colour_library(tmp_path)
    plan = TrainingPlan(Budget(steps=2), Budget(steps=1), Budget(steps=3), SIZE, TINY, licence="CC0-1.0")
    stages: list[str] = []
    train_generator(
        images, ColourWords(), tmp_path / "generator", plan,
        device="cpu", on_step=lambda stage, progress: stages.append(stage),
    )  # fmt: skip
    assert stages == ["autoencoder"] * 2 + ["latent_encoder"] + ["denoiser"] * 3
    generator = open_generator(tmp_path / "generator", "cpu")
    assert generator.capabilities.space == "colours:0"
    assert generator.capabilities.size == (SIZE, SIZE)
    assert (tmp_path / "generator.training" / "denoiser" / "loss.png").exists()
    with pytest.raises(ModelError, match="other settings"):
        train_generator(
            images, ColourWords(), tmp_path / "generator", replace(plan, settings=replace(TINY, batch_size=4))
        )


def trained(images: Sequence[Image], folder: Path, steps: tuple[int, int, int], **extra: Any) -> list[str]:
    """Train the three networks for these numbers of steps, and return the notes."""
    told: list[str] = []
    first, second, third = (Budget(steps=count) for count in steps)
    plan = TrainingPlan(first, second, third, SIZE, TINY, start=extra.pop("start", None))
    train_generator(images, ColourWords(), folder, plan, device="cpu", on_note=told.append, **extra)
    return told


def steps_of(folder: Path) -> dict[str, int]:
    """The number of steps in the checkpoint of each training."""
    run = folder.with_name(f"{folder.name}.training")
    return {
        path.parent.name: torch.load(path, weights_only=True)["steps"]
        for path in sorted(run.glob("*/checkpoint.pt"))
    }


def encoders_agree(folder: Path) -> bool:
    """Whether the dataset has latents of the generator's own autoencoder."""
    dataset = LatentDataset.load(folder.with_name(f"{folder.name}.training") / "dataset.npz")
    kept = saved_autoencoder(
        folder.with_name(f"{folder.name}.training") / "autoencoder",
        Budget(steps=1),
        new_autoencoder(SIZE),
    )
    written = open_generator(folder, "cpu").pipeline.autoencoder
    assert dataset is not None and kept is not None
    pairs = zip(kept[0].encoder.parameters(), written.encoder.parameters(), strict=True)
    assert all(torch.allclose(*pair, atol=1e-3) for pair in pairs)  # written in half precision
    return dataset.encoder == encoder_digest(kept[0])


def test_an_autoencoder_that_had_half_of_its_minutes_stays(tmp_path: Path) -> None:
    images, folder = colour_library(tmp_path), tmp_path / "generator"
    trained(images, folder, (2, 1, 2))
    before = (tmp_path / "generator.training" / "dataset.npz").read_bytes()
    assert trained(images, folder, (2, 1, 2)) == []
    assert trained(images, folder, (4, 2, 4)) == [
        "The autoencoder stays as it is, because the other networks have learnt its latents."
    ]
    assert steps_of(folder) == {"autoencoder": 2, "latent_encoder": 2, "denoiser": 4}
    assert (tmp_path / "generator.training" / "dataset.npz").read_bytes() == before
    assert encoders_agree(folder)


def test_an_autoencoder_that_had_little_is_trained_further_and_encodes_anew(tmp_path: Path) -> None:
    images, folder = colour_library(tmp_path), tmp_path / "generator"
    trained(images, folder, (1, 2, 3))
    told = trained(images, folder, (4, 3, 4))
    assert "trained further" in told[0]
    assert [("latent_encoder" in text, "denoiser" in text) for text in told[1:]] == [
        (True, False),
        (False, True),
    ]
    assert steps_of(folder) == {"autoencoder": 4, "latent_encoder": 3, "denoiser": 4}
    assert encoders_agree(folder)
    log = read_log(tmp_path / "generator.training" / "denoiser" / "log.jsonl")
    assert [line["step"] for line in log] == [0]  # it began anew


def test_replaced_pictures_are_learnt_and_removed_ones_are_not(tmp_path: Path) -> None:
    images, folder = colour_library(tmp_path, 80), tmp_path / "generator"
    trained(images[:40], folder, (2, 1, 2))
    told = trained(images[40:], folder, (2, 1, 2))
    assert len(told) == 4 and "trained further" in told[0]
    dataset = LatentDataset.load(tmp_path / "generator.training" / "dataset.npz")
    assert dataset is not None and dataset.ids.tolist() == [image.id for image in images[40:]]
    assert encoders_agree(folder)


def test_an_autoencoder_that_was_deleted_takes_its_latents_with_it(tmp_path: Path) -> None:
    images, folder = colour_library(tmp_path), tmp_path / "generator"
    trained(images, folder, (2, 1, 2))
    shutil.rmtree(tmp_path / "generator.training" / "autoencoder")
    trained(images, folder, (3, 1, 2))
    assert encoders_agree(folder)


def test_continuing_a_training_from_another_start_is_refused(tmp_path: Path) -> None:
    images, folder = colour_library(tmp_path), tmp_path / "generator"
    trained(images, tmp_path / "first", (1, 1, 1))
    trained(images, folder, (1, 1, 1), start=tmp_path / "first")
    with pytest.raises(ModelError, match="from"):
        trained(images, folder, (2, 2, 2))


def test_a_training_does_not_continue_from_the_folder_that_it_replaces(tmp_path: Path) -> None:
    images, folder = colour_library(tmp_path), tmp_path / "generator"
    trained(images, folder, (1, 1, 1))
    with pytest.raises(OutputError, match="an input of this command"):
        trained(images, folder, (1, 1, 1), start=folder, force=True)


def tiny_write(folder: Path) -> None:
    denoiser = new_denoiser(colour_dataset(), TINY)
    write(denoiser, tiny_autoencoder(), tiny_latent_encoder(), ColourWords.space, folder)


def test_a_generator_replaces_only_its_own_files(tmp_path: Path) -> None:
    tiny_write(tmp_path)
    (tmp_path / "denoiser" / "notes.txt").write_text("mine")
    (tmp_path / "2019").mkdir()
    before = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    tiny_write(tmp_path)
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*")} == before
    assert (tmp_path / "denoiser" / "notes.txt").read_text() == "mine"
    assert open_generator(tmp_path, "cpu").capabilities.space == "colours:0"


def test_a_generator_does_not_follow_a_link_out_of_its_folder(tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (folder := tmp_path / "generator").mkdir()
    (folder / "denoiser").symlink_to(elsewhere)
    with pytest.raises(LibraryError, match="leads out of the folder"):
        tiny_write(folder)
    assert not any(elsewhere.iterdir())


def test_a_disk_without_room_leaves_the_generator_that_was_there(tmp_path: Path) -> None:
    tiny_write(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            tiny_write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert open_generator(tmp_path, "cpu").capabilities.space == "colours:0"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_generator_is_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        tiny_write(tmp_path)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o640}


def test_a_training_continues_from_a_generator(tmp_path: Path) -> None:
    images, first = colour_library(tmp_path), tmp_path / "first"
    some = Budget(steps=2)
    train_generator(
        images, ColourWords(), first, TrainingPlan(some, some, Budget(steps=60), SIZE, TINY), device="cpu"
    )
    more = TrainingPlan(
        some, some, Budget(steps=5), SIZE, DenoiserSettings(batch_size=8, ema_decay=0.9), start=first
    )
    train_generator(images, ColourWords(), tmp_path / "second", more, device="cpu")

    losses = [read_log(tmp_path / f"{name}.training/denoiser/log.jsonl")[0]["loss"] for name in NAMES]
    assert losses[1] < 0.7 * losses[0]
    pipelines = [open_generator(tmp_path / name, "cpu").pipeline for name in NAMES]
    assert tuple(pipelines[1].denoiser.config["block_out_channels"]) == TINY.block_out_channels
    encoders = [list(pipeline.autoencoder.encoder.parameters()) for pipeline in pipelines]
    assert all(torch.equal(*pair) for pair in zip(*encoders, strict=True))  # latents stay what they were


def test_a_training_continues_from_a_generator_of_another_space(tmp_path: Path) -> None:
    dataset, start = colour_dataset(), new_denoiser(colour_dataset(), TINY)
    wider = replace(
        dataset, own=np.pad(dataset.own, ((0, 0), (0, 3))), texts=np.pad(dataset.texts, ((0, 0), (0, 3)))
    )
    model = new_denoiser(wider, TINY)
    before = model.image_proj.proj.weight.clone()
    copy_start(model, start)
    assert torch.equal(model.image_proj.proj.weight, before)  # it reads vectors of another size
    assert torch.equal(model.conv_in.weight, start.conv_in.weight)


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_training_diffusion import TINY, colour_dataset
from phosphene.training import budget, run
from phosphene.training.denoiser import train_denoiser
run.Run.__init__.__kwdefaults__["save_every"] = 0.0  # a checkpoint at every step, so that a kill finds one
train_denoiser(colour_dataset(), Path(sys.argv[2]), budget.Budget(steps=int(sys.argv[3])), TINY)
"""


def test_a_killed_training_continues_where_it_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent)]
    killed = subprocess.Popen([*command, str(tmp_path / "killed"), "30"])
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() in (-signal.SIGKILL, 0)
    resumed = train_denoiser(colour_dataset(), tmp_path / "killed", Budget(steps=30), TINY)
    straight = train_denoiser(colour_dataset(), tmp_path / "straight", Budget(steps=30), TINY)
    for mine, its in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert torch.allclose(mine, its, atol=1e-3)
    assert torch.load(checkpoint, weights_only=True)["steps"] == 30
