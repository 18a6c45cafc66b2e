"""One table of the embedding models and the generators that one can use on this machine.

Nothing is loaded. What a plugin's model needs, and whether that is here, only the plugin knows.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from phosphene.catalogue import registrations, snapshots, speeds
from phosphene.catalogue.embedding_models import EMBEDDING_MODELS, EmbeddingModel
from phosphene.catalogue.offers import Offer, fetch_command, offers
from phosphene.catalogue.registrations import Registered, RegisteredLora
from phosphene.catalogue.speeds import Speed
from phosphene.embedding import weights
from phosphene.embedding.identity import identify
from phosphene.embedding.towers import TowerKind
from phosphene.embedding.towers.kept import kept_of
from phosphene.errors import ModelError
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.lanes import LaneChoice
from phosphene.generation.requests import Mode
from phosphene.generators.diffusers.families import FAMILIES, VIT_BIGG, VIT_H, VIT_L, Family
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.machine import ROOM, gpu_memory, main_memory
from phosphene.plugins import installed
from phosphene.recipes.bounds import Lane
from phosphene.records import Space

FLOAT32, FLOAT16 = 4, 2  # bytes of a weight: on CPUs, and on GPUs
ENCODERS = {VIT_H: 0.63, VIT_L: 0.30, VIT_BIGG: 1.84}  # billions of parameters of their image towers


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """A row of the table. None stands for what is unknown, or what models of the kind do not have."""

    name: str
    kind: str  # `embedding` for models that make vectors, or a kind of offer
    licence: str = ""
    commercial: bool | None = None  # whether the licence allows commercial use
    size_on_disk: int | None = None  # bytes
    size_in_memory: int | None = None  # bytes of the weights, in the precision of this machine's device
    steps: int | None = None
    modes: tuple[Mode, ...] = ()
    dimension: int | None = None  # of the vectors that an embedding model makes
    here: bool | None = None
    path: Path | None = None
    package: str | None = None  # of a plugin
    trigger: str = ""  # the word for what a LoRA has learnt
    library: str = ""  # the library that it has learnt from
    images: str = ""  # the options of `train lora` that chose its images
    family: Family | None = None
    facts: EmbeddingModel | None = None
    speed: Speed | None = None  # of an embedding model that was measured on this machine
    runtime: str | None = None  # what runs an embedding model on a CPU

    @property
    def fits(self) -> bool | None:
        """Whether this machine has enough memory for it."""
        if self.size_in_memory is None:
            return None
        return self.size_in_memory + ROOM <= (gpu_memory() or main_memory())

    @property
    def fetch(self) -> str | None:
        """The command that brings it here, if it is not here."""
        return fetch_command(self.name) if self.here is False and self.path is None else None


def listing() -> Iterator[ListedModel]:
    """All models: for vectors, for pictures, and what belongs to those."""
    yield from _embeddings()
    yield _built_in_generator()
    yield from map(_added, registrations.registered().values())
    yield from map(_lora, registrations.loras().values())
    yield from map(_fetchable, offers())
    for plugin in installed("generators"):
        yield ListedModel(name=plugin.name, kind="generator", package=f"{plugin.package} {plugin.version}")


def lane_into(model: ListedModel, space: Space) -> Lane | None:
    """The lane that the neighbours of a library would take into a generator, once it is fetched.

    The spaces are compared by their models' names. None for what is no generator, for one of a plugin, and
    for one that cannot be used with the library.
    """
    if model.path == DIFFUSION_FOLDER:
        index = json.loads((DIFFUSION_FOLDER / snapshots.INDEX).read_bytes())
        return "vectors" if index["space"] == space.id else None
    if model.family is None:
        return None
    family, own = model.family, space.id if model.family.model == space.name else model.family.model
    beside = snapshots.beside(family)
    adapted = not (model.here and family.adapter) or beside.ip_adapter is not None
    encoder = not (model.here and (family.adapter or family.components)) or beside.image_encoder is not None
    expected = Capabilities(
        name=family.name,
        weights="",
        reads=family.reads if adapted else family.reads_without_vectors,
        space=own if adapted else None,
        size=family.size,
        modes=frozenset(family.pipelines),
    )
    return next(iter(LaneChoice(expected, space.id, own if encoder else None).possible), None)


def _embeddings() -> Iterator[ListedModel]:
    """The models with published facts, those of plugins, and others that were measured and are still here."""
    measured = speeds.remembered()
    for facts in EMBEDDING_MODELS.values():
        yield _published(facts, measured.pop(facts.name, None))
    for plugin in installed("embedders"):
        package, speed = f"{plugin.package} {plugin.version}", measured.pop(plugin.name, None)
        yield ListedModel(name=plugin.name, kind="embedding", package=package, speed=speed)
    for name, speed in measured.items():
        if found := _weights_here(name):
            yield ListedModel(
                name=name,
                kind="embedding",
                dimension=found.dimension,
                size_on_disk=found.file.stat().st_size,
                here=True,
                speed=speed,
                runtime=_runtime(found),
            )


def _published(facts: EmbeddingModel, speed: Speed | None) -> ListedModel:
    found = _weights_here(facts.name)
    return ListedModel(
        name=facts.name,
        kind="embedding",
        licence=facts.licence,
        commercial=facts.commercial,
        dimension=facts.dimension,
        size_on_disk=found.file.stat().st_size if found else facts.size,
        size_in_memory=facts.size,
        here=found is not None,
        facts=facts,
        speed=speed,
        runtime=_runtime(found) if found else None,
    )


def _weights_here(name: str) -> weights.Weights | None:
    """The weights of an embedding model, if they are on this machine."""
    try:
        return weights.resolve(name)
    except ModelError:
        return None


def _runtime(found: weights.Weights) -> str | None:
    """What runs a model on a CPU: `onnx`, or `torch (reason)`. None before its first use, or if damaged."""
    try:
        kept = kept_of(identify(found))
    except ModelError:
        return None
    kinds: tuple[TowerKind, ...] = get_args(TowerKind)
    if reasons := [reason for kind in kinds if (reason := kept.refusal(kind))]:
        return f"torch ({reasons[0]})"
    return "onnx" if any(map(kept.find, kinds)) else None


def _built_in_generator() -> ListedModel:
    """The generator of drawn landscapes, which phosphene's package has."""
    index = json.loads((DIFFUSION_FOLDER / snapshots.INDEX).read_bytes())
    size = sum(file.stat().st_size for file in DIFFUSION_FOLDER.rglob("*.safetensors"))
    return ListedModel(
        name="retrieval",
        kind="generator",
        licence=index["licence"],
        commercial=True,
        size_on_disk=size,
        size_in_memory=2 * size,  # its files are in half precision
        steps=index["num_inference_steps"],
        modes=("text-to-image", "image-to-image", "inpainting"),
        here=True,
        path=DIFFUSION_FOLDER,
    )


