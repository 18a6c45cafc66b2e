"""The generator of a library: the one that was named on opening, the preferred one, or that of its space."""

from dataclasses import dataclass
from pathlib import Path

from phosphene.generation import Additions, Generator
from phosphene.generation.additions import additions_again, lacking, refuse_lacking
from phosphene.generators import open_generator
from phosphene.preferences import preferences_for
from phosphene.recipes import Recipe
from phosphene.records import Space


@dataclass(slots=True)
class LibraryGenerator:
    """Opens the generator of a library when it is first needed, and holds it open."""

    url: str
    folder: Path
    space: Space
    name: str | None  # None: the preferred one, or else that of the space
    additions: Additions
    compiled: bool
    device: str
    opened: Generator | None = None

    def get(self) -> Generator:
        """The generator with the additions that were named on opening."""
        if self.opened is None:
            self.opened = self._open(self.additions)
        return self.opened

    def get_for(self, recipe: Recipe) -> Generator:
        """The generator for a replay, with the additions of the recipe unless others were named on opening.

        Raises GenerationError if some of them are not on this machine.
        """
        if self.additions.named or not lacking(recipe, self.get().capabilities):
            return self.get()
        self.opened = None  # it is opened again when it is needed, as two of them may not fit into memory
        generator = self._open(additions_again(recipe))
        refuse_lacking(recipe, generator.capabilities)
        return generator

    def _open(self, additions: Additions) -> Generator:
        return open_generator(
            self.name or preferences_for(self.url).generator,
            self.folder,
            self.space,
            device=self.device,
            additions=additions,
            compiled=self.compiled,
        )
