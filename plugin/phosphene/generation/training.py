"""Train a generator of a library's own, all of its networks, and write it where it will be found.

    plan = Plan(Budget(minutes=10), Budget(minutes=5), Budget(minutes=90))
    train(library.examples(), library.embedder, library.folder / "generator", plan)

First the autoencoder learns to fold pictures into latents and back; then, once all pictures are
latents, the reader learns to tell their vectors, and the denoiser to make such latents from vectors.

The run lies beside the generator, in `FOLDER.training`: lessons, checkpoints, logs, loss curves and
sheets of samples. The same call goes on where a killed one left off.
"""

import io
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.embedding.openclip import pick_device
from phosphene.generation.builtin import cast, open_generator, to_picture
from phosphene.generation.guidance import Condition
from phosphene.generation.pipeline import RetrievalPipeline, new_scheduler
from phosphene.nets.autoencoder import Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.reader import Reader
from phosphene.records import Image, Space
from phosphene.training import autoencoding, diffusion, reading
from phosphene.training.budget import Budget, Progress
from phosphene.training.lessons import Latents, Lessons, enough, gather, sample
from phosphene.vectors import Pixels, Vectors

SEEDS = (1, 2, 3, 4)  # of a sheet's columns
SHOWN = 8  # a sheet's rows
NEIGHBOURS = 6

OnStep = Callable[[str, Progress], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train, and for how long."""

    autoencoder: Budget
    reader: Budget
    denoiser: Budget
    size: int = 256  # pixels of a side
    settings: diffusion.Settings = field(default_factory=diffusion.Settings)
    start: Path | None = None  # a generator to go on from, of any space, which then says the network's shape
    seed: int = 0
    licence: str = ""  # of the weights, as an SPDX identifier


def train(
    examples: Iterable[Image],
    embedder: Embedder,
    folder: Path,
    plan: Plan,
    *,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> RetrievalPipeline:
    """Train on a library's training images and write the generator into `folder`.

    `on_step` is told the stage, `autoencoder`, `reader` or `denoiser`, and how far it is. Raises ModelError
    where there are too few pictures, or where the run beside the folder has other settings.
    """
    run, where = folder.with_name(f"{folder.name}.training"), str(pick_device(device))
    begun = None if plan.start is None else open_generator(plan.start, "cpu").pipeline
    images = list(examples)
    enough(len(images))

    def stage(name: str) -> dict[str, Any]:
        """What the training of each network has in common."""
        start = getattr(begun, name) if begun else None
        told = partial(on_step, name) if on_step else None
        return {"start": start, "seed": plan.seed, "device": where, "on_step": told}

    pictures = sample(images, begun.size if begun else plan.size)
    autoencoder = autoencoding.fit(pictures, run / "autoencoder", plan.autoencoder, **stage("autoencoder"))
    lessons = _lessons(images, embedder, autoencoder, run / "lessons.npz")
    reader = reading.fit(lessons, run / "reader", plan.reader, **stage("reader"))
    captions, near = _shown(lessons)
    denoiser = diffusion.fit(
        lessons,
        run / "denoiser",
        plan.denoiser,
        plan.settings if begun is None else shaped(plan.settings, begun.denoiser),
        on_sheet=lambda denoiser: sheet(
            RetrievalPipeline(denoiser, autoencoder, reader, new_scheduler()), captions, near
        ),
        **stage("denoiser"),
    )
    return write(denoiser, autoencoder, reader, embedder.space, folder, licence=plan.licence)


def shaped(settings: diffusion.Settings, like: Denoiser) -> diffusion.Settings:
    """The settings with the shape of a network that is there."""
    shape = {each.name: like.config[each.name] for each in fields(settings) if each.name in like.config}
    levels = {name: tuple(shape[name]) for name in ("channels", "blocks")}  # JSON knows lists alone
    return replace(settings, **shape | levels)


def write(
    denoiser: Denoiser,
    autoencoder: Autoencoder,
    reader: Reader,
    space: Space,
    folder: Path,
    *,
    licence: str = "",
) -> RetrievalPipeline:
    """Put a generator together and write it as `folder`, which it replaces; its weights in half precision.

    What is returned computes with those rounded weights, in full precision.
    """
    pipeline = RetrievalPipeline(
        cast(denoiser, torch.float16),
        cast(autoencoder, torch.float16),
        cast(reader, torch.float16),
        new_scheduler(),
        space=space.id,
        dimension=space.dimension,
        licence=licence,
    )
    _replace(folder, lambda part: pipeline.save_pretrained(part, safe_serialization=True))
    for network in (denoiser, autoencoder, reader):
        cast(network, torch.float32)
    return pipeline


def _replace(folder: Path, save: Callable[[Path], None]) -> None:
    """Save beside `folder` and rename, so that no reader meets half of it."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    save(part)
    for file in part.rglob("*.safetensors"):
        file.chmod(0o644)  # safetensors lets nobody else read what it writes
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)


def sheet(pipeline: RetrievalPipeline, captions: Vectors, near: Vectors) -> bytes:
    """A PNG with a row per caption (n, d), made from it and its neighbours (n, k, d), a column per seed."""
    rows = []
    for caption, neighbours in zip(captions, near, strict=True):
        condition = Condition(caption, neighbours, [1.0] * len(neighbours))
        made = pipeline([condition] * len(SEEDS), SEEDS)
        rows.append([to_picture(pixels) for pixels in made] if made is not None else [])
    return _tiled(rows, pipeline.size)


def _lessons(images: Sequence[Image], embedder: Embedder, autoencoder: Autoencoder, kept: Path) -> Lessons:
    """The lessons of an earlier attempt, or new ones."""
    if kept.exists():
        lessons = Lessons.load(kept)
        if len(lessons) <= len(images):
            return lessons
    lessons = gather(images, embedder, partial(encoded, autoencoder), autoencoder.config["size"])
    lessons.save(kept)
    return lessons


@torch.no_grad()
def encoded(autoencoder: Autoencoder, pictures: Sequence[Pixels]) -> Latents:
    """The latents (n, depth, grid, grid) of pictures of 8 bits."""
    clean = autoencoding.normal(torch.from_numpy(np.stack(pictures)).to(autoencoder.device))
    return autoencoder.encode(clean).to(torch.float16).cpu().numpy()


def _shown(lessons: Lessons) -> tuple[Vectors, Vectors]:
    """The last captions of some pictures (n, d), spread over the lessons, and their neighbours (n, k, d)."""
    worded = np.flatnonzero(np.diff(lessons.first))
    chosen = worded[:: max(1, len(worded) // SHOWN)][:SHOWN]
    last = lessons.first[chosen + 1] - 1
    near = np.maximum(lessons.near_texts[last, :NEIGHBOURS], 0)
    return lessons.texts[last], lessons.own[near]


def _tiled(rows: Sequence[Sequence[Picture]], size: int) -> bytes:
    wide = max((len(row) for row in rows), default=0)
    tiled = pillow.new("RGB", (max(1, wide * size), max(1, len(rows) * size)), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            tiled.paste(picture, (across * size, down * size))
    buffer = io.BytesIO()
    tiled.save(buffer, "PNG")
    return buffer.getvalue()
