"""Everything that looks at a library as a whole, behind `Library.explore`."""

from dataclasses import dataclass
from typing import TypedDict, Unpack

from phosphene.explore.clusters import Clusters, clusters
from phosphene.explore.outliers import Outlier, outliers
from phosphene.explore.sample import LIMIT, Sample, sample
from phosphene.explore.unique import Representative, unique
from phosphene.filters import Filter, all_of, of_origin
from phosphene.query import as_filter
from phosphene.records import Origin
from phosphene.store import Store


class ChosenImages(TypedDict, total=False):
    """Which images are compared: those of an origin for which filters hold, and at most `limit` of them."""

    where: str | Filter | None
    origin: Origin | None
    limit: int


@dataclass(frozen=True, slots=True)
class Explorer:
    """Looks at the images of a store as a whole. What it returns is plain data, which `render` draws."""

    store: Store

    def sample(
        self, *, where: str | Filter | None = None, origin: Origin | None = None, limit: int = LIMIT
    ) -> Sample:
        """Images with their vectors as one matrix."""
        return sample(self.store, all_of(of_origin(origin), as_filter(where)), limit)

    def clusters(self, fewest: int | None = None, **chosen: Unpack[ChosenImages]) -> Clusters:
        """Groups of at least `fewest` images that lie close together."""
        return clusters(self.sample(**chosen), fewest)

    def outliers(self, count: int | None = None, **chosen: Unpack[ChosenImages]) -> list[Outlier]:
        """The images that are farthest from all others."""
        return outliers(self.sample(**chosen), count)

    def unique(self, count: int = 50, **chosen: Unpack[ChosenImages]) -> list[Representative]:
        """A few images that stand for all."""
        return unique(self.sample(**chosen), count)
