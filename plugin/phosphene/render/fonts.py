"""Text on pictures, in the typeface that comes with Pillow.

That typeface, Aileron, has little more than ASCII. Other characters come from the fonts of this
machine. If none has a character, it is simplified (é to e) or becomes `?`, so that a caption never
draws a row of empty boxes.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from math import ceil, floor

from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Image as Picture
from PIL.Image import Resampling
from PIL.ImageFont import FreeTypeFont

from phosphene.render.colours import Paint

# Pillow looks these names up in the font folders of Linux, Windows and macOS. The fonts for Chinese,
# Japanese and Korean come last.
FALLBACKS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "segoeui.ttf",
    "Arial Unicode.ttf",
    "Helvetica.ttc",
    "NotoSansCJK-Regular.ttc",
    "msyh.ttc",
    "PingFang.ttc",
)
NO_CHARACTER = "\uffff"  # no font has it, so it draws the font's empty box
FINE = 3  # text is drawn this many times larger and then shrunk, which spaces small letters evenly


def write(
    canvas: Picture, place: tuple[float, float], text: str, size: int, colour: Paint, align: str = "left"
) -> None:
    """Draw one line of text. `place` is the left, middle or right point of its baseline, by `align`."""
    left = place[0] - width(text, size) * {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
    corner = (floor(left) - 1, floor(place[1]) - 2 * size)
    room = (ceil(width(text, size)) + size, 3 * size)
    fine = Image.new("L", (room[0] * FINE, room[1] * FINE), 0)
    pen, x = ImageDraw.Draw(fine), (left - corner[0]) * FINE
    for font, part in _runs(text, size):
        pen.text((x, (place[1] - corner[1]) * FINE), part, font=font, fill=255, anchor="ls")
        x += font.getlength(part)
    mask = fine.resize(room, Resampling.BOX)
    canvas.paste(colour, (*corner, corner[0] + room[0], corner[1] + room[1]), mask)


def width(text: str, size: int) -> float:
    """The width of one line of text in pixels."""
    return sum(font.getlength(part) for font, part in _runs(text, size)) / FINE


def wrap(text: str, size: int, room: float, lines: int) -> list[str]:
    """Break a text into at most `lines` lines of `room` pixels. A longer text ends with `…`."""
    text = text[: int(room) * lines + 1]  # no character is narrower than a pixel
    words = (piece for word in text.split() for piece in _pieces(word, size, room))
    broken: list[str] = []
    for word in words:
        if broken and width(f"{broken[-1]} {word}", size) <= room:
            broken[-1] += f" {word}"
        elif len(broken) < lines:
            broken.append(word)
        else:
            broken[-1] = shorten(f"{broken[-1]} {word}", size, room)
            break
    return broken


def shorten(text: str, size: int, room: float) -> str:
    """Cut one line of text to `room` pixels. A text that is cut ends with `…`."""
    if len(text) <= room and width(text, size) <= room:
        return text
    text = text[: int(room)]  # no character is narrower than a pixel
    while text and width(f"{text}…", size) > room:
        text = text[:-1].rstrip()
    return f"{text}…"


def _pieces(word: str, size: int, room: float) -> Iterator[str]:
    """Yield a word, in pieces if it is wider than the room."""
    while width(word, size) > room and len(word) > 1:
        end = max(count for count in range(1, len(word)) if count == 1 or width(word[:count], size) <= room)
        yield word[:end]
        word = word[end:]
    yield word


@lru_cache(maxsize=4096)
def _runs(text: str, size: int) -> tuple[tuple[FreeTypeFont, str], ...]:
    """Split the text into runs that one font can draw. The fonts have `FINE` times the size."""
    faces = _faces(size)
    chosen = [_choose(character, size) for character in unicodedata.normalize("NFC", text)]
    return tuple(
        (faces[index], "".join(part for _, part in group))
        for index, group in groupby(chosen, key=lambda choice: choice[0])
    )


@lru_cache(maxsize=4096)
def _choose(character: str, size: int) -> tuple[int, str]:
    """The index of the first font that has this character, and what to draw for it."""
    if not character.isprintable():
        return 0, " "
    for index, face in enumerate(_faces(size)):
        if _has(face, character):
            return index, character
    base = unicodedata.normalize("NFKD", character)[0]
    return 0, base if _has(_faces(size)[0], base) else "?"


def _has(face: FreeTypeFont, character: str) -> bool:
    return character == " " or bytes(face.getmask(character)) != bytes(face.getmask(NO_CHARACTER))


@lru_cache(maxsize=64)
def _faces(size: int) -> tuple[FreeTypeFont, ...]:
    """Pillow's own typeface, followed by the fallbacks that this machine has."""
    own = ImageFont.load_default(size * FINE)
    assert isinstance(own, FreeTypeFont), "Pillow was built without FreeType"
    return (own, *_installed(size))


def _installed(size: int) -> Iterator[FreeTypeFont]:
    for name in FALLBACKS:
        try:
            yield ImageFont.truetype(name, size * FINE)
        except OSError:  # this machine does not have it
            continue
