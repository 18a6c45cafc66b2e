"""Train all networks of a generator on a library, and write it to a folder.

    plan = TrainingPlan(Budget(minutes=10), Budget(minutes=5), Budget(minutes=90))
    train_generator(library.examples(), library.embedder, library.folder / "generator", plan)

First the autoencoder learns to turn pictures into latents and back. Once all pictures are latents, the
latent encoder learns to predict their vectors, and the denoiser learns to make such latents from vectors.

The run is kept beside the generator, in `FOLDER.training`: the dataset, checkpoints, logs, loss curves and
sheets of samples. The same call continues one that was killed.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phosphene.device import pick_device
from phosphene.embedding import Embedder
from phosphene.generators.retrieval.generator import BuiltinGenerator, open_generator
from phosphene.generators.retrieval.pipeline import RetrievalPipeline
from phosphene.generators.retrieval.saving import claim, run_beside, write
from phosphene.generators.retrieval.scheduling import default_scheduler
from phosphene.nets.autoencoder import Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.records import Image
from phosphene.training.autoencoder import (
    encoder_digest,
    new_autoencoder,
    saved_autoencoder,
    to_unit_range,
    train_autoencoder,
)
from phosphene.training.budget import Budget, TrainingProgress
from phosphene.training.dataset import LatentDataset, Latents
from phosphene.training.denoiser import DenoiserSettings, train_denoiser
from phosphene.training.latent_cache import (
    DATASET,
    PictureEncoder,
    build_dataset,
    check_count,
    sample,
    shared,
)
from phosphene.training.latent_encoder import train_latent_encoder
from phosphene.training.run import OnNote, alone
from phosphene.training.samples import tiled
from phosphene.vectors import Pixels, Vectors

SEEDS = (1, 2, 3, 4)  # of the columns of a sheet
ROWS = 8  # of a sheet
NEIGHBOURS = 6
KEEP_FROM = 0.5  # an autoencoder with this share of its budget and of the pictures is not trained further

SAMPLE, GPU_SAMPLE = 4_000, 40_000  # pictures for the autoencoder; 40,000 of 256 pixels are 7.9 GB

OnStageProgress = Callable[[str, TrainingProgress], None]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The settings and the budgets of the trainings."""

    autoencoder: Budget
    latent_encoder: Budget
    denoiser: Budget
    size: int = 256  # pixels of a side
    settings: DenoiserSettings = field(default_factory=DenoiserSettings)
    start: Path | None = None  # a generator of any space to continue from, which decides the networks' shapes
    rate: float = 1.0  # a factor for all learning rates
    seed: int = 0
    licence: str = ""  # of the weights, as an SPDX identifier


def train_generator(
    examples: Iterable[Image],
    embedder: Embedder,
    folder: Path,
    plan: TrainingPlan,
    *,
    device: str = "auto",
    force: bool = False,
    on_step: OnStageProgress | None = None,
    on_note: OnNote | None = None,
) -> RetrievalPipeline:
    """Train on a library's imported images and write the generator into `folder`.

    `on_step` gets the stage (`autoencoder`, `latent_encoder` or `denoiser`) and its progress, and `on_note`
    gets sentences for the user. Raises ModelError if there are too few pictures, or if the run beside the
    folder has other settings, and OutputError if the folder holds files that phosphene did not write.
    """
    claim(folder, force=force, inputs=[plan.start] if plan.start else [])
    images = [image for image in examples if image.vector is not None]
    check_count(len(images))
    start = None if plan.start is None else open_generator(plan.start, "cpu")
    with alone(run_beside(folder)):
        training = Training(run_beside(folder), plan, start, str(pick_device(device)), on_step, on_note)
        autoencoder = training.autoencoder(images)
        size = autoencoder.config["sample_size"]
        encoder = PictureEncoder(partial(encoded, autoencoder), size, encoder_digest(autoencoder))
        space, on = embedder.space.id, training.device
        dataset = build_dataset(images, embedder, space, encoder, training.run, device=on, on_note=on_note)
        latent_encoder = training.latent_encoder(dataset)
        denoiser = training.denoiser(dataset, autoencoder, latent_encoder)
        return write(denoiser, autoencoder, latent_encoder, embedder.space, folder, licence=plan.licence)


