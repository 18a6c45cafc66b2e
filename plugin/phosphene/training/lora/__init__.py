"""Teach a pretrained model a library's pictures: train a LoRA for it (Hu et al. 2021).

A LoRA changes the attention layers of the model's UNet by matrices of a low rank. Its file has a few
megabytes and works with the checkpoint that it was trained on, and often with others of its family.

The run is kept beside the file, in `FILE.training`: latents, checkpoint, log, loss curve and sheets of
samples. The same call continues one that was killed, and takes the steps that it would have taken.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from phosphene import outputs
from phosphene.errors import ModelError, OutputError
from phosphene.files import write_whole
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.records import Image
from phosphene.training.budget import Budget, TrainingProgress, checked, cosine, set_rate
from phosphene.training.lora.encoding import lora_dataset
from phosphene.training.lora.unet import LoraSettings as LoraSettings
from phosphene.training.lora.unet import LoraTrainer, saved
from phosphene.training.run import CHECKPOINT, OnNote, alone
from phosphene.training.samples import tiled
from phosphene.training.trainer import EVERY, OnTrainingProgress

FAMILIES = ("sd15", "sdxl")  # whose UNet is trained here
SEEDS, ROWS = (1, 2), 3  # the columns and the rows of a sheet


def train_lora(
    images: Iterable[Image],
    checkpoint: Checkpoint,
    file: Path,
    budget: Budget,
    settings: LoraSettings | None = None,
    *,
    seed: int = 0,
    on_step: OnTrainingProgress | None = None,
    on_note: OnNote | None = None,
    sheet_every: float = 600.0,
) -> int:
    """Train a LoRA on a library's images, write it to `file`, and return the number of pictures.

    The LoRA stays in the UNet of the `checkpoint`. Every `sheet_every` seconds a sheet of pictures that are
    made with it is written beside the log. Raises ModelError for a family that this cannot train, for
    too few pictures, for pictures without words, and if the run beside the file has other settings.
    """
    settings = settings or LoraSettings()
    check_family(checkpoint)
    folder = run_beside(file)
    with alone(folder):
        size = settings.size or min(checkpoint.size)
        dataset = lora_dataset(list(images), checkpoint, folder, size=size, trigger=settings.trigger)
        trainer = LoraTrainer(checkpoint, dataset, settings, seed)
        run = trainer.run(folder, budget, on_note)
        drawn = run.seconds
        for step in run:
            set_rate(trainer.optimizer, cosine(step.progress, settings.learning_rate))
            loss = checked(trainer.step(run.random), step.number)
            if step.number % EVERY == 0:
                run.note(loss=loss)
            if on_step:
                on_step(TrainingProgress(step.progress, step.number, loss))
            if run.seconds - drawn > sheet_every:
                drawn = run.seconds
                write_whole(folder / f"sheet-{step.number:06d}.png", sheet(checkpoint, dataset.words))
        write_whole(file, saved(trainer.weights, settings))
    return len(dataset)


def sheet(checkpoint: Checkpoint, words: Sequence[str]) -> bytes:
    """A PNG with a row for each of the first ROWS texts, and a column per seed."""
    from phosphene.generation import Request
    from phosphene.generators.diffusers.generator import DiffusersGenerator

    generator, side = DiffusersGenerator(checkpoint), min(checkpoint.size)
    rows = [
        [Request(seed=seed, prompt=text, size=(side, side)) for seed in SEEDS]
        for text in dict.fromkeys(words[:ROWS])
    ]
    return tiled([[made.picture() for made in generator.generate(row)] for row in rows], side)


def check_family(checkpoint: Checkpoint) -> None:
    """Raise ModelError for a family whose LoRAs cannot be trained here."""
    name = checkpoint.family.name
    if name not in FAMILIES:
        raise ModelError(
            f"phosphene cannot train a LoRA for `{name}`.",
            hint=f"use a checkpoint of {' or '.join(FAMILIES)}",
        )


def claim(file: Path, *, force: bool = False) -> Path:
    """The path of a LoRA, if it may be written there; see `outputs.claim`. A file of this training may."""
    if file.suffix != ".safetensors":
        raise OutputError(
            f"A LoRA cannot be written to `{file}`.", hint=f"name a file such as `{file.stem}.safetensors`"
        )
    return outputs.claim(file, force=force or (run_beside(file) / CHECKPOINT).exists())


def run_beside(file: Path) -> Path:
    """The folder of a LoRA's training, which is `FILE.training`."""
    return file.with_name(f"{file.name}.training")
