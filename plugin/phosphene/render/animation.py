"""Pictures one after another: animated WebP, PNG or GIF, by the ending of the file's name."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.errors import PhospheneError
from phosphene.outputs import mark, write
from phosphene.render import fonts
from phosphene.render.canvas import fitted, slab
from phosphene.render.colours import ROOM, TEXT

STAY, BLEND, HOLD = 400, 100, 1500  # milliseconds: a picture of a crossfade, a blended frame, the last one
BLENDS = 6  # frames between two pictures
MOST_FRAMES = 1200  # of a crossfade: a WebP of so many frames of 384 pixels takes half a minute
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".webp": ("WEBP", {"quality": 80, "method": 4}),  # a sixth of the PNG's size
    ".png": ("PNG", {"disposal": 1}),
    ".apng": ("PNG", {"disposal": 1}),
    ".gif": ("GIF", {"disposal": 1}),
}


@dataclass(frozen=True, slots=True)
class Film:
    """Frames, which are made when they are asked for, once; and how long each is seen."""

    frames: Iterator[Picture]
    milliseconds: Sequence[int]


def animate(frames: Iterable[Picture], path: Path, *, milliseconds: int = 100, hold_last: int = 1500) -> Path:
    """Write frames that repeat for ever; the last one stays `hold_last` milliseconds.

    Raises PhospheneError as `record` does.
    """
    check_ending(path)
    every = list(frames)
    return record(Film(iter(every), [milliseconds] * (len(every) - 1) + [hold_last] if every else []), path)


def record(film: Film, path: Path) -> Path:
    """Write a film that repeats for ever. Of a WebP only one frame at a time is in memory.

    Frames of another shape than the first are fitted into it. Raises PhospheneError for no
    frames and for an ending that is none of `FORMATS`.
    """
    check_ending(path)
    name, options = FORMATS[path.suffix.lower()]
    if not film.milliseconds:
        raise PhospheneError(f"no frames for the animation `{path}`")
    content = BytesIO()
    reel = Reel(_alike(film.frames), len(film.milliseconds))
    durations = list(film.milliseconds)
    reel.save(content, name, save_all=True, duration=durations, loop=0, exif=mark(), **options)
    write(path, content.getvalue())
    return path


class Reel(Picture):
    """Frames as one picture of many: Pillow seeks through them, and each is let go for the next."""

    def __init__(self, frames: Iterator[Picture], count: int) -> None:
        super().__init__()
        self._frames, self._place = frames, -1
        self.n_frames, self.is_animated = count, count > 1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Make the next frames up to this one; Pillow asks for them in their order."""
        if frame >= self.n_frames:
            raise EOFError("no more frames")
        while self._place < frame:
            self._place += 1
            shown = next(self._frames)
            self.im, self._mode, self._size = shown.im, shown.mode, shown.size


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


def crossfade(keys: Sequence[Hashable], picture_of: Callable[[int], Picture]) -> Film:
    """A film that stops at every picture and blends into the next; the same key is the same picture.

    `picture_of` gives the picture at a place among the keys, and is asked for one after the other.
    Equal neighbours are one picture that stays longer. Long ways are blended in fewer steps.
    """
    runs = [list(run) for _, run in groupby(range(len(keys)), key=lambda place: keys[place])]
    between = max(1, min(BLENDS, MOST_FRAMES // max(1, len(runs)) - 1))
    stays = [len(run) * STAY + (len(run) - 1) * between * BLEND for run in runs]
    milliseconds = [part for stay in stays for part in (stay, *[BLEND] * between)][: -between or None]
    if stays:
        milliseconds[-1] += HOLD - STAY
    return Film(_faded([run[0] for run in runs], picture_of, between), milliseconds)


def _faded(places: Sequence[int], picture_of: Callable[[int], Picture], between: int) -> Iterator[Picture]:
    """The frames of a crossfade: only two pictures of the way are in memory at a time."""
    here: Picture | None = None
    for there in _alike(picture_of(place) for place in places):
        if here:
            yield from (Image.blend(here, there, (part + 1) / (between + 1)) for part in range(between))
        yield there
        here = there


def labelled(picture: Picture, text: str) -> Picture:
    """The picture with a few words in its lower left corner."""
    shown = picture.convert("RGB")
    size = max(9, shown.height // 20)
    wide, high = round(fonts.width(text, size)) + size, round(size * 1.7)
    left, top = size // 2, shown.height - size // 2 - high
    slab(shown, (left, top, left + wide, top + high), ROOM, high // 3)
    fonts.write(shown, (left + size / 2, top + high * 0.7), text, size, TEXT)
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
