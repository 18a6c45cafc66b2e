"""A toy source: `toy:N` is a picture book of N pages, each of one colour."""

import io
from collections.abc import Iterator
from functools import partial

from PIL import Image

from phosphene.errors import ImageError
from phosphene.sources import Item


class PictureBook:
    """The pages of one book, as phosphene adds them."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def items(self) -> Iterator[Item]:
        """Every page, without drawing it yet."""
        for number in range(self.pages):
            yield Item(
                uri=f"toy:{number}",
                open=partial(page, number),
                captions=(f"page {number} of the picture book",),
                fields={"page": number},
                stamp="first edition",
            )

    def close(self) -> None:
        """There is nothing to let go of."""


def page(number: int) -> bytes:
    """The PNG file of a page."""
    file = io.BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, number * 151 % 256)
    Image.new("RGB", (32, 24), colour).save(file, "PNG")
    return file.getvalue()


def toy(name: str) -> PictureBook:
    """Open the source that `toy:N` names: the entry point that phosphene calls."""
    _, _, pages = name.partition(":")
    if not pages.isdecimal():
        raise ImageError(f"`{name}` has no number of pages", hint="write it like `toy:3`")
    return PictureBook(int(pages))
