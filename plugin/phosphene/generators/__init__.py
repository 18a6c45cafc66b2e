"""The families of generators, a folder each, and how one is opened for a library."""

from pathlib import Path

from phosphene.errors import GenerationError
from phosphene.generation import Generator
from phosphene.records import Space

SHIPPED = Path(__file__).parent.parent / "landscape" / "weights" / "diffusion"


def open_generator(own: Path, space: Space, *, device: str = "auto") -> Generator:
    """The generator for a library's space: the library's own, or the one that phosphene ships.

    Raises GenerationError where neither speaks the space's vectors, ModelError for damaged weights.
    """
    from phosphene.generators.retrieval import generator as builtin

    for folder in (own, SHIPPED):
        if (folder / "model_index.json").exists():
            generator = builtin.open_generator(folder, device)
            if generator.capabilities.space == space.id:
                return generator
    raise GenerationError(
        f"no generator speaks the vectors of {space.id} (`{space.name}`)",
        hint="`phosphene train diffusion -L LIBRARY` trains a small one on the library's own pictures",
    )
