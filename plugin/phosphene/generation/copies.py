"""Refuses pictures that are nearer to an imported image than nearly all imported images are to one another.

Such a picture is made again with another seed, twice. Whether it is a copy in another sense than that of the
library's space is for people to say, see `novelty`.
"""

from collections.abc import Sequence

from phosphene.errors import GenerationError
from phosphene.filters import IMPORTED
from phosphene.generation import OnStep
from phosphene.generation.keeping import Keeper
from phosphene.generation.making import GeneratedImage, Maker
from phosphene.generation.novelty import FEWEST
from phosphene.generation.planning import Plan
from phosphene.store import Store

COPY = 99.0  # a picture whose percentile of novelty is higher counts as a copy
TRIES = 2  # more seeds for each picture


def make_no_copies(
    maker: Maker, plans: Sequence[Plan], keeper: Keeper, on_step: OnStep | None
) -> list[GeneratedImage]:
    """Make the planned pictures as `Maker.make` does. Pictures that are copies get other seeds, twice.

    The pictures that are no copies are kept. Then GenerationError is raised if some are left. It is also
    raised, before anything is made, if the library is too small for a percentile.
    """
    keeper.check()
    _check_size(maker.store)
    made = maker.make(plans, on_step)
    for attempt in range(1, TRIES + 1):
        places = [place for place, one in enumerate(made) if is_copy(one)]
        again = [plans[place].with_seed(plans[place].request.seed + attempt * len(plans)) for place in places]
        for place, one in zip(places, maker.make(again, on_step) if again else [], strict=False):
            made[place] = one
    keeper.keep([(one.image, one.file) for one in made if not is_copy(one)])
    _refuse([one for one in made if is_copy(one)], maker.store)
    return made


def is_copy(made: GeneratedImage) -> bool:
    """Whether a picture counts as a copy of an imported image."""
    return made.novelty is not None and (made.novelty.percentile or 0.0) > COPY


def _refuse(copies: Sequence[GeneratedImage], store: Store) -> None:
    if not copies:
        return
    names = []
    for novelty in [one.novelty for one in copies if one.novelty]:
        [image] = store.get([novelty.nearest])
        names.append(f"`{image.uri}` (similarity {novelty.similarity:.3f})")
    what = "A picture is a copy" if len(copies) == 1 else f"{len(copies)} pictures are copies"
    raise GenerationError(
        f"{what} of an imported image, also with two other seeds: {', '.join(dict.fromkeys(names))}. The"
        f" pictures that are no copies were kept.",
        hint="use more neighbours, or depart further from pictures: `--strength 1`, `--neighbour-strength 1`",
    )


def _check_size(store: Store) -> None:
    count = store.count(IMPORTED)
    if count < FEWEST:
        raise GenerationError(
            f"The library has {count} imported images, but {FEWEST} are needed to tell copies.",
            hint=f"leave out `--refuse-copies`, or add pictures until there are {FEWEST}",
        )
