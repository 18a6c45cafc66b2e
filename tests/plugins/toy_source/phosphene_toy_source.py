"""A toy source. `toy:5` is a picture book of five pages, each of one colour."""

import io
from collections.abc import Iterator
from functools import partial

from PIL import Image

from phosphene.errors import ImageError
from phosphene.sources import Item


class PictureBook:
    """A Source of a book with this number of pages."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def items(self) -> Iterator[Item]:
        """Yield every page. A page is drawn when phosphene opens it."""
        for number in range(self.pages):
            yield Item(
                uri=f"toy:{number}",
                open=partial(page, number),
                captions=(f"page {number} of the picture book",),
                fields={"page": number},
                stamp="first edition",
            )

    def close(self) -> None:
        """Do nothing, because nothing is open."""


def page(number: int) -> bytes:
    """The PNG file of a page."""
    file = io.BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, number * 151 % 256)
    Image.new("RGB", (32, 24), colour).save(file, "PNG")
    return file.getvalue()


def toy(name: str) -> PictureBook:
    """Open the source that `toy:5` names. The entry point names this function."""
    pages = name.removeprefix("toy:")
    if not pages.isdecimal():
        raise ImageError(f"`{name}` does not say how many pages the book has", hint="write it like `toy:5`")
    return PictureBook(int(pages))
