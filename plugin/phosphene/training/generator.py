"""Train a generator of a library's own, all of its networks, and write it where it will be found.

    plan = Plan(Budget(minutes=10), Budget(minutes=5), Budget(minutes=90))
    train(library.examples(), library.embedder, library.folder / "generator", plan)

First the autoencoder learns to turn pictures into latents and back. Once all pictures are latents, the
latent encoder learns to predict their vectors, and the denoiser learns to make such latents from vectors.

The run lies beside the generator, in `FOLDER.training`: lessons, checkpoints, logs, loss curves and
sheets of samples. The same call goes on where a killed one left off.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.device import pick_device
from phosphene.embedding import Embedder
from phosphene.generators.retrieval.folder import claim, run_beside, write
from phosphene.generators.retrieval.generator import BuiltinGenerator, open_generator, to_picture
from phosphene.generators.retrieval.guidance import Condition
from phosphene.generators.retrieval.pipeline import RetrievalPipeline, new_scheduler
from phosphene.nets.autoencoder import Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.records import Image
from phosphene.training import autoencoding, diffusion
from phosphene.training.autoencoding import digest
from phosphene.training.budget import Budget, Progress
from phosphene.training.gathering import LESSONS, Encoder, enough, gather, sample, shared
from phosphene.training.latent_encoder import train_latent_encoder
from phosphene.training.lessons import Latents, Lessons
from phosphene.training.run import OnNote, alone
from phosphene.vectors import Pixels, Vectors

SEEDS = (1, 2, 3, 4)  # of a sheet's columns
SHOWN = 8  # a sheet's rows
NEIGHBOURS = 6
ENOUGH = 0.5  # of its minutes and of the pictures, for an autoencoder to stay

OnStep = Callable[[str, Progress], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train, and for how long."""

    autoencoder: Budget
    latent_encoder: Budget
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
    force: bool = False,
    on_step: OnStep | None = None,
    on_note: OnNote | None = None,
) -> RetrievalPipeline:
    """Train on a library's training images and write the generator into `folder`.

    `on_step` gets the stage (`autoencoder`, `latent_encoder` or `denoiser`) and how far it is; `on_note` gets
    what a user should know. Raises ModelError where there are too few pictures, or where the run beside the
    folder has other settings, and OutputError where the folder holds what phosphene did not make.
    """
    claim(folder, force=force, inputs=[plan.start] if plan.start else [])
    images = [image for image in examples if image.vector is not None]
    enough(len(images))
    start = None if plan.start is None else open_generator(plan.start, "cpu")
    with alone(run_beside(folder)):
        training = Training(run_beside(folder), plan, start, str(pick_device(device)), on_step, on_note)
        autoencoder = training.autoencoder(images)
        size = autoencoder.config["size"]
        encoder = Encoder(partial(encoded, autoencoder), size, digest(autoencoder))
        lessons = gather(images, embedder, embedder.space.id, encoder, training.run, on_note=on_note)
        latent_encoder = training.latent_encoder(lessons)
        denoiser = training.denoiser(lessons, autoencoder, latent_encoder)
        return write(denoiser, autoencoder, latent_encoder, embedder.space, folder, licence=plan.licence)


@dataclass(frozen=True, slots=True)
class Training:
    """What the trainings of all networks have in common."""

    run: Path
    plan: Plan
    start: BuiltinGenerator | None
    device: str
    on_step: OnStep | None
    on_note: OnNote | None

    def stage(self, name: str) -> dict[str, Any]:
        """How one of the networks is trained."""
        return {
            "start": getattr(self.start.pipeline, name) if self.start else None,
            "origin": self.start.capabilities.weights if self.start else "",
            "seed": self.plan.seed,
            "device": self.device,
            "on_step": partial(self.on_step, name) if self.on_step else None,
            "on_note": self.on_note,
        }

    def autoencoder(self, images: Sequence[Image]) -> Autoencoder:
        """The autoencoder: the one whose latents are learnt from, where it may stay, or a trained one.

        It stays where it has had half of its share of the minutes and has seen half of the pictures. To
        train it further would make all latents anew, and what the other networks know of them would be
        lost; that pays only where they have learnt for a small part of the minutes.
        """
        size = self.start.pipeline.size if self.start else self.plan.size
        lessons, before = Lessons.load(self.run / LESSONS), self._autoencoder_before(size)
        if lessons is not None and before is not None:
            network, share = before
            if share >= ENOUGH and shared(images, lessons) >= ENOUGH and lessons.encoder == digest(network):
                if share < 1:
                    self._note("the autoencoder stays as it is, so that what is learnt of its latents counts")
                return torch.nn.Module.to(network, self.device)
            self._note("the autoencoder is trained further, and all pictures are encoded by it anew")
        ids = json.dumps([size, *(image.id for image in images)])
        told, pictures = hashlib.sha256(ids.encode()).hexdigest(), sample(images, size)
        folder, stage = self.run / "autoencoder", self.stage("autoencoder")
        return autoencoding.fit(pictures, folder, self.plan.autoencoder, lessons=told, **stage)

    def latent_encoder(self, lessons: Lessons) -> LatentEncoder:
        """The latent encoder, trained."""
        folder, budget = self.run / "latent_encoder", self.plan.latent_encoder
        return train_latent_encoder(lessons, folder, budget, **self.stage("latent_encoder"))

    def denoiser(self, lessons: Lessons, autoencoder: Autoencoder, latent_encoder: LatentEncoder) -> Denoiser:
        """The denoiser, trained; now and then a sheet shows what it makes."""
        captions, near = _shown(lessons)
        settings = self.plan.settings
        return diffusion.fit(
            lessons,
            self.run / "denoiser",
            self.plan.denoiser,
            shaped(settings, self.start.pipeline.denoiser) if self.start else settings,
            on_sheet=lambda denoiser: sheet(
                RetrievalPipeline(denoiser, autoencoder, latent_encoder, new_scheduler()), captions, near
            ),
            **self.stage("denoiser"),
        )

    def _autoencoder_before(self, size: int) -> tuple[Autoencoder, float] | None:
        like = self.start.pipeline.autoencoder if self.start else autoencoding.new_autoencoder(size)
        return autoencoding.kept(self.run / "autoencoder", self.plan.autoencoder, like)

    def _note(self, text: str) -> None:
        if self.on_note:
            self.on_note(text)


def shaped(settings: diffusion.Settings, like: Denoiser) -> diffusion.Settings:
    """The settings with the shape of a network that is there."""
    shape = {each.name: like.config[each.name] for each in fields(settings) if each.name in like.config}
    levels = {name: tuple(shape[name]) for name in ("channels", "blocks")}  # JSON knows lists alone
    return replace(settings, **shape | levels)


def sheet(pipeline: RetrievalPipeline, captions: Vectors, near: Vectors) -> bytes:
    """A PNG with a row per caption (n, d), made from it and its neighbours (n, k, d), a column per seed."""
    rows = []
    for caption, neighbours in zip(captions, near, strict=True):
        condition = Condition(caption, neighbours, [1.0] * len(neighbours))
        made = pipeline([condition] * len(SEEDS), SEEDS)
        rows.append([to_picture(pixels) for pixels in made] if made is not None else [])
    return _tiled(rows, pipeline.size)


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
