"""The families of generators, a folder each, and how one is opened for a library by its name."""

from collections.abc import Callable
from pathlib import Path

from phosphene.errors import GenerationError
from phosphene.generation import Generator
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.plugins import Registry
from phosphene.records import Space

DEFAULT = "retrieval"
OpenGenerator = Callable[..., Generator]


def _retrieval() -> OpenGenerator:
    return open_retrieval


GENERATORS: Registry[OpenGenerator] = Registry("generators", {DEFAULT: _retrieval})


def open_generator(name: str | None, folder: Path, space: Space, *, device: str = "auto") -> Generator:
    """The generator that a user names, for the library in `folder` with the vectors of `space`.

    A name is that of a family, and may have a checkpoint after a colon: `NAME:CHECKPOINT`. None stands
    for the one that phosphene trains. A plugin registers a function under `phosphene.generators`:

        def open_toy(checkpoint: str, *, folder: Path, space: Space, device: str) -> Generator

    Raises PluginError for an unknown name, GenerationError where there is none for the space.
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
