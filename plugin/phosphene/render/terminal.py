"""Pictures in a terminal, by kitty's or iTerm2's protocol, or in half blocks of colour.

The environment variables alone decide between them, because asking the terminal would mean waiting
for an answer and might swallow a keystroke. Nothing here prints. The functions return the text to print.

kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/
iTerm2: https://iterm2.com/documentation-images.html
"""

from base64 import standard_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from itertools import groupby, product
from shutil import get_terminal_size
from typing import Literal, TextIO

import numpy as np
from PIL import Image
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.render.canvas import fitted

How = Literal["kitty", "iterm2", "blocks", "coarse"]  # coarse means half blocks of 256 colours

TERMS: dict[str, How] = {"xterm-kitty": "kitty", "xterm-ghostty": "kitty"}
PROGRAMS: dict[str, How] = {
    "ghostty": "kitty",
    "iTerm.app": "iterm2",
    "WezTerm": "iterm2",
    "mintty": "iterm2",
    "vscode": "blocks",
    "Apple_Terminal": "coarse",
}
SEVERAL = ("screen", "tmux")  # a protocol would not get through these terminals within a terminal
CELL = (10, 20)  # pixels of a character; the protocols then scale the picture to the columns
CHUNK = 4096  # bytes of base64 that kitty takes at once
GAP = 2  # columns between pictures
# A picture needs at least this many columns to be recognised.
NARROWEST: dict[How, int] = {"kitty": 12, "iterm2": 12, "blocks": 18, "coarse": 18}

Rgb = list[int]  # red, green, blue
Half = Rgb | None  # None is transparent
LEVELS = (0, 95, 135, 175, 215, 255)  # the levels of xterm's colours 16 to 231; 232 to 255 are greys
PALETTE = np.array([*product(LEVELS, repeat=3), *((grey,) * 3 for grey in range(8, 248, 10))])


def detect(stream: TextIO, environment: Mapping[str, str]) -> How | None:
    """How this stream shows pictures, or None for a file, a pipe or a plain terminal."""
    term = environment.get("TERM", "")
    if not stream.isatty() or term in ("", "dumb") or not _can_write("▀", stream):
        return None
    how = _protocol(term, environment)
    return None if how in ("blocks", "coarse") and environment.get("NO_COLOR") else how


def columns() -> int:
    """The width of the terminal in characters, or 80 if it is not known."""
    return get_terminal_size().columns


