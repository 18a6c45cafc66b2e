"""A picture in a terminal that is drawn again and again in the same place, as while it forms.

Nothing here prints. The functions return the text to print, at the beginning of a line below the picture.
"""

from dataclasses import dataclass

from PIL.Image import Image as Picture

from phosphene.render.terminal import CELL, WRITERS, How, iterm2, kitty, strip_of

KITTY_ID = 1  # a picture with the number of an earlier one replaces that one
SAVE, RESTORE, CLEAR_BELOW = "\x1b7", "\x1b8", "\x1b[J"


@dataclass(slots=True)
class LivePicture:
    """The place of one picture, `wide` characters wide. All pictures in it have the same size."""

    how: How
    wide: int = 24
    rows: int = 0  # lines that the picture takes, once one was drawn

    def frame(self, picture: Picture) -> str:
        """The text that draws the picture, in place of the one before."""
        strip = strip_of([picture], self.wide)
        made_room = "" if self.rows else "\n" * (strip.height // CELL[1])
        self.rows = strip.height // CELL[1]
        return f"{made_room}\x1b[{self.rows}A{SAVE}{self._drawn(strip)}{RESTORE}\x1b[{self.rows}B"

    def erased(self) -> str:
        """The text that takes the picture away. What is below it moves up."""
        if not self.rows:
            return ""
        gone = f"\x1b_Ga=d,d=I,i={KITTY_ID},q=2\x1b\\" if self.how == "kitty" else ""
        return f"{gone}\x1b[{self.rows}A{CLEAR_BELOW}"

    def _drawn(self, strip: Picture) -> str:
        """The picture, which must not scroll the screen: the last line end is left out."""
        if self.how == "kitty":
            return kitty(strip, self.wide, f"r={self.rows},C=1,i={KITTY_ID},").removesuffix("\n")
        if self.how == "iterm2":
            return iterm2(strip, self.wide, f";height={self.rows}").removesuffix("\n")
        return WRITERS[self.how](strip, self.wide).removesuffix("\n")
