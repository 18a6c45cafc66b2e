"""Everything that looks at a library as a whole, behind `Library.explore`."""

from dataclasses import dataclass

from phosphene.explore.clusters import Clusters, clusters
from phosphene.explore.outliers import Outlier, outliers
from phosphene.explore.sample import LIMIT, Sample, sample
from phosphene.explore.unique import Representative, unique
from phosphene.filters import EVERYTHING, Filter
from phosphene.store import Store


@dataclass(frozen=True, slots=True)
class Explorer:
    """Looks at the images of a store as a whole. What it returns is plain data, which `render` draws.

    Each method compares images that match `where`. Of more than `limit` it takes a fair sample.
    """

    store: Store

    def sample(self, where: Filter = EVERYTHING, limit: int = LIMIT) -> Sample:
        """Images with their vectors as one matrix."""
        return sample(self.store, where, limit)

    def clusters(
        self, fewest: int | None = None, *, where: Filter = EVERYTHING, limit: int = LIMIT
    ) -> Clusters:
        """Groups of at least `fewest` images that lie close together."""
        return clusters(self.sample(where, limit), fewest)

    def outliers(
        self, count: int | None = None, *, where: Filter = EVERYTHING, limit: int = LIMIT
    ) -> list[Outlier]:
        """The images that are farthest from all others."""
        return outliers(self.sample(where, limit), count)

    def unique(
        self, count: int = 50, *, where: Filter = EVERYTHING, limit: int = LIMIT
    ) -> list[Representative]:
        """A few images that stand for all."""
        return unique(self.sample(where, limit), count)