def inline(
    pictures: Sequence[Picture], how: How, *, labels: Sequence[str] = (), room: int = 80, widest: int = 24
) -> str:
    """The text that shows pictures beside each other, in as many lines as they need.

    `room` is the width of the terminal and `widest` the largest width of a picture, both in characters.
    Labels stand under their pictures and are cut to their width.
    """
    most = max(1, (room + GAP) // (NARROWEST[how] + GAP))
    lines = -(-len(pictures) // most)
    across = -(-len(pictures) // lines) if lines else 1
    wide = max(1, min(widest, (room + GAP) // across - GAP))
    text = ""
    for start in range(0, len(pictures), across):
        strip = strip_of(pictures[start : start + across], wide)
        text += WRITERS[how](strip, strip.width // CELL[0])
        cells = [f"{_plain(label)[:wide]:<{wide}}" for label in labels[start : start + across]]
        text += f"{(' ' * GAP).join(cells).rstrip()}\n" if cells else ""
    return text


def _protocol(term: str, environment: Mapping[str, str]) -> How:
    """Try the surest sign first, because a variable may come from a terminal around this one."""
    if environment.get("TMUX"):
        return "blocks"
    if term.startswith(SEVERAL):
        return "blocks" if term.startswith("tmux") else "coarse"
    program = environment.get("TERM_PROGRAM", "")
    if how := TERMS.get(term) or PROGRAMS.get(program):
        return how
    if environment.get("KITTY_WINDOW_ID"):
        return "kitty"
    if environment.get("WEZTERM_PANE") or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return "blocks"


def _plain(label: str) -> str:
    """The label without control characters, which a caption may hold and a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in label)


def _can_write(character: str, stream: TextIO) -> bool:
    try:
        character.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def strip_of(pictures: Sequence[Picture], wide: int) -> Picture:
    """One transparent picture with all pictures beside each other, each `wide` characters wide."""
    box = (wide * CELL[0], wide * CELL[0])
    shown = [fitted(picture, box) for picture in pictures]
    rows = -(-max(picture.height for picture in shown) // CELL[1])
    size = ((len(shown) * (wide + GAP) - GAP) * CELL[0], rows * CELL[1])
    strip = Image.new("RGBA", size)
    for index, picture in enumerate(shown):
        left = index * (wide + GAP) * CELL[0] + (box[0] - picture.width) // 2
        strip.paste(picture, (left, size[1] - picture.height))
    return strip


def kitty(strip: Picture, wide: int, keys: str = "") -> str:
    """The picture by the protocol of kitty. `keys` are more of its settings."""
    payload = standard_b64encode(_png(strip)).decode()
    chunks = [payload[start : start + CHUNK] for start in range(0, len(payload), CHUNK)]
    first = f"a=T,f=100,q=2,c={wide},{keys}"  # means: show at once, a PNG, no answer, this many columns
    escapes = (
        f"\x1b_G{first if index == 0 else ''}m={int(index < len(chunks) - 1)};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )
    return "".join(escapes) + "\n"


def iterm2(strip: Picture, wide: int, keys: str = "") -> str:
    """The picture by the protocol of iTerm2. `keys` are more of its settings."""
    content = _png(strip)
    options = f"inline=1;size={len(content)};width={wide};preserveAspectRatio=1{keys}"
    return f"\x1b]1337;File={options}:{standard_b64encode(content).decode()}\x07\n"


def _png(picture: Picture) -> bytes:
    content = BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _blocks(strip: Picture, wide: int) -> str:
    return _half_blocks(strip, wide, lambda colour: "2;{};{};{}".format(*colour))


def _coarse(strip: Picture, wide: int) -> str:
    return _half_blocks(strip, wide, lambda colour: f"5;{_nearest_of_256(colour)}")


def _half_blocks(strip: Picture, wide: int, code: Callable[[Rgb], str]) -> str:
    """Show two pixels in each character, as an upper half block in one colour on another."""
    small = strip.resize((wide, strip.height // CELL[1] * 2), Resampling.BOX)
    halves = [[pixel[:3] if pixel[3] > 127 else None for pixel in row] for row in np.asarray(small).tolist()]
    lines = (
        _characters(zip(upper, lower, strict=True), code)
        for upper, lower in zip(halves[::2], halves[1::2], strict=True)
    )
    return "".join(f"{line}\n" for line in lines)


def _characters(pairs: Iterable[tuple[Half, Half]], code: Callable[[Rgb], str]) -> str:
    """One line of text. The colours change only between characters that differ."""
    line = ""
    for (upper, lower), same in groupby(pairs):
        count = len(list(same))
        if upper and lower:
            line += f"\x1b[38;{code(upper)};48;{code(lower)}m" + "▀" * count
        elif upper:
            line += f"\x1b[0;38;{code(upper)}m" + "▀" * count
        elif lower:
            line += f"\x1b[0;38;{code(lower)}m" + "▄" * count
        else:
            line += "\x1b[0m" + " " * count
    return f"{line}\x1b[0m"


def _nearest_of_256(colour: Rgb) -> int:
    """The index of the nearest of xterm's 6 by 6 by 6 colours or 24 greys."""
    return int(((PALETTE - colour) ** 2).sum(axis=1).argmin()) + 16


WRITERS: dict[How, Callable[[Picture, int], str]] = {
    "kitty": kitty,
    "iterm2": iterm2,
    "blocks": _blocks,
    "coarse": _coarse,
}
