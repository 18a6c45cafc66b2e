"""A repair in progress: what it was given, the model that it may need, and what it has done so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phosphene.embedding import Embedder
from phosphene.files import aside_in
from phosphene.store.location import LoadModel

MAX_NAMED = 3  # files that a sentence names


@dataclass(slots=True)
class Repairing:
    """One repair of the library in `folder`. `done` has a sentence for each thing that was done."""

    folder: Path
    load: LoadModel
    on_done: Callable[[str], None]
    on_progress: Callable[[int, int | None], None]
    done: list[str] = field(default_factory=list)
    model: Embedder | None = None

    def say(self, sentence: str) -> None:
        """Note what was done."""
        self.done.append(sentence)
        self.on_done(sentence)

    def set_aside(self, paths: Sequence[Path]) -> None:
        """Move damaged files into a folder of the library, since a repair deletes nothing."""
        aside = aside_in(self.folder)
        for path in paths:
            target = aside / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        names = ", ".join(f"`{path.relative_to(self.folder)}`" for path in paths[:MAX_NAMED])
        self.say(f"set {names}{' …' if len(paths) > MAX_NAMED else ''} aside in `{aside}`")

    def embedder(self, name: str) -> Embedder:
        """The model of the library, loaded when it is first needed."""
        self.model = self.model or self.load(name)
        return self.model
