"""Files of many small pieces: Pillow reads each by a few lines of Python, so that they are limited.

A PNG of 32 MB may have 2.7 million chunks, which took Pillow a minute and 300 MB.
"""

import io

from phosphene.errors import ImageError

PIECES = 20_000  # reads of a small file, which take a tenth of a second. Photographs need a few hundred,
PIECE = 512  # and so many bytes for each further one: libpng writes chunks of 8 KiB, with 4 reads for each


def most_pieces(content: bytes) -> int:
    """In how many pieces a file may be read."""
    return PIECES + len(content) // PIECE


def in_pieces() -> ImageError:
    """What is wrong with a file of more."""
    return ImageError("it consists of too many small pieces")


class Pieces(io.BytesIO):
    """A file's bytes, which raise ImageError where they are read in too many pieces."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.left = most_pieces(content)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        self.left -= 1
        if self.left < 0:
            raise in_pieces()
        return super().read(size)
