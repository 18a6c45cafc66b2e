"""The colours of everything that is drawn: a dark room, and one glow for what was generated."""

Colour = tuple[int, int, int]

ROOM: Colour = (15, 17, 22)  # the background
CARD: Colour = (26, 29, 37)  # behind a picture that does not fill its place
LINE: Colour = (52, 57, 70)  # rules, empty tracks
TEXT: Colour = (236, 233, 226)
QUIET: Colour = (143, 149, 163)  # captions of captions
GLOW: Colour = (94, 240, 194)  # generated: seldom met in photographs, told apart by a badge too
