"""Writes kinds of TIFF files that Pillow cannot write."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SHORT, LONG = 3, 4
RAW, DEFLATE = 1, 8


def tiff(
    samples: NDArray[Any],  # (height, width, samples per pixel), in the type that they are stored in
    photometric: int,
    *,
    order: Literal["<", ">"] = "<",
    planar: bool = False,
    compression: int = RAW,
    rows: int = 0,  # per strip; 0: one strip
    tile: int = 0,  # the side of tiles, a multiple of 16; 0: strips
    bits: int = 0,  # where they are packed, fewer than the type has: 1, 2, 4 or 12
    kind: int = 0,  # SampleFormat: 1 unsigned, 2 signed, 3 floating point
    extra: Sequence[int] = (),  # ExtraSamples
    colours: NDArray[Any] | None = None,  # the palette, uint16 (3, 2 ** bits)
    also: Sequence[tuple[int, int, Sequence[int]]] = (),  # further tags: number, type, values
) -> bytes:
    """The bytes of a TIFF file with one picture."""
    height, width, count = samples.shape
    deep = bits or samples.dtype.itemsize * 8
    kind = kind or {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    stored = samples.astype(samples.dtype.newbyteorder(order))
    planes = [stored[..., [plane]] for plane in range(count)] if planar else [stored]
    parts = [part for plane in planes for part in _parts(plane, rows, tile)]
    blobs = [_compressed(_packed(part, bits), compression) for part in parts]
    tags = [
        (256, LONG, [width]), (257, LONG, [height]), (258, SHORT, [deep] * count),
        (259, SHORT, [compression]), (262, SHORT, [photometric]), (277, SHORT, [count]),
        (284, SHORT, [2 if planar else 1]), (339, SHORT, [kind] * count), *also,
    ]  # fmt: skip
    if tile:
        tags += [(322, LONG, [tile]), (323, LONG, [tile]), (324, LONG, _offsets(blobs))]
        tags += [(325, LONG, [len(blob) for blob in blobs])]
    else:
        tags += [(273, LONG, _offsets(blobs)), (278, LONG, [rows or height])]
        tags += [(279, LONG, [len(blob) for blob in blobs])]
    if extra:
        tags.append((338, SHORT, list(extra)))
    if colours is not None:
        tags.append((320, SHORT, colours.ravel().tolist()))
    return _file(order, b"".join(blobs), sorted(tags))


def _parts(plane: NDArray[Any], rows: int, tile: int) -> Iterator[NDArray[Any]]:
    """The strips or the padded tiles of a plane."""
    height, width = plane.shape[:2]
    for top in range(0, height, tile or rows or height):
        strip = plane[top : top + (tile or rows or height)]
        if not tile:
            yield strip
            continue
        for left in range(0, width, tile):
            part = strip[:, left : left + tile]
            yield np.pad(part, ((0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0)))


def _packed(part: NDArray[Any], bits: int) -> bytes:
    if not bits or bits == part.dtype.itemsize * 8:
        return part.tobytes()
    lines = part.reshape(part.shape[0], -1).astype(np.uint16)
    each = (lines[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(each.reshape(len(lines), -1).astype(np.uint8), axis=1).tobytes()


def _compressed(content: bytes, compression: int) -> bytes:
    return zlib.compress(content) if compression == DEFLATE else content


def _offsets(blobs: Sequence[bytes]) -> list[int]:
    ends = np.cumsum([8, *map(len, blobs)])
    return [int(end) for end in ends[:-1]]


def _file(order: str, content: bytes, tags: Sequence[tuple[int, int, Sequence[int]]]) -> bytes:
    """The header, the pixels, the directory, and the values that do not fit into it."""
    start = 8 + len(content)
    beyond = start + 2 + 12 * len(tags) + 4
    directory, further = struct.pack(f"{order}H", len(tags)), b""
    for number, type, values in tags:
        packed = struct.pack(f"{order}{len(values)}{'H' if type == SHORT else 'I'}", *values)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", beyond + len(further))
            further += packed
        else:
            place = packed.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", number, type, len(values)) + place
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", start) + content + directory + bytes(4) + further
