"""Hybrid search: what is near to a query, and what has its words, as one list.

The two lists are fused as Weaviate's `relativeScoreFusion` does
(https://docs.weaviate.io/weaviate/concepts/search/hybrid-search): the scores of each are scaled to [0, 1], by
its lowest and its highest one, and added with the weights `alpha` for nearness and `1 - alpha` for words.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from phosphene.errors import QueryError
from phosphene.filters import EVERYTHING, Filter
from phosphene.folding import FUNCTION_WORDS, words_of
from phosphene.query.parser import Query
from phosphene.records import Hit
from phosphene.store import FindsWords, Store

POOL = 100  # hits of each list that are fused at least, so that the first ones are the same for every count


def hybrid_search(
    store: Store,
    query: Query,
    near: Callable[[int], Sequence[Hit]],
    alpha: float,
    count: int,
    where: Filter = EVERYTHING,
) -> list[Hit]:
    """The `count` images of the highest fused scores, which are in [0, 1].

    `near` finds as many of the nearest images as it is asked for. An `alpha` of 1 stands for nearness alone,
    and 0 for words alone. Raises QueryError for one outside [0, 1], for a query without words, and for a
    store that does not search for words.
    """
    if not 0 <= alpha <= 1:
        raise QueryError(
            f"The share of nearness is {alpha:g}, and must be between 0 and 1.", hint="use 0.5, for example"
        )
    pool = max(count, POOL)
    nearest = near(pool) if alpha else ()
    having = _finder(store).by_words(words_to_find(query), pool, where) if alpha < 1 else ()
    return fused([(alpha, nearest), (1 - alpha, having)])[:count]


def words_to_find(query: Query) -> frozenset[str]:
    """The words of a query, without those that name nothing. Raises QueryError if none are left."""
    if words := words_of(query.words) - FUNCTION_WORDS:
        return words
    raise QueryError(
        f"The query `{query}` has no words that captions could have.",
        hint="add words, or leave out `--hybrid`",
    )


def fused(lists: Iterable[tuple[float, Sequence[Hit]]]) -> list[Hit]:
    """One list of several with their weights, best first. A hit is as it is in the first list that has it."""
    hits: dict[str, Hit] = {}
    scores = defaultdict[str, float](float)
    for weight, found in lists:
        for hit, share in zip(found, scaled([hit.score for hit in found]), strict=True):
            hits.setdefault(hit.image.id, hit)
            scores[hit.image.id] += weight * share
    return sorted((replace(hits[id], score=scores[id]) for id in hits), key=lambda hit: -hit.score)


def scaled(scores: Sequence[float]) -> list[float]:
    """The scores between 0, for the lowest, and 1, for the highest. Equal ones are all 1."""
    lowest, highest = min(scores, default=0), max(scores, default=0)
    return [(score - lowest) / (highest - lowest) if highest > lowest else 1.0 for score in scores]


def _finder(store: Store) -> FindsWords:
    if isinstance(store, FindsWords):
        return store
    raise QueryError(
        "This library's store cannot search for words.",
        hint="leave out `--hybrid`, or copy it into a library of your own with `phosphene copy`",
    )
