"""Measure what reading the metadata of a picture costs, compared with decoding it for an embedding model.

    python bench/metadata.py [--rounds 50]

A photograph has 12 megapixels of noise, without and with EXIF and XMP. The picture of a generator has one,
with the texts of AUTOMATIC1111's web UI and ComfyUI. All times are CPU milliseconds of one picture.
"""

import argparse
import io
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from phosphene.images import decode
from phosphene.metadata import in_picture

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from described import LIGHTROOM, PARAMETERS, camera, comfy_texts, texts_of

DETAIL = 512  # pixels of the shorter side that a ViT-B-32-256 asks for


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    photo = _noise(4000, 3000)
    described = texts_of({"parameters": PARAMETERS, **comfy_texts()})
    for name, content in {
        "photograph": _encoded(photo, "JPEG", quality=88),
        "photograph with EXIF and XMP": _encoded(photo, "JPEG", exif=camera(), xmp=LIGHTROOM.encode()),
        "PNG of a generator": _encoded(_noise(1024, 1024), "PNG", pnginfo=described),
    }.items():
        read = _milliseconds(partial(in_picture, content), rounds)
        decoded = _milliseconds(partial(decode, content, at_least=DETAIL), max(1, rounds // 10))
        print(f"{name}: {read:.2f} ms, and {decoded:.0f} ms to decode it")


def _milliseconds(work: Callable[[], object], rounds: int) -> float:
    began = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - began) / rounds * 1e3


def _noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def _encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


if __name__ == "__main__":
    main()
