"""Pictures one after another: animated WebP, PNG or GIF, by the ending of the file's name."""

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.errors import PhospheneError
from phosphene.files import write_whole
from phosphene.render.canvas import fitted, slab
from phosphene.render.colours import ROOM, TEXT
from phosphene.render.fonts import width, write

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".webp": ("WEBP", {"quality": 80, "method": 4}),  # a sixth of the PNG's size
    ".png": ("PNG", {"disposal": 1}),
    ".apng": ("PNG", {"disposal": 1}),
    ".gif": ("GIF", {"disposal": 1}),
}


def animate(frames: Iterable[Picture], path: Path, *, milliseconds: int = 100, hold_last: int = 1500) -> Path:
    """Write frames that repeat for ever; the last one stays `hold_last` milliseconds.

    Frames of another shape than the first are fitted into it. Raises PhospheneError for no
    frames and for an ending that is none of `FORMATS`.
    """
    check_ending(path)
    name, options = FORMATS[path.suffix.lower()]
    alike = list(_alike(frames))
    if not alike:
        raise PhospheneError(f"no frames for the animation `{path}`")
    durations = [milliseconds] * (len(alike) - 1) + [hold_last]
    content = BytesIO()
    alike[0].save(
        content, name, save_all=True, append_images=alike[1:], duration=durations, loop=0, **options
    )
    write_whole(path, content.getvalue())
    return path


def check_ending(path: Path) -> None:
    """Raise PhospheneError where a file of this name cannot be an animation: before the work."""
    if path.suffix.lower() not in FORMATS:
        raise PhospheneError(
            f"no animation can be written as `{path.name}`; endings are {', '.join(FORMATS)}",
            hint=f"name it `{path.stem or 'animation'}.webp`",
        )


def noising(picture: Picture, *, steps: int = 24, seed: int = 0) -> Iterator[Picture]:
    """A picture on its way into noise: what a diffusion model learns to walk back.

    The flow path x = (1 - σ) x0 + σ ε of rectified flows (Liu et al. 2022), with values in
    [-1, 1], one normal ε and `steps` noise levels σ from 0 to 1.
    """
    clean = np.asarray(picture.convert("RGB"), dtype=np.float32) / 127.5 - 1
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    for sigma in np.linspace(0, 1, steps, dtype=np.float32):
        values = (1 - sigma) * clean + sigma * noise
        yield Image.fromarray(np.clip(np.rint((values + 1) * 127.5), 0, 255).astype(np.uint8))


def crossfade(pictures: Sequence[Picture], *, between: int = 6, still: int = 4) -> Iterator[Picture]:
    """Each picture for `still` frames, and `between` frames of blending to the next."""
    alike = list(_alike(pictures))
    for here, there in zip_longest(alike, alike[1:]):
        yield from [here] * still
        if there:
            yield from (Image.blend(here, there, (part + 1) / (between + 1)) for part in range(between))


def labelled(picture: Picture, text: str) -> Picture:
    """The picture with a few words in its lower left corner."""
    shown = picture.convert("RGB")
    size = max(9, shown.height // 20)
    wide, high = round(width(text, size)) + size, round(size * 1.7)
    left, top = size // 2, shown.height - size // 2 - high
    slab(shown, (left, top, left + wide, top + high), ROOM, high // 3)
    write(shown, (left + size / 2, top + high * 0.7), text, size, TEXT)
    return shown


def _alike(frames: Iterable[Picture]) -> Iterator[Picture]:
    """All frames in the shape of the first, fitted into it."""
    room: tuple[int, int] | None = None
    for picture in frames:
        room = room or picture.size
        if picture.size == room:
            yield picture.convert("RGB")
        else:
            inner = fitted(picture, room)
            canvas = Image.new("RGB", room, ROOM)
            canvas.paste(inner, ((room[0] - inner.width) // 2, (room[1] - inner.height) // 2))
            yield canvas
