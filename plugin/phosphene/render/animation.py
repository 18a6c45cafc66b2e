"""Animations, which show pictures one after another, as WebP, PNG or GIF."""

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
from phosphene.render.canvas import fitted
from phosphene.render.colours import ROOM

STAY, BLEND, HOLD = 400, 100, 1500  # milliseconds for a picture, a blended frame and the last picture
BLENDS = 6  # frames between two pictures
MAX_FRAMES = 1200  # in a crossfade; a WebP of 1,200 frames of 384 pixels takes half a minute to write
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".webp": ("WEBP", {"quality": 80, "method": 4}),  # a sixth of the size of a PNG
    ".png": ("PNG", {"disposal": 1}),
    ".apng": ("PNG", {"disposal": 1}),
    ".gif": ("GIF", {"disposal": 1}),
}


@dataclass(frozen=True, slots=True)
class Film:
    """An animation that is not written yet. Its frames are made one by one, and only once."""

    frames: Iterator[Picture]
    milliseconds: Sequence[int]  # how long each frame is shown

    def save(self, path: Path | str) -> Path:
        """Write the animation as an endless WebP, PNG or GIF. The ending of the name decides which.

        Frames of another shape than the first one are fitted into its size. When it writes a WebP, only
        one frame at a time is in memory. Raises PhospheneError if there are no frames, or for another
        ending.
        """
        path = Path(path)
        check_ending(path)
        if not self.milliseconds:
            raise PhospheneError(f"The animation `{path}` would have no frames.")
        name, options = FORMATS[path.suffix.lower()]
        content = BytesIO()
        reel = Reel(_alike(self.frames), len(self.milliseconds))
        durations = list(self.milliseconds)
        reel.save(content, name, save_all=True, duration=durations, loop=0, exif=mark(), **options)
        write(path, content.getvalue())
        return path


def animate(
    frames: Iterable[Picture], path: Path | str, *, milliseconds: int = 100, hold_last: int = 1500
) -> Path:
    """Write frames as an endless animation, and return its path. The last one stays `hold_last` milliseconds.

    Raises PhospheneError as `Film.save` does. A wrong ending raises it before the first frame is made.
    """
    check_ending(Path(path))
    every = list(frames)
    return Film(iter(every), [milliseconds] * (len(every) - 1) + [hold_last] if every else []).save(path)


class Reel(Picture):
    """A picture of many frames, which Pillow seeks through. Only one frame at a time is in memory."""

    def __init__(self, frames: Iterator[Picture], count: int) -> None:
        super().__init__()
        self._frames, self._place = frames, -1
        self.n_frames, self.is_animated = count, count > 1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Make the frames up to this one. Pillow asks for them in order."""
        if frame >= self.n_frames:
            raise EOFError("no more frames")
        while self._place < frame:
            self._place += 1
            shown = next(self._frames)
            self.im, self._mode, self._size = shown.im, shown.mode, shown.size


def check_ending(path: Path) -> None:
    """Raise PhospheneError if a file of this name cannot be an animation."""
    if path.suffix.lower() not in FORMATS:
        raise PhospheneError(
            f"An animation cannot be written as `{path.name}`. Its name must end in {', '.join(FORMATS)}.",
            hint=f"name it `{path.stem or 'animation'}.webp`",
        )


def noising(picture: Picture, *, steps: int = 24, seed: int = 0) -> Iterator[Picture]:
    """Turn a picture into noise step by step, which a diffusion model learns to undo.

    The steps follow the path x = (1 - σ) x0 + σ ε of rectified flow (Liu et al. 2022). The values lie in
    [-1, 1]. The normal noise ε is the same at every step, and σ grows from 0 to 1 in `steps` steps.
    """
    clean = np.asarray(picture.convert("RGB"), dtype=np.float32) / 127.5 - 1
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    for sigma in np.linspace(0, 1, steps, dtype=np.float32):
        values = (1 - sigma) * clean + sigma * noise
        yield Image.fromarray(np.clip(np.rint((values + 1) * 127.5), 0, 255).astype(np.uint8))


def crossfade(keys: Sequence[Hashable], picture_of: Callable[[int], Picture]) -> Film:
    """Make an animation that stops at every picture and blends into the next one.

    `picture_of(i)` opens the picture of `keys[i]`, and is called in order. Equal keys in a row are one
    picture that stays longer. If there are many pictures, they are blended in fewer steps.
    """
    runs = [list(run) for _, run in groupby(range(len(keys)), key=lambda place: keys[place])]
    between = max(1, min(BLENDS, MAX_FRAMES // max(1, len(runs)) - 1))
    stays = [len(run) * STAY + (len(run) - 1) * between * BLEND for run in runs]
    milliseconds = [part for stay in stays for part in (stay, *[BLEND] * between)][: -between or None]
    if stays:
        milliseconds[-1] += HOLD - STAY
    return Film(_faded([run[0] for run in runs], picture_of, between), milliseconds)


def _faded(places: Sequence[int], picture_of: Callable[[int], Picture], between: int) -> Iterator[Picture]:
    """Yield the frames of a crossfade. Only two of its pictures are in memory at a time."""
    here: Picture | None = None
    for there in _alike(picture_of(place) for place in places):
        if here:
            yield from (Image.blend(here, there, (part + 1) / (between + 1)) for part in range(between))
        yield there
        here = there


def _alike(frames: Iterable[Picture]) -> Iterator[Picture]:
    """Fit all frames into the size of the first one."""
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
