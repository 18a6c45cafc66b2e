"""The two towers of a model: one turns token ids into vectors, the other one pixels.

A tower runs by onnxruntime once `export` has written it down, see `kept`, and by torch where it cannot be
exported or where there is a GPU. `runtime` decides.
"""

from collections.abc import Callable
from typing import Any, Literal

from numpy.typing import NDArray

from phosphene.vectors import Vectors

TowerKind = Literal["text", "image", "int8-image"]  # the last one computes in int8, see `int8`
# Token ids (n, context) or pixels (n, height, width, 3) to vectors (n, d), which are not normalised.
Tower = Callable[[NDArray[Any]], Vectors]
