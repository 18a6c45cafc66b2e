"""A limit on the number of pieces that a file is read in, because Pillow needs time for each of them.

A PNG of 32 MB with 2.7 million chunks took Pillow a minute and 300 MB.
"""

import io

from phosphene.errors import ImageError

PIECES = 20_000  # reads that every file may take: 0.1 s. Photographs take a few hundred
# Bytes of a file that allow one more read. libpng writes chunks of 8 KiB, which take 4 reads each.
PIECE = 512


def most_pieces(content: bytes) -> int:
    """The number of pieces that a file may be read in."""
    return PIECES + len(content) // PIECE


def in_pieces() -> ImageError:
    """The error for a file that is read in more pieces."""
    return ImageError("it consists of too many small pieces")


class Pieces(io.BytesIO):
    """A file's bytes. Raises ImageError if they are read in too many pieces."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.left = most_pieces(content)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        self.left -= 1
        if self.left < 0:
            raise in_pieces()
        return super().read(size)