@dataclass(frozen=True, slots=True)
class Training:
    """The trainings of all networks, and what they share."""

    run: Path
    plan: TrainingPlan
    start: BuiltinGenerator | None
    device: str
    on_step: OnStageProgress | None
    on_note: OnNote | None

    def stage(self, name: str) -> dict[str, Any]:
        """The arguments that are common to the trainings of all networks."""
        return {
            "start": getattr(self.start.pipeline, name) if self.start else None,
            "origin": self.start.capabilities.weights if self.start else "",
            "rate": self.plan.rate,
            "seed": self.plan.seed,
            "device": self.device,
            "on_step": partial(self.on_step, name) if self.on_step else None,
            "on_note": self.on_note,
        }

    def autoencoder(self, images: Sequence[Image]) -> Autoencoder:
        """The trained autoencoder.

        The autoencoder of an earlier attempt is kept as it is if it has had half of its budget and has seen
        half of the pictures. Training it further would change all latents, and the other networks would have
        to learn them again. That pays only if they have learnt for a small part of their budget.
        """
        size = self.start.pipeline.size if self.start else self.plan.size
        dataset, before = LatentDataset.load(self.run / DATASET), self._autoencoder_before(size)
        if dataset is not None and before is not None:
            network, share = before
            if (
                share >= KEEP_FROM
                and shared(images, dataset) >= KEEP_FROM
                and dataset.encoder == encoder_digest(network)
            ):
                if share < 1:
                    self._note(
                        "The autoencoder stays as it is, because the other networks have learnt its latents."
                    )
                return torch.nn.Module.to(network, self.device)
            self._note("The autoencoder is trained further, and encodes all pictures anew.")
        ids = json.dumps([size, *(image.id for image in images)])
        identity, pictures = hashlib.sha256(ids.encode()).hexdigest(), sample(images, size, self.sampled)
        folder, stage = self.run / "autoencoder", self.stage("autoencoder")
        return train_autoencoder(pictures, folder, self.plan.autoencoder, dataset=identity, **stage)

    @property
    def sampled(self) -> int:
        """How many pictures the autoencoder learns from. On a GPU, which is faster, they are more."""
        return GPU_SAMPLE if torch.device(self.device).type == "cuda" else SAMPLE

    def latent_encoder(self, dataset: LatentDataset) -> LatentEncoder:
        """The trained latent encoder."""
        folder, budget = self.run / "latent_encoder", self.plan.latent_encoder
        return train_latent_encoder(dataset, folder, budget, **self.stage("latent_encoder"))

    def denoiser(
        self, dataset: LatentDataset, autoencoder: Autoencoder, latent_encoder: LatentEncoder
    ) -> Denoiser:
        """The trained denoiser. Now and then a sheet shows pictures of it."""
        captions, near = _shown(dataset)
        settings = self.plan.settings
        return train_denoiser(
            dataset,
            self.run / "denoiser",
            self.plan.denoiser,
            shaped(settings, self.start.pipeline.denoiser) if self.start else settings,
            on_sheet=lambda denoiser: sheet(
                RetrievalPipeline(denoiser, autoencoder, latent_encoder, default_scheduler()), captions, near
            ),
            **self.stage("denoiser"),
        )

    def _autoencoder_before(self, size: int) -> tuple[Autoencoder, float] | None:
        like = self.start.pipeline.autoencoder if self.start else new_autoencoder(size)
        return saved_autoencoder(self.run / "autoencoder", self.plan.autoencoder, like)

    def _note(self, text: str) -> None:
        if self.on_note:
            self.on_note(text)


def shaped(settings: DenoiserSettings, like: Denoiser) -> DenoiserSettings:
    """The settings with the shape of an existing network."""
    shape = {each.name: like.config[each.name] for each in fields(settings) if each.name in like.config}
    # JSON has lists instead of tuples.
    levels = {name: tuple(shape[name]) for name in ("block_out_channels", "layers_per_block")}
    return replace(settings, **shape | levels)


def sheet(pipeline: RetrievalPipeline, captions: Vectors, near: Vectors) -> bytes:
    """A PNG with a row per caption (n, d) and its neighbours (n, k, d), and a column per seed."""
    rows = []
    pipeline.set_progress_bar_config(disable=True)  # type: ignore[no-untyped-call]
    for caption, neighbours in zip(captions, near, strict=True):
        generator = [torch.Generator().manual_seed(seed) for seed in SEEDS]
        rows.append(pipeline([caption] * len(SEEDS), [neighbours] * len(SEEDS), generator=generator).images)
    return tiled(rows, pipeline.size)


@torch.no_grad()
def encoded(autoencoder: Autoencoder, pictures: Sequence[Pixels]) -> Latents:
    """The latents (n, latent_channels, h, w) of pictures of 8 bits."""
    clean = to_unit_range(torch.from_numpy(np.stack(pictures)).to(autoencoder.device))
    return autoencoder.encode(clean).to(torch.float16).cpu().numpy()


def _shown(dataset: LatentDataset) -> tuple[Vectors, Vectors]:
    """The last captions (n, d) of some pictures across the dataset, and their neighbours (n, k, d)."""
    worded = np.flatnonzero(np.diff(dataset.first))
    chosen = worded[:: max(1, len(worded) // ROWS)][:ROWS]
    last = dataset.first[chosen + 1] - 1
    near = np.maximum(dataset.near_texts[last, :NEIGHBOURS], 0)
    return dataset.texts[last], dataset.own[near]
