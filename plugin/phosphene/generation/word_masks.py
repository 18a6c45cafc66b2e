"""Masks from words: where in a picture the embedding model sees what the words name.

Every place of the picture has a vector. Its score is its similarity to the words, less its mean similarity to
neutral texts. Places above the middle between the median and the highest score are white. So there is always
a mask, however faint the highest score is, and a user should look at it before it is used.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as pillow
from PIL import ImageFilter
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.embedding import Embedder, PatchEncoder, Patches
from phosphene.errors import ModelError
from phosphene.images import decode
from phosphene.images.sizes import Size
from phosphene.vectors import Vector

NEUTRAL = ("a picture", "a landscape", "the background")
SIDE = 64  # pixels of a mask in a recipe, on both sides: many more than a model has places
GROWN = 5  # pixels of the filter that makes the mask larger, so that the edges of a thing are in it


def see(embedder: Embedder, picture: Picture) -> Patches:
    """The vectors of the places of a picture. Raises ModelError if the model has none."""
    if not isinstance(embedder, PatchEncoder):
        raise ModelError(
            f"The model `{embedder.space.name}` does not see where things are, so words cannot be a mask.",
            hint="give a rectangle, `--mask X,Y,W,H`, or a picture whose white part is repainted",
        )
    return embedder.patches(picture)


def word_mask(patches: Patches, words: Vector, neutral: Sequence[Vector]) -> Picture:
    """The mask (L) of what is near to the vector of the words, SIDE by SIDE pixels."""
    scores = np.asarray(patches @ words - (patches @ np.stack(neutral).T).mean(axis=-1), dtype=np.float32)
    smooth = np.asarray(pillow.fromarray(scores).resize((SIDE, SIDE), Resampling.BICUBIC))
    middle = (np.median(smooth) + smooth.max()) / 2
    seen = pillow.fromarray(np.where(smooth >= middle, 255, 0).astype(np.uint8))
    return seen.filter(ImageFilter.MaxFilter(GROWN))


def encoded(mask: Picture) -> str:
    """A mask as text: base64 of a PNG with one bit per pixel."""
    file = io.BytesIO()
    mask.convert("1").save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def decoded(text: str, size: Size) -> Picture:
    """The mask (L) that `encoded` wrote, at a size. Its edges are smooth.

    Raises ValueError for a text that is not base64, and ImageError for one that is not a picture.
    """
    small = decode(base64.b64decode(text, validate=True)).picture.convert("L")
    large = small.resize(size, Resampling.BICUBIC)
    return large.point([0] * 128 + [255] * 128)
