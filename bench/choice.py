"""Choose guidance, steps and candidates by the judge's twin, on seeds that are reserved for this choice.

    python bench/train_judge.py --minutes 20 --seed 1 --out runs/judge-twin.safetensors
    python bench/choice.py [--captions 100] [--pool 20000]

It prints Markdown for docs/log.md. First it varies both guidances, at the default steps and with one
candidate. Then it takes the best pair and varies the strength at which neighbours' pictures are started
from, the steps and the candidates. It uses neither the judge nor a test scene, so that measurements with
them stay fair.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import product

from judge import TWIN, read, shown
from made import NEIGHBOURS, make
from pool import FOLDER, Pool, Task, caption_of, filled, found, share

from phosphene.landscape.scenes import SEEDS

POOL = 20_000  # the same as in bench/quality.py, because in a smaller pool neighbours are further away
TEXT, NEAR = (2.0, 3.5, 5.0, 7.0), (2.0, 3.5, 5.0, 7.0)
STRENGTHS = (0.7, 0.8, 0.9, 1.0)
STEPS, CANDIDATES = (6, 8, 12), (1, 2, 4, 8, 16)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--captions", type=int, default=100)
    parser.add_argument("--pool", type=int, default=POOL, help="pictures among which neighbours are found")
    arguments = parser.parse_args()
    if not TWIN.exists():
        parser.error(f"there is no `{TWIN}`, which the first command above makes")
    pool = filled(FOLDER / f"choice-{arguments.pool}", SEEDS["choice"][: arguments.pool])
    tasks = [caption_of(seed) for seed in pool.seeds[-arguments.captions :]]
    for line in table(pool, tasks):
        print(line, flush=True)


def table(pool: Pool, tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the lines of the tables."""
    yield f"| text guidance | {' | '.join(f'neighbours {near:g}' for near in NEAR)} |"
    yield "|---|" + "---|" * len(NEAR)
    shares: dict[tuple[float, float], float] = {}
    for text, near in product(TEXT, NEAR):
        shares[text, near] = judged(pool, tasks, guidance_scale=text, image_guidance_scale=near)
        if near == NEAR[-1]:
            yield f"| {text:g} | {' | '.join(f'{shares[text, each]:.3f}' for each in NEAR)} |"
    text, near = max(shares, key=lambda pair: shares[pair])
    yield f"\nBest: {text:g} and {near:g}. With these:"
    best = {"guidance_scale": text, "image_guidance_scale": near}
    for name, values in (
        ("neighbour_strength", STRENGTHS),
        ("num_inference_steps", STEPS),
        ("candidates", CANDIDATES),
    ):
        yield f"\n| {name.replace('_', ' ')} | share |\n|---|---|"
        for value in values:
            yield f"| {value:g} | {judged(pool, tasks, **(best | {name: value})):.3f} |"


def judged(pool: Pool, tasks: Sequence[Task], **settings: float) -> float:
    """The share of the named attributes that the twin finds in pictures with these settings."""
    made = make(pool, tasks, NEIGHBOURS, **({"candidates": 1} | settings))
    return share(found(tasks, shown([one.picture for one in made], read(TWIN))))


if __name__ == "__main__":
    main()
