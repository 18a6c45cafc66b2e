"""The bounds of the values in a recipe and in a request for a new picture."""

from typing import Literal

Fit = Literal["crop", "pad", "stretch"]  # how an init image is fitted, see `generation.fitting`

MAX_STEPS = 200  # of the solver; more than 50 make no visible difference
MAX_CANDIDATES = 256  # for one picture
MAX_GUIDANCE = 100.0
MAX_WEIGHT = 1e6  # of a parent, because generators compute in float32
MAX_SIDE = 16_384  # pixels
SEED_LIMIT = 2**63  # all seeds are smaller, so that databases hold them as 64-bit integers
MAX_SETTINGS = 64  # in the settings block of a recipe
MAX_SETTING_LENGTH = 4_096  # characters of one setting
