"""The progress and the result of an `add`."""

from collections.abc import Callable
from dataclasses import dataclass

from phosphene.records import Failure


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an `add`: the pictures that are done, and the images that were added or failed."""

    done: int
    total: int | None  # None until the source has yielded its last item
    added: int = 0
    failed: int = 0
    seconds: float = 0.0
    note: str = ""  # what it is waiting for, if anything

    @property
    def rate(self) -> float:
        """Pictures per second so far."""
        return self.done / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Added:
    """The result of an `add`: how many images are new, how many pictures were known, and what failed."""

    added: int
    unchanged: int
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def failed(self) -> int:
        """How many pictures and captions files could not be added."""
        return len(self.failures)

    @property
    def images_per_second(self) -> float:
        """New images per second of the whole run."""
        return self.added / self.seconds if self.seconds else 0.0


OnProgress = Callable[[Progress], None]
OnCount = Callable[[int, int], None]  # images that were looked at, and images in all
