"""The image encoder of a family: an image tower of CLIP, as transformers has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.embedding import Embedded
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.embedding.weights import PREPROCESS
from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors, unit

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class ClipImageEncoder:
    """Makes the vectors that a family reads, with open_clip's preprocessing.

    `network` is a CLIPVisionModelWithProjection. A vector times its norm is what the network returns as
    `image_embeds`.
    """

    network: Any
    space: Space
    preprocessing: Preprocessing

    def prepare(self, picture: Picture) -> Pixels:
        """A picture at the model's size, not normalised yet. Many threads may call this at once."""
        return self.preprocessing(picture)

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures."""
        raw = self.raw(np.stack(prepared)) if prepared else np.empty((0, self.space.dimension), np.float32)
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))

    def raw(self, pixels: Pixels) -> Vectors:
        """The network's own vectors (n, d) of pixels (n, height, width, 3)."""
        import torch

        with torch.inference_mode():
            vectors = self.network(self._normalised(pixels)).image_embeds
            return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

    def _normalised(self, pixels: Pixels) -> "torch.Tensor":
        """Pixels as the network reads them: with CLIP's mean and deviation, channels first."""
        import torch

        batch = torch.from_numpy(pixels).to(self.network.device).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (batch.new_tensor(PREPROCESS[key])[:, None, None] for key in ("mean", "std"))
        return batch.sub_(mean).div_(std).to(self.network.dtype)


def clip_image_encoder(network: Any, space: Space) -> ClipImageEncoder:
    """The image encoder around a network. The network's own configuration says the size of its pictures."""
    size = network.config.image_size
    return ClipImageEncoder(network, space, Preprocessing({**PREPROCESS, "size": size}))
