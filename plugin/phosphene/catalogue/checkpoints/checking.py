"""Checks that a model is whole and works, and measures what it costs on this machine."""

import re
from dataclasses import dataclass, field
from time import perf_counter

from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.catalogue import registrations
from phosphene.catalogue.checkpoints.adding import described
from phosphene.catalogue.offers import fetch_command, offer
from phosphene.config import expanded, home
from phosphene.embedding import open_embedder
from phosphene.embedding.model_names import parse
from phosphene.embedding.weights import resolve
from phosphene.errors import ModelError
from phosphene.generation import Generator, OnStep, Reference, Request, Step
from phosphene.generators import GENERATORS, open_generator
from phosphene.hub.download import digest
from phosphene.machine import peak_memory
from phosphene.records import Space

HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # the name of a file's bytes in the hub's cache
STEPS = 2
PROMPT = "a house by a lake"
NOWHERE = Space("none", "none", 1)  # the space of no library


@dataclass(frozen=True, slots=True)
class CheckedGenerator:
    """The findings of a check: the files are whole, and a picture was made in so much time."""

    name: str
    weights: str  # sha256 of everything that decides the pictures
    hashes: int  # files whose hash was compared with a known one
    size: tuple[int, int]  # of the picture
    loading: float  # seconds
    step: float  # seconds of one step
    decoding: float  # seconds from the last step to the picture
    memory: int | None  # bytes, the most that this process has had in use; None where nobody counts them


@dataclass(frozen=True, slots=True)
class CheckedEmbedder:
    """The findings of a check of an embedding model: it makes vectors in so much time."""

    name: str
    space: str  # the `Space.id` of its vectors
    dimension: int
    loading: float  # seconds until the first vector
    text: float  # seconds of a text
    picture: float  # seconds of a picture
    memory: int | None


@dataclass(slots=True)
class _Clock:
    """When each step ended."""

    on_step: OnStep | None
    times: list[float] = field(default_factory=list)

    def __call__(self, step: Step) -> bool | None:
        self.times.append(perf_counter())
        return self.on_step(step) if self.on_step else None

    @property
    def step(self) -> float:
        """Seconds of a step, without the first one, in which much is done for the first time."""
        return (self.times[-1] - self.times[0]) / max(len(self.times) - 1, 1)


def check(name: str, *, device: str = "auto", on_step: OnStep | None = None) -> CheckedGenerator:
    """Compare a generator's files with their hashes, load it, and make a picture in two steps.

    Raises ModelError or PluginError if it is not here, damaged or not whole.
    """
    hashes = _compare_fetched(name) + _compare_added(name)
    started = perf_counter()
    generator = open_generator(name, home(), NOWHERE, device=device)
    loaded, clock = perf_counter(), _Clock(on_step)
    [made] = generator.generate([_request(generator)], on_step=clock)
    picture = made.picture()
    return CheckedGenerator(
        name,
        generator.capabilities.weights,
        hashes,
        picture.size,
        loading=loaded - started,
        step=clock.step,
        decoding=perf_counter() - clock.times[-1],
        memory=peak_memory(),
    )


def check_embedder(name: str, *, device: str = "auto") -> CheckedEmbedder:
    """Load an embedding model that is on this machine, and embed a text and a picture.

    Raises ModelError if it is not here, or damaged.
    """
    started = perf_counter()
    if parse(name).kind != "plugin":
        resolve(name)
    embedder = open_embedder(name, device=device)
    embedder.texts([PROMPT])
    pixels = embedder.prepare(grey())
    embedder.pictures([pixels])  # much is done for the first time
    loaded = perf_counter()
    embedder.texts([PROMPT])
    read = perf_counter()
    embedder.pictures([pixels])
    return CheckedEmbedder(
        name,
        embedder.space.id,
        embedder.space.dimension,
        loading=loaded - started,
        text=read - loaded,
        picture=perf_counter() - read,
        memory=peak_memory(),
    )


def is_embedder(name: str) -> bool:
    """Whether a name is one of an embedding model, and not of a generator or of a file."""
    if offer(name) or name in registrations.registered() or expanded(name).exists() or GENERATORS.has(name):
        return False
    try:
        parse(name)
    except ModelError:
        return False
    return True


def grey() -> Picture:
    """A picture that stands for any."""
    return pillow.new("RGB", (256, 256), "grey")


def _compare_fetched(name: str) -> int:
    """Compare files of the hub's cache with the hashes that are their names. Returns how many there are."""
    files = [file.resolve() for file in registrations.fetched().get(name, []) if file.exists()]
    hashed = [file for file in files if HASH.fullmatch(file.name)]
    for file in hashed:
        if digest(file, file.name) != file.name:
            raise ModelError(
                f"`{file}` is damaged, because its content does not have the hash that is its name.",
                hint=f"delete this file and run `{fetch_command(name)}`",
            )
    return len(hashed)


def _compare_added(name: str) -> int:
    """Compare an added checkpoint with what it was then. Returns 1 if there is one."""
    entry = registrations.registered().get(name)
    if entry and described(name, entry.path).sha256 != entry.sha256:
        raise ModelError(
            f"`{entry.path}` has changed since it was added as `{name}`.",
            hint=f"if it should have, run `phosphene models add {entry.path} --name {name}`",
        )
    return 1 if entry else 0


def _request(generator: Generator) -> Request:
    """A request that needs no library: with the vector of a grey picture, or else by words alone."""
    can, encoder = generator.capabilities, generator.image_encoder
    if "vectors" not in can.reads or encoder is None:
        return Request(seed=0, prompt=PROMPT, lane="words", num_inference_steps=STEPS)
    embedded = encoder.pictures([encoder.prepare(grey())])
    neighbour = Reference("grey", embedded.vectors[0], float(embedded.norms[0]))
    return Request(
        seed=0,
        prompt=PROMPT,
        references=(neighbour,),
        reference_space=encoder.space.id,
        lane="embedded",
        num_inference_steps=STEPS,
    )
