"""Making new pictures: the Generator seam.

A generator does not search: a request already holds the neighbours, and they become the picture's parents. It
does not choose between candidates either: `choosing` does that, for every generator in the same way.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from phosphene.embedding import ImageEncoder
from phosphene.generation.additions import Additions as Additions
from phosphene.generation.capabilities import Addition as Addition
from phosphene.generation.capabilities import AdditionKind as AdditionKind
from phosphene.generation.capabilities import Capabilities as Capabilities
from phosphene.generation.capabilities import Option as Option
from phosphene.generation.requests import Generated as Generated
from phosphene.generation.requests import Mode as Mode
from phosphene.generation.requests import OnLane as OnLane
from phosphene.generation.requests import OnStep as OnStep
from phosphene.generation.requests import Reads as Reads
from phosphene.generation.requests import Reference as Reference
from phosphene.generation.requests import Request as Request
from phosphene.generation.requests import Step as Step
from phosphene.generation.requests import TokenCount as TokenCount
from phosphene.generation.requests import Value as Value
from phosphene.recipes.bounds import Fit as Fit
from phosphene.recipes.bounds import Lane as Lane


class Generator(Protocol):
    """Makes pictures from requests.

    Every implementation passes the conformance suite in `phosphene.testing.generators`.
    """

    @property
    def capabilities(self) -> Capabilities:
        """The requests that it can serve. They never change while the generator is open."""
        ...

    @property
    def image_encoder(self) -> ImageEncoder | None:
        """The model that makes vectors of `capabilities.space` from pictures, if the generator has it here.

        With it, a library of another space can be used: its neighbours are embedded again.
        """
        ...

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Make one picture per request, in order, after checking all of the requests.

        A picture depends on its own request alone, and the same request gives the same picture. When
        `on_step` returns False, the generator stops: it yields neither the pictures of the current batch nor
        any later ones. Raises GenerationError for a request that the capabilities do not allow.
        """
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """A generator that can count the tokens of prompts. Generators need not be able to."""

    def count_tokens(self, prompt: str) -> TokenCount | None:
        """The tokens of a prompt, or None for a checkpoint that reads no words."""
        ...
