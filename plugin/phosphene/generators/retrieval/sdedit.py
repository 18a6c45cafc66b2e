"""The pictures that the built-in generator begins with: the user's own, or those of the nearest neighbours.

A network that begins with noise alone has to find a layout first. The vectors of neighbours tell it what to
paint, but not where and hardly in which style. A neighbour's picture still shows both through much noise, and
the prompt changes the rest. SDEdit (Meng et al. 2022) does this with the strokes of a user.
"""

import numpy as np
import torch
from PIL.Image import Image as Picture
from torch import Tensor

from phosphene.generation import Fit, Request
from phosphene.generation.fitting import cropped, fitted_mask, painted
from phosphene.images.sizes import THUMBNAIL

NEAREST = 2  # candidates begin with these neighbours in turn; further ones show less of the prompt


def neighbour_pictures(request: Request) -> list[Picture]:
    """Small pictures of the neighbours that a request may begin with, nearest first."""
    nearest = [near for near in request.references if near.weight > 0][:NEAREST]
    pictures = (near.picture(THUMBNAIL) for near in nearest)
    return [picture for picture in pictures if picture is not None]


def init_picture(request: Request) -> Picture:
    """The picture that a request begins with. Each candidate begins with another neighbour's picture."""
    if request.init is not None:
        return request.init
    pictures = neighbour_pictures(request)
    return pictures[request.candidate % len(pictures)]


def latent_mask(mask: Picture, size: tuple[int, int], cells: int, fit: Fit) -> Tensor:
    """The cells to make anew, (1, cells, cells). A cell counts if the mask touches any part of it."""
    whole = fitted_mask(mask, size, fit) if fit == "pad" else cropped(painted(mask), size, fit)
    grey = torch.from_numpy(np.asarray(whole, dtype=np.float32) / 255)
    return torch.nn.functional.adaptive_max_pool2d(grey[None], cells)
