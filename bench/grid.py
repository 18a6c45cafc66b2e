"""Draw a grid of 32 handwritten prompts with the picture that each finds and two that it generates.

    python bench/grid.py [--out docs/pictures/grid.jpg]

Each prompt has the nearest of 20,000 test pictures, a picture generated from the text alone, and one
generated from the text and its six nearest neighbours. Picture i has seed i. Nothing is picked by hand.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from made import NEIGHBOURS, make
from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Image as Picture
from PIL.Image import Resampling
from pool import FOLDER, Pool, Task, filled, handwritten

from phosphene.landscape.scenes import SEEDS

COLUMNS, SIDE, GAP, TEXT = 4, 132, 4, 18  # prompts side by side, and sizes in pixels
HEADER = ("nearest real", "text", "text + neighbours")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/grid.jpg"))
    parser.add_argument("--pool", type=int, default=20_000)
    parser.add_argument("--prompts", type=int, default=32)
    arguments = parser.parse_args()
    pool = filled(FOLDER / f"pool-{arguments.pool}", SEEDS["test"][: arguments.pool])
    grid(pool, handwritten()[: arguments.prompts]).save(arguments.out, quality=85, optimize=True)
    print(arguments.out)


def grid(pool: Pool, tasks: Sequence[Task]) -> Picture:
    """The grid of all prompts with their three pictures."""
    found = [pool.picture(pool.nearest(task, 1)[0]) for task in tasks]
    alone, both = (make(pool, tasks, count) for count in (0, NEIGHBOURS))
    cells = [
        cell(task.text, (real, first.picture, second.picture))
        for task, real, first, second in zip(tasks, found, alone, both, strict=True)
    ]
    wide, high = cells[0].size
    rows = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (wide + 3 * GAP), TEXT + rows * (high + 2 * GAP)), "white")
    for column in range(COLUMNS):
        for place, words in enumerate(HEADER):
            write(sheet, column * (wide + 3 * GAP) + place * (SIDE + GAP), 0, words, "#888888")
    for number, picture in enumerate(cells):
        row, column = divmod(number, COLUMNS)
        sheet.paste(picture, (column * (wide + 3 * GAP), TEXT + row * (high + 2 * GAP)))
    return sheet


def cell(text: str, pictures: Sequence[Picture]) -> Picture:
    """One prompt above its pictures."""
    sheet = Image.new("RGB", (len(pictures) * (SIDE + GAP) - GAP, SIDE + TEXT), "white")
    write(sheet, 0, 0, text, "#222222")
    for place, picture in enumerate(pictures):
        sheet.paste(picture.resize((SIDE, SIDE), Resampling.LANCZOS), (place * (SIDE + GAP), TEXT))
    return sheet


def write(sheet: Picture, x: int, y: int, words: str, colour: str) -> None:
    ImageDraw.Draw(sheet).text((x, y + 2), words, fill=colour, font=ImageFont.load_default(12))


if __name__ == "__main__":
    main()
