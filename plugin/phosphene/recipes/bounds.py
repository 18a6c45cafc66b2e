"""The bounds of the values in a recipe and in a request for a new picture."""

from typing import Literal

Fit = Literal["crop", "pad", "stretch"]  # how an init image is fitted, see `generation.fitting`
# The way that neighbours take into a picture, best first: by the vectors that the library has; by vectors
# that the generator's own encoder makes of them; as a list of pictures; as the picture to start from; or not
# at all, so that only words count. See `generation.lanes`.
Lane = Literal["vectors", "embedded", "pictures", "start", "words"]

MAX_STEPS = 200  # of the solver; more than 50 make no visible difference
MAX_CANDIDATES = 256  # for one picture
MAX_GUIDANCE = 100.0
MAX_WEIGHT = 1e6  # of a parent, because generators compute in float32
MAX_SIDE = 16_384  # pixels
SEED_LIMIT = 2**63  # all seeds are smaller, so that databases hold them as 64-bit integers
MAX_SETTINGS = 64  # in the settings block of a recipe
MAX_SETTING_LENGTH = 4_096  # characters of one setting
