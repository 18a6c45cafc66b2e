"""The pictures that a generation starts from: the user's own, or those of the nearest neighbours.

From noise alone a network has to find a layout first, and it forgets things and miscounts them. Real
pictures have one: at the noise level 0.8 what is near to the prompt still shows through, and the prompt
changes the rest (SDEdit; Meng et al. 2022, there with a user's strokes). Vectors of neighbours say what
is in them, not where.
"""

import numpy as np
import torch
from PIL.Image import Image as Picture
from torch import Tensor

from phosphene.generation import Fit, Request
from phosphene.generation.fitting import cropped, fitted_mask, painted

STARTS = 2  # neighbours that candidates start from, in turn: further ones show less of what is asked for


def pictured(request: Request) -> list[Picture]:
    """The neighbours' pictures that a request may start from, of the nearest one first."""
    pictures = (near.picture for near in request.references if near.weight > 0)
    return [picture for picture in pictures if picture is not None][:STARTS]


def first(request: Request) -> Picture:
    """The picture that a request does start from; each candidate has its own."""
    if request.init is not None:
        return request.init
    pictures = pictured(request)
    return pictures[request.candidate % len(pictures)]


def small_mask(mask: Picture, size: int, cells: int, fit: Fit) -> Tensor:
    """The cells to make anew, (1, cells, cells): a cell counts if the mask touches it at all."""
    square = fitted_mask(mask, size, fit) if fit == "pad" else cropped(painted(mask), fit)
    grey = torch.from_numpy(np.asarray(square, dtype=np.float32) / 255)
    return torch.nn.functional.adaptive_max_pool2d(grey[None], cells)
