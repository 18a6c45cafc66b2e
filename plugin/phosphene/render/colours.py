"""The colours of everything that is drawn: a dark room, and one glow for what was generated."""

Paint = tuple[int, int, int]

ROOM: Paint = (15, 17, 22)  # the background
CARD: Paint = (26, 29, 37)  # behind a picture that does not fill its place
LINE: Paint = (52, 57, 70)  # rules, empty tracks
TEXT: Paint = (236, 233, 226)
QUIET: Paint = (143, 149, 163)  # captions of captions
GLOW: Paint = (94, 240, 194)  # generated: seldom met in photographs, told apart by a badge too