def _added(registered: Registered) -> ListedModel:
    family, path = FAMILIES.get(registered.family), registered.path  # a newer version may know more families
    files = path.rglob("*.safetensors") if path.is_dir() else [path]
    return ListedModel(
        name=registered.name,
        kind="generator",
        size_on_disk=sum(file.stat().st_size for file in files) if path.exists() else None,
        size_in_memory=_size_here(family) if family else None,
        steps=family.num_inference_steps if family else None,
        modes=tuple(family.pipelines) if family else (),
        here=path.exists(),
        path=path,
        family=family,
    )


def _lora(registered: RegisteredLora) -> ListedModel:
    path = registered.path
    return ListedModel(
        name=registered.name,
        kind="lora",
        size_on_disk=path.stat().st_size if path.exists() else None,
        here=path.exists(),
        path=path,
        trigger=registered.trigger,
        library=registered.library,
        images=registered.images,
    )


def _fetchable(offer: Offer) -> ListedModel:
    is_generator = offer.kind == "generator" and offer.family is not None
    paths = list(map(snapshots.place, offer.parts))
    return ListedModel(
        name=offer.name,
        kind=offer.kind,
        licence=offer.licence,
        commercial=offer.commercial,
        size_on_disk=offer.size_on_disk,
        size_in_memory=_size_here(offer.family) if offer.family and is_generator else None,
        steps=offer.family.num_inference_steps if offer.family and is_generator else None,
        modes=tuple(offer.family.pipelines) if offer.family and is_generator else (),
        here=None not in paths,
        path=None if None in paths else paths[0],
        family=offer.family if is_generator else None,
    )


def size_in_memory(family: Family, bytes_of_a_weight: int) -> int:
    """Bytes of the weights of a family with its image encoder."""
    elsewhere = family.adapter or family.components
    encoder = ENCODERS[family.model] if family.model and elsewhere else 0.0
    return round((family.parameters + encoder) * 1e9) * bytes_of_a_weight


def _size_here(family: Family) -> int:
    return size_in_memory(family, FLOAT16 if gpu_memory() else FLOAT32)
