"""Writes small ICC profiles (version 2), like those of cameras, scanners and presses."""

import struct
from collections.abc import Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))  # XYZ of r, g, b
SRGB_LIKE = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def rgb_profile(colours: Sequence[Sequence[float]] = PROPHOTO, gamma: float = 1.8) -> bytes:
    """A profile of three colours, given by their XYZ in D50, and one gamma."""
    tags = {b"wtpt": _xyz(D50)}
    for letter, colour in zip("rgb", colours, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(colour)
        tags[f"{letter}TRC".encode()] = _gamma(gamma)
    return _profile(b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float = 1.0) -> bytes:
    """A profile of grey."""
    return _profile(b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": _gamma(gamma)})


def cmyk_profile(labs: Sequence[Sequence[float]]) -> bytes:
    """A profile of four inks, from the Lab colours of all 16 ways to print each ink fully or not at all."""
    ramp = bytes(range(256))
    grid = b"".join(
        struct.pack("BBB", round(light * 2.55), round(a + 128), round(b + 128)) for light, a, b in labs
    )
    unchanged = struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    table = b"mft1" + bytes(4) + struct.pack("BBBB", 4, 3, 2, 0) + unchanged + ramp * 4 + grid + ramp * 3
    return _profile(b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": table}, kind=b"prtr")


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    tags = {**tags, b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)}
    directory, content, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        directory += name + struct.pack(">II", at + len(content), len(value))
        content += value.ljust(-(-len(value) // 4) * 4, b"\0")
    header = struct.pack(">I4sI4s4s4s", at + len(content), b"lcms", 0x02400000, kind, space, connection)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + content


def _fixed(numbers: Sequence[float]) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _xyz(colour: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(colour)


def _gamma(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
