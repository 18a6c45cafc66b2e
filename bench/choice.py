"""Guidance, steps and candidates, chosen by the judge's twin on seeds that are there for choosing.

    python bench/judge.py train --minutes 20 --seed 1 --out runs/judge-twin.safetensors
    python bench/choice.py [--captions 100]

Prints Markdown for docs/log.md: both guidances at the default steps and one candidate, then at the best
pair the steps, and the candidates.
Neither the judge nor a test scene takes part, so that what is measured with them stays fair.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import product

from judge import TWIN, read, shown
from made import NEIGHBOURS, make
from pool import FOLDER, Pool, Task, caption_of, filled, found, share

from phosphene.training.scenes import SEEDS

POOL = 2_000
TEXT, NEAR = (1.5, 2.0, 3.0, 4.0), (1.0, 2.0, 3.0, 4.0)
STEPS, CANDIDATES = (6, 8, 12), (1, 2, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--captions", type=int, default=100)
    arguments = parser.parse_args()
    if not TWIN.exists():
        parser.error(f"there is no `{TWIN}`: the first command above makes it")
    pool = filled(FOLDER / "choice", SEEDS["choice"][:POOL])
    tasks = [caption_of(seed) for seed in pool.seeds[-arguments.captions :]]
    for line in table(pool, tasks):
        print(line, flush=True)


def table(pool: Pool, tasks: Sequence[Task]) -> Iterator[str]:
    """The lines of three tables."""
    yield f"| text guidance | {' | '.join(f'neighbours {near:g}' for near in NEAR)} |"
    yield "|---|" + "---|" * len(NEAR)
    shares: dict[tuple[float, float], float] = {}
    for text, near in product(TEXT, NEAR):
        shares[text, near] = judged(pool, tasks, text_guidance=text, neighbour_guidance=near)
        if near == NEAR[-1]:
            yield f"| {text:g} | {' | '.join(f'{shares[text, each]:.3f}' for each in NEAR)} |"
    text, near = max(shares, key=lambda pair: shares[pair])
    yield f"\nBest: {text:g} and {near:g}. With these:\n\n| steps | share |\n|---|---|"
    for steps in STEPS:
        best = judged(pool, tasks, steps=steps, text_guidance=text, neighbour_guidance=near)
        yield f"| {steps} | {best:.3f} |"
    yield "\n| candidates | share |\n|---|---|"
    for count in CANDIDATES:
        best = judged(pool, tasks, count, text_guidance=text, neighbour_guidance=near)
        yield f"| {count} | {best:.3f} |"


def judged(pool: Pool, tasks: Sequence[Task], candidates: int = 1, **settings: float) -> float:
    """The share of the named attributes that the twin finds in what is made with these settings."""
    made = make(pool, tasks, NEIGHBOURS, candidates=candidates, **settings)
    return share(found(tasks, shown([one.picture for one in made], read(TWIN))))


if __name__ == "__main__":
    main()
