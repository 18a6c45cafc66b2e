"""The pictures that phosphene and its peers add: many files of distinct bytes, drawn in seconds."""

import io
from pathlib import Path

from add import drawn
from PIL import Image

DRAWN = 8  # pictures. The others are copies with a comment of their own, which decode like the originals
TINY = (32, 24)  # pixels
FILES_IN_A_FOLDER = 1000


def photographs(folder: Path, count: int, size: tuple[int, int], different: int = DRAWN) -> Path:
    """A folder of JPEGs that cost a decoder as much as photographs. It is drawn only once."""
    if folder.exists():
        return folder
    return written(folder, count, [drawn(number, size) for number in range(min(different, count))])


def tiny(folder: Path, count: int) -> Path:
    """A folder of JPEGs that cost a decoder next to nothing. It is drawn only once."""
    if folder.exists():
        return folder
    file = io.BytesIO()
    Image.new("RGB", TINY, "teal").save(file, "JPEG")
    return written(folder, count, [file.getvalue()])


def written(folder: Path, count: int, contents: list[bytes]) -> Path:
    """Write `count` files of distinct bytes."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    for number in range(count):
        file = unfinished / f"{number // FILES_IN_A_FOLDER}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(commented(contents[number % len(contents)], f"picture {number}"))
    return unfinished.rename(folder)


def commented(jpeg: bytes, comment: str) -> bytes:
    """The JPEG with a comment, which changes its bytes and none of its pixels."""
    text = comment.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
