"""How good the built-in models are, counted against the exact labels of drawn landscapes.

    python bench/quality.py [--quick] [--json FILE]

Draws test scenes (seeds that no training has seen), makes a library of them, and counts:
- retrieval: how often the fullest caption of 1,000 scenes finds its own picture first, or among ten;
  and of all attributes that a caption (any of the five) names, how many its top hit shows;
- generation: of the attributes that a caption names, how many the nearest drawn picture to what was
  generated shows. This judge lives in the generator's own space, so it is an optimist.

`--quick`: a pool of 2,000 pictures and 48 captions instead of 20,000 and 200.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import phosphene
from phosphene.generation import Request
from phosphene.library import Library
from phosphene.lineage import rounded
from phosphene.records import Filter, Image
from phosphene.search import parse
from phosphene.training.scenes import SEEDS, Caption, captions, compose, labels, write

FOLDER = Path("runs/quality")
PAIRS, NEIGHBOURS, SEED = 1000, 6, 0


def main() -> None:
    arguments = _arguments()
    pool, count = (2_000, 48) if arguments.quick else (20_000, 200)
    with filled(FOLDER / f"pool-{pool}", SEEDS["test"][:pool]) as library:
        figures = {"retrieval": retrieval(library, pool), "generation": generation(library, pool, count)}
    for part, values in figures.items():
        for name, value in values.items():
            print(f"{part:<12} {name:<34} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def filled(folder: Path, seeds: Sequence[int]) -> Library:
    """A library of the scenes of these seeds; what is drawn and added already stays."""
    write(folder / "pictures", seeds, size=256)
    library = phosphene.open(folder / "library", space="landscape", create=True)
    library.add([folder / "pictures"])
    return library


def retrieval(library: Library, pool: int) -> dict[str, Any]:
    """R@1, R@10 within the first 1,000 scenes, and the attributes of top hits in the whole pool."""
    seeds = SEEDS["test"][:pool]
    ids = {seed: image.id for seed, image in _by_seed(library).items()}
    pairs = Filter(only=frozenset(ids[seed] for seed in seeds[:PAIRS]))
    ranks = []
    for seed in seeds[:PAIRS]:
        hits = library.store.near(library.vector(captions(compose(seed))[-1].text), 10, pairs)
        ranks.append(next((rank for rank, hit in enumerate(hits) if hit.image.id == ids[seed]), 10))
    asked = [caption_of(seed) for seed in seeds[:PAIRS]]
    shown = [labels(compose(_seed(library.search(caption.text, 1)[0].image))) for caption in asked]
    return {
        "r1": float(np.mean(np.array(ranks) < 1)),
        "r10": float(np.mean(np.array(ranks) < 10)),
        "attributes_at_1": share(zip(asked, shown, strict=True)),
        "pairs": PAIRS,
        "pool": pool,
    }


def generation(library: Library, pool: int, count: int) -> dict[str, Any]:
    """The attributes in what is made from text, from neighbours, and from both."""
    figures: dict[str, Any] = {"captions": count, "pool": pool}
    seeds = SEEDS["test"][:pool][-count:]
    figures["real"] = judged(library, seeds, lambda seed: _own(library, seed))
    ways = {"text": (True, 0), "neighbours": (False, NEIGHBOURS), "text_and_neighbours": (True, NEIGHBOURS)}
    for name, (text, neighbours) in ways.items():
        vectors = dict(zip(seeds, made(library, seeds, text, neighbours), strict=True))
        figures[name] = judged(library, seeds, vectors.__getitem__)
    return figures


def made(library: Library, seeds: Sequence[int], text: bool, neighbours: int) -> Iterator[Any]:
    """The vectors of pictures made for one caption of each scene, its own picture left out."""
    plans = []
    for seed in seeds:
        prompt = caption_of(seed).text
        target = rounded(library.vector(parse(prompt)))
        others = Filter(origin="training", without=frozenset([_image(library, seed).id]))
        near = library.studio.neighbours(target, neighbours, others)
        request = Request(library.space.id, SEED, text=target if text else None, references=near)
        plans.append(library.studio.plan(prompt, request))
    for one in library.studio.make(plans, keep=False):
        yield one.image.vector


def judged(library: Library, seeds: Sequence[int], vector_of: Callable[[int], Any]) -> float:
    """The share of named attributes that the nearest drawn picture shows, the scene's own left out."""
    answers = []
    for seed in seeds:
        others = Filter(origin="training", without=frozenset([_image(library, seed).id]))
        [hit] = library.store.near(vector_of(seed), 1, others)
        answers.append((caption_of(seed), labels(compose(_seed(hit.image)))))
    return share(answers)


def share(answers: Any) -> float:
    """How many of the named attributes are shown."""
    found = [name in shown for caption, shown in answers for name in caption.names]
    return float(np.mean(found))


def caption_of(seed: int) -> Caption:
    """One of the scene's five captions; which one follows from the seed."""
    return captions(compose(seed))[seed % 5]


def _image(library: Library, seed: int) -> Image:
    return _by_seed(library)[seed]


@cache
def _by_seed(library: Library) -> dict[int, Image]:
    """The images by the seeds that their files are named for."""
    return {_seed(image): image for image in library.store.iterate(Filter(origin="training"))}


def _own(library: Library, seed: int) -> Any:
    return library.store.get([_image(library, seed).id], vectors=True)[0].vector


def _seed(image: Image) -> int:
    return int(Path(image.uri).stem)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
