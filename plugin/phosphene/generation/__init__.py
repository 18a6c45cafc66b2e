"""New pictures: the Generator seam.

Generators never search: what they are handed is exactly the lineage. They never choose either: of
several candidates the best is kept above them, in `choosing`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from phosphene.generation.capabilities import Capabilities as Capabilities
from phosphene.generation.capabilities import Option as Option
from phosphene.generation.requests import Generated as Generated
from phosphene.generation.requests import Lane as Lane
from phosphene.generation.requests import Mode as Mode
from phosphene.generation.requests import OnStep as OnStep
from phosphene.generation.requests import Reference as Reference
from phosphene.generation.requests import Request as Request
from phosphene.generation.requests import Step as Step
from phosphene.generation.requests import Value as Value
from phosphene.recipes.bounds import Fit as Fit


class Generator(Protocol):
    """Makes pictures from requests.

    Every implementation passes the conformance suite in `phosphene.testing.generators`.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, known before it is asked for anything."""
        ...

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Make one picture per request, in order. All requests are checked before the first is made.

        A picture depends on its own request alone, and the same request gives the same picture.
        Raises GenerationError for a request that the capabilities do not allow. When `on_step`
        returns False, the pictures of the batch in progress and of those after it do not come.
        """
        ...
