"""The pictures that the built-in generator begins with: the user's own, or those of the nearest neighbours.

From noise alone a network has to find a layout first, and it forgets things and miscounts them. Real
pictures have one: at the noise level 0.8 what is near to the prompt still shows through, and the prompt
changes the rest (SDEdit; Meng et al. 2022, there with a user's strokes). The vectors of neighbours say what
is in them, not where.
"""

import numpy as np
import torch
from PIL.Image import Image as Picture
from torch import Tensor

from phosphene.generation import Fit, Request
from phosphene.generation.fitting import cropped, fitted_mask, painted
from phosphene.images.sizes import THUMBNAIL

NEAREST = 2  # neighbours that candidates begin with, in turn: further ones show less of the prompt


def pictured(request: Request) -> list[Picture]:
    """The small pictures of the neighbours that a request may begin with, of the nearest one first."""
    nearest = [near for near in request.references if near.weight > 0][:NEAREST]
    pictures = (near.picture(THUMBNAIL) for near in nearest)
    return [picture for picture in pictures if picture is not None]


def first(request: Request) -> Picture:
    """The picture that a request does begin with; each candidate has its own."""
    if request.init is not None:
        return request.init
    pictures = pictured(request)
    return pictures[request.candidate % len(pictures)]


def small_mask(mask: Picture, size: tuple[int, int], cells: int, fit: Fit) -> Tensor:
    """The cells to make anew, (1, cells, cells): a cell counts if the mask touches it at all."""
    whole = fitted_mask(mask, size, fit) if fit == "pad" else cropped(painted(mask), size, fit)
    grey = torch.from_numpy(np.asarray(whole, dtype=np.float32) / 255)
    return torch.nn.functional.adaptive_max_pool2d(grey[None], cells)
