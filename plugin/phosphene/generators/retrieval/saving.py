"""Writes the folder of a trained generator, and says whether a folder may be overwritten.

Only the files of a generator are replaced, one by one. Other files in the folder stay as they are.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError

from phosphene.errors import StoreError
from phosphene.files import inside, sync, sync_folder
from phosphene.generators.retrieval import former_names
from phosphene.generators.retrieval.generator import cast
from phosphene.generators.retrieval.pipeline import RetrievalPipeline
from phosphene.generators.retrieval.scheduling import default_scheduler
from phosphene.interrupt import uninterrupted
from phosphene.nets.autoencoder import Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.outputs import claim_folder, only
from phosphene.records import Space
from phosphene.training.latent_cache import DATASET, LATENTS
from phosphene.training.run import LOCK

INDEX = "model_index.json"  # a folder without it does not count as a generator
STAGE = ".phosphene.new"  # a generator is written here first, before its files are moved into place
STAGES = ("autoencoder", "latent_encoder", "denoiser")  # the three trainings in their order


def run_beside(folder: Path) -> Path:
    """The folder of a generator's training, which is `FOLDER.training`."""
    named = folder if folder.name not in ("", "..") else folder.resolve()
    return named.with_name(f"{named.name}.training")


def claim(folder: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """The folder, if a generator and its training may be written there; see `claim_folder`."""
    claim_folder(folder, is_ours, force=force, inputs=inputs)
    claim_folder(run_beside(folder), is_run, force=force)
    return folder


def is_ours(folder: Path) -> bool:
    """Whether a folder holds a generator that phosphene trained, even one that it was just replacing."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except (OSError, ValueError, RecursionError):
        return (folder / STAGE).is_dir()
    return isinstance(index, dict) and index.get("_class_name") == RetrievalPipeline.__name__


def is_run(folder: Path) -> bool:
    """Whether a folder holds nothing but the training of a generator."""
    return only(folder, (*STAGES, *former_names.NETWORKS.values(), DATASET, LATENTS, LOCK))


def write(
    denoiser: Denoiser,
    autoencoder: Autoencoder,
    latent_encoder: LatentEncoder,
    space: Space,
    folder: Path,
    *,
    licence: str = "",
) -> RetrievalPipeline:
    """Write a generator to `folder` in half precision, where it replaces any other generator.

    The returned pipeline has the rounded weights, but computes in full precision.
    """
    pipeline = RetrievalPipeline(
        cast(denoiser, torch.float16),
        cast(autoencoder, torch.float16),
        cast(latent_encoder, torch.float16),
        default_scheduler(),
        space=space.id,
        dimension=space.dimension,
        licence=licence,
    )
    _save(pipeline, folder)
    for network in (denoiser, autoencoder, latent_encoder):
        cast(network, torch.float32)
    return pipeline


def _save(pipeline: RetrievalPipeline, folder: Path) -> None:
    """Save a generator beside the one that it replaces, then move its files into place."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = inside(folder, STAGE)
    try:
        pipeline.save_pretrained(stage, safe_serialization=True)
        with uninterrupted():
            _replace(folder, stage)
    except SafetensorError as error:  # safetensors raises this for errors of the operating system
        raise StoreError(f"`{folder}` cannot be written: {error}.", "make room on the disk") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _replace(folder: Path, stage: Path) -> None:
    """Move the files of a generator into place, the index last, so that half a generator never counts."""
    mode = (stage / INDEX).stat().st_mode & 0o777  # the permissions that the umask allows
    files = [path.relative_to(stage) for path in sorted(stage.rglob("*")) if path.is_file()]
    for file in files:
        (stage / file).chmod(mode)  # safetensors writes files that only their owner can read
        with (stage / file).open("rb") as written:
            sync(written.fileno())
    (folder / INDEX).unlink(missing_ok=True)
    for file in sorted(files, key=lambda file: file.name == INDEX):
        target = inside(folder, str(file))
        target.parent.mkdir(exist_ok=True)
        (stage / file).replace(target)
        sync_folder(target.parent)
