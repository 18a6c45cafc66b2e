"""A raw photograph: a DNG as cameras write it, with a mosaic of colours and a preview in front of it.

The tags are those of Adobe's DNG specification 1.4, chapter 4.
"""

import struct
from typing import Any

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
FORMATS = {BYTE: "B", ASCII: "s", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}
MOSAIC = 32803  # the value of PhotometricInterpretation
Tag = tuple[int, int, tuple[Any, ...]]


def dng(side: int = 64, colour: tuple[int, int, int] = (60_000, 20_000, 5_000)) -> bytes:
    """A square DNG of one colour, with values of 16 bits as the sensor measures them."""
    sensor = np.empty((side, side), dtype="<u2")
    red, green, blue = colour
    sensor[::2, ::2], sensor[::2, 1::2], sensor[1::2, ::2], sensor[1::2, 1::2] = red, green, green, blue
    pixels, preview = sensor.tobytes(), bytes(3 * 8 * 8)
    first = _directory(_preview_tags(len(preview)), 8)
    further = 8 + len(first)
    first = _directory(_preview_tags(len(preview), further), 8)
    second = _directory(_sensor_tags(side, len(pixels)), further)
    at = further + len(second)
    second = _directory(_sensor_tags(side, len(pixels), at + len(preview)), further)
    first = _directory(_preview_tags(len(preview), further, at), 8)
    return b"II*\0" + struct.pack("<I", 8) + first + second + preview + pixels


def _preview_tags(size: int, further: int = 0, at: int = 0) -> list[Tag]:
    identity = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    return [
        (254, LONG, (1,)), (256, LONG, (8,)), (257, LONG, (8,)), (258, SHORT, (8, 8, 8)), (259, SHORT, (1,)),
        (262, SHORT, (2,)), (271, ASCII, (b"Acme\0",)), (272, ASCII, (b"Box 1\0",)), (273, LONG, (at,)),
        (274, SHORT, (1,)), (277, SHORT, (3,)), (278, LONG, (8,)), (279, LONG, (size,)),
        (330, LONG, (further,)), (50706, BYTE, (1, 4, 0, 0)), (50707, BYTE, (1, 1, 0, 0)),
        (50708, ASCII, (b"Acme Box 1\0",)),
        (50721, SRATIONAL, identity), (50728, RATIONAL, (1, 1, 1, 1, 1, 1)), (50778, SHORT, (21,)),
    ]  # fmt: skip


def _sensor_tags(side: int, size: int, at: int = 0) -> list[Tag]:
    return [
        (254, LONG, (0,)), (256, LONG, (side,)), (257, LONG, (side,)), (258, SHORT, (16,)),
        (259, SHORT, (1,)), (262, SHORT, (MOSAIC,)), (273, LONG, (at,)), (277, SHORT, (1,)),
        (278, LONG, (side,)), (279, LONG, (size,)), (33421, SHORT, (2, 2)), (33422, BYTE, (0, 1, 1, 2)),
        (50714, SHORT, (0,)), (50717, LONG, (65535,)),
    ]  # fmt: skip


def _directory(tags: list[Tag], at: int) -> bytes:
    """A directory that lies at an offset of the file, and behind it the values that do not fit into it."""
    rows, beyond, behind = [], b"", at + 2 + 12 * len(tags) + 4
    for number, kind, values in tags:
        count = len(values) // (2 if kind in (RATIONAL, SRATIONAL) else 1)
        if kind == ASCII:
            count, data = len(values[0]), values[0]
        else:
            data = struct.pack(f"<{len(values)}{FORMATS[kind]}", *values)
        if len(data) > 4:
            data, beyond = struct.pack("<I", behind + len(beyond)), beyond + data + b"\0" * (len(data) % 2)
        rows.append(struct.pack("<HHI", number, kind, count) + data.ljust(4, b"\0"))
    return struct.pack("<H", len(tags)) + b"".join(rows) + bytes(4) + beyond
