"""Plans the pictures of a walk, one for each stop."""

from collections.abc import Sequence
from dataclasses import replace

from phosphene.generation.neighbours import NeighbourSearch
from phosphene.generation.planning import Plan, Planner
from phosphene.generation.requests import Request
from phosphene.query import Query
from phosphene.recipes.lineage import rounded
from phosphene.vectors import Vector


def walk_plans(
    planner: Planner,
    stops: Sequence[tuple[float, Vector]],
    ends: tuple[Query, Query],
    wished: Request,
    neighbours: NeighbourSearch,
) -> list[Plan]:
    """A plan for every stop of a walk. A stop is the share of the way and a unit vector (d,).

    `wished` has what the user wishes for all of them, and the seed of their noise, which is the same. A
    generator that reads words gets the words of the nearer end.
    """
    way, plans = f"{ends[0].without_folders} → {ends[1].without_folders}", []
    options = {"neighbour_strength": 1.0} if "neighbour_strength" in planner.capabilities.options else {}
    for share, vector in stops:
        request = replace(wished, prompt=ends[share > 0.5].words, options={**options, **wished.options})
        prompt = f"{way} at {share:.2f}"
        plans.append(planner.at(rounded(vector), prompt, request, neighbours))
    return plans
