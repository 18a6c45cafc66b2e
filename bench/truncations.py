"""Libraries with a file that is cut at a random length, which a repair must make whole again."""

import os
import random
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from forked import Tell, finish
from killable import Models, add, draw_folder, generate, looked_at
from tally import Tally

import phosphene
from phosphene.errors import PhospheneError
from phosphene.maintenance.check import check_folder
from phosphene.maintenance.repair import repair


def truncated(
    models: Models, folder: Path, count: int, chance: random.Random, end: float
) -> dict[str, Tally]:
    """Cut files of a library at random, repair it, and count the images that are still there."""
    images, libraries = Tally(), Tally()
    if count:
        whole = _whole(models, folder)
        files = sorted(path for path in whole.rglob("*") if path.is_file() and _comes_back(path, whole))
        expected = finish(partial(looked_at, whole))[0]["ids"]
    for number in range(count):
        if time.monotonic() > end:
            break
        file = chance.choice(files).relative_to(whole)
        damaged = Path(shutil.copytree(whole, folder / f"cut-{number}"))
        length = chance.randrange((damaged / file).stat().st_size)
        os.truncate(damaged / file, length)
        reports = finish(partial(_mended, models, damaged))
        [report] = reports or [{"ids": [], "left": ["it ended in an exception"]}]
        images.tries, libraries.tries = images.tries + 1, libraries.tries + 1
        what = f"{file} at {length}"
        images.add(len(expected), [id for id in expected if id not in report["ids"]], what)
        libraries.add(1, list(report["left"]), what)
        shutil.rmtree(damaged)
    return {"images after a truncation": images, "libraries whole after a repair": libraries}


def _whole(models: Models, folder: Path) -> Path:
    """Make a library of several commits, with generated pictures."""
    library = folder / "whole" / "library"
    for number in range(2):
        finish(partial(add, models, library, draw_folder(folder / "whole", number)))
    finish(partial(generate, models, library, 7))
    return library


def _comes_back(file: Path, library: Path) -> bool:
    """Whether a file can be made whole. A generated picture that is cut can only be named by a check."""
    return file.stat().st_size > 0 and not file.is_relative_to(library / "pictures")


def _mended(models: Models, library: Path, tell: Tell) -> None:
    """Check, repair and search a library. A damaged one may be refused, but only with our own errors."""
    check_folder(library)
    with suppress(PhospheneError):
        phosphene.open(library).status()
    result = repair(library, lambda _: models.embedder, model="landscape")
    with models.open(library) as opened:
        found = opened.search("a red house", 5)
        ids = [image.id for image in opened.store.iterate()]
    left = [finding.message for finding in result.left]
    tell({"ids": ids, "left": left if found else [*left, "nothing is found"]})
