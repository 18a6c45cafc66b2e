"""The families of generators, a folder each, and how one is opened for a library by its name."""

from pathlib import Path
from typing import Protocol

from phosphene.errors import GenerationError
from phosphene.generation import Generator
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.plugins import Registry
from phosphene.records import Space

DEFAULT = "retrieval"


class OpenGenerator(Protocol):
    """What the entry point of a generator is: a function that opens it."""

    def __call__(self, checkpoint: str, *, folder: Path, space: Space, device: str) -> Generator:
        """Open the generator for the library in `folder`, whose vectors are of `space`.

        `checkpoint` is what the user wrote after a colon (`--generator NAME:CHECKPOINT`), or empty.
        `device` is `auto`, `cpu`, `cuda` or `mps`. Raises GenerationError or ModelError where that fails.
        """
        ...


def _retrieval() -> OpenGenerator:
    return open_retrieval


GENERATORS: Registry[OpenGenerator] = Registry("generators", {DEFAULT: _retrieval})


def open_generator(name: str | None, folder: Path, space: Space, *, device: str = "auto") -> Generator:
    """The generator that a user names, for the library in `folder` with the vectors of `space`.

    A name is that of a family, and may have a checkpoint after a colon: `NAME:CHECKPOINT`. None means
    the one that phosphene trains. Plugins register an `OpenGenerator` as an entry point of
    `phosphene.generators`.

    Raises PluginError for an unknown name, and GenerationError where there is none for the space.
    """
    family, _, checkpoint = (name or DEFAULT).partition(":")
    return GENERATORS.load(family)(checkpoint, folder=folder, space=space, device=device)


def open_retrieval(checkpoint: str, *, folder: Path, space: Space, device: str) -> Generator:
    """The generator that phosphene trains: of a checkpoint's folder, else the library's own, else shipped.

    Raises GenerationError where none of them speaks the vectors of the space, and ModelError for
    damaged weights.
    """
    from phosphene.generators.retrieval import generator as builtin

    own = [Path(checkpoint).expanduser()] if checkpoint else [folder / "generator", DIFFUSION_FOLDER]
    for place in own:
        if checkpoint or (place / "model_index.json").exists():
            generator = builtin.open_generator(place, device)
            if generator.capabilities.space == space.id:
                return generator
    raise GenerationError(
        f"No generator speaks the vectors of {space.id} (`{space.name}`).",
        hint="`phosphene train diffusion -L LIBRARY` trains a small one on the library's own pictures",
    )
