"""What the values of a recipe, and of a request for a new picture, may be."""

from typing import Literal

Fit = Literal["crop", "pad", "stretch"]  # how an init image gets the proportions of the new picture

MOST_STEPS = 200  # of the solver: 8 are usual, and more than 50 change nothing that can be seen
MOST_CANDIDATES = 256  # of one picture
MOST_GUIDANCE = 100.0
HEAVIEST = 1e6  # weight of a parent; generators compute in float32
LARGEST_SIDE = 16_384  # pixels
SEEDS = 2**63  # seeds lie below: what random generators and databases hold as a whole number
MOST_SETTINGS = 64  # of a generator's own in a recipe
LONGEST_SETTING = 4_096  # letters of one
