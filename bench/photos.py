"""Measure how well embedding models find captioned photographs, and compare with published figures.

    python bench/photos.py --annotations captions_val2017.json --images val2017 --model NAME [--json FILE]

`--model` can be repeated and takes the names of `phosphene add --model`; the models must be on this machine.
`--annotations` is a captions file of COCO, or Karpathy's `dataset_coco.json`, of which the pictures of the
test split are taken. Published figures are of that split, whose pictures are in COCO's `val2014`. The 5,000
pictures of `val2017` are others of the same kind, so figures may differ a little. Your own captioned
photographs can be measured as well, if they have a file in one of these forms.

The first five captions of a picture count. Text to image (R@k) is the share of captions whose picture is
among the k that score highest. Image to text is the share of pictures of which any caption is among the k
that score highest.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import record
from recalls import RANKS, image_to_text, text_to_image
from runs import table

from phosphene.batches import batched
from phosphene.catalogue.embedding_models import EMBEDDING_MODELS
from phosphene.config import cores
from phosphene.embedding import Embedder, open_embedder
from phosphene.embedding.weights import resolve
from phosphene.images import open_picture
from phosphene.ingest.loop import BATCH
from phosphene.ingest.worker import one_core_each
from phosphene.vectors import Vectors

CAPTIONS = 5  # of each picture


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph and its captions."""

    file: Path
    captions: Sequence[str]


def main() -> None:
    arguments = _arguments()
    found = photos(arguments.annotations, arguments.images)
    figures = {name: measure(name, found) for name in arguments.model}
    print(f"{len(found):,} photographs with {sum(len(photo.captions) for photo in found):,} captions\n")
    print(compared(figures))
    if arguments.json:
        record.write(arguments.json, {"photographs": len(found), "models": figures})


def photos(annotations: Path, images: Path) -> list[Photo]:
    """The captioned photographs of a file in COCO's or in Karpathy's form."""
    content = json.loads(annotations.read_text(encoding="utf-8"))
    read = _of_coco(content) if "annotations" in content else _of_karpathy(content)
    found = [Photo(images / name, captions[:CAPTIONS]) for name, captions in read.items() if captions]
    if missing := [photo.file for photo in found if not photo.file.is_file()]:
        sys.exit(f"{len(missing):,} of the photographs are not there, such as {missing[0]}")
    return found


def _of_coco(content: dict[str, Any]) -> dict[str, list[str]]:
    names = {image["id"]: image["file_name"] for image in content["images"]}
    read: dict[str, list[str]] = {name: [] for name in names.values()}
    for annotation in content["annotations"]:
        read[names[annotation["image_id"]]].append(annotation["caption"])
    return read


def _of_karpathy(content: dict[str, Any]) -> dict[str, list[str]]:
    test = [image for image in content["images"] if image["split"] == "test"]
    return {image["filename"]: [sentence["raw"] for sentence in image["sentences"]] for image in test}


def measure(name: str, found: Sequence[Photo]) -> dict[str, list[float]]:
    """The recalls of a model at RANKS, as shares."""
    resolve(name)
    embedder = open_embedder(name)
    captions = [caption for photo in found for caption in photo.captions]
    owners = np.repeat(np.arange(len(found)), [len(photo.captions) for photo in found])
    texts, pictures = embedder.texts(captions), embedded(embedder, [photo.file for photo in found])
    return {
        "text to image": text_to_image(texts, pictures, owners),
        "image to text": image_to_text(texts, pictures, owners),
    }


def embedded(embedder: Embedder, files: Sequence[Path]) -> Vectors:
    """The vectors of pictures, with a batch on each core."""

    def batch(some: Sequence[Path]) -> Vectors:
        prepared = [embedder.prepare(open_picture(file.read_bytes())) for file in some]
        return embedder.pictures(prepared).vectors

    with (
        one_core_each(embedder) as initializer,
        ThreadPoolExecutor(cores(), initializer=initializer) as pool,
    ):
        return np.concatenate(list(pool.map(batch, batched(files, BATCH))))


def compared(figures: dict[str, dict[str, list[float]]]) -> str:
    """The measured recalls in per cent, each model with the published ones below it."""
    titles = [f"{way} R@{rank}" for way in ("text to image", "image to text") for rank in RANKS]
    rows = []
    for name, ways in figures.items():
        rows.append((name, *(f"{100 * share:.1f}" for shares in ways.values() for share in shares), ""))
        coco = EMBEDDING_MODELS[name].coco if name in EMBEDDING_MODELS else None
        if coco:
            published = [*_cells(coco.text_to_image), *_cells(coco.image_to_text)]
            rows.append((f"{name}, published for COCO", *published, coco.source))
    return table(("model", *titles, "source"), rows)


def _cells(recalls: Sequence[float]) -> list[str]:
    """Published recalls for all of RANKS; the authors of some models give only the first."""
    return [f"{recall:.1f}" for recall in recalls] + [""] * (len(RANKS) - len(recalls))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotations", type=Path, required=True, help="a captions file")
    parser.add_argument("--images", type=Path, required=True, help="the folder of the photographs")
    parser.add_argument("--model", action="append", required=True, help="can be repeated")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
