"""The image encoder of a family: an image tower of CLIP, as transformers has it."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.embedding import Embedded
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.embedding.tags import PREPROCESS
from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors, unit

if TYPE_CHECKING:
    import torch


class ClipImageEncoder:
    """Makes the vectors that a family reads, with open_clip's preprocessing.

    The network is loaded when a vector is first needed, because a library that has such vectors never needs
    it. A vector times its norm is what the network returns as `image_embeds`.
    """

    def __init__(self, space: Space, size: int, load: Callable[[], Any]) -> None:
        """`load` returns a CLIPVisionModelWithProjection for pictures of `size` × `size` pixels."""
        self._space, self._size = space, size
        self._preprocessing = Preprocessing({**PREPROCESS, "size": size})
        self._load = load
        self._network: Any = None
        self._loading = threading.Lock()

    @property
    def space(self) -> Space:
        """The space of the vectors."""
        return self._space

    def prepare(self, picture: Picture) -> Pixels:
        """A picture at the model's size, not normalised yet. Many threads may call this at once."""
        return self._preprocessing(picture)

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures."""
        raw = self._raw(np.stack(prepared)) if prepared else np.empty((0, self._space.dimension), np.float32)
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))

    def empty_picture(self) -> Vectors:
        """The network's own vector (1, d) of pixels that are zeros once they are normalised."""
        import torch

        return self._output(torch.zeros(1, 3, self._size, self._size))

    def _raw(self, pixels: Pixels) -> Vectors:
        """The network's own vectors (n, d) of pixels (n, height, width, 3)."""
        import torch

        batch = torch.from_numpy(pixels).to(self._loaded().device).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (batch.new_tensor(PREPROCESS[key])[:, None, None] for key in ("mean", "std"))
        return self._output(batch.sub_(mean).div_(std))

    def _output(self, batch: "torch.Tensor") -> Vectors:
        """The network's own vectors (n, d) of normalised pixels (n, 3, height, width)."""
        import torch

        network = self._loaded()
        with torch.inference_mode():
            vectors = network(batch.to(network.device, network.dtype)).image_embeds
        return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)

    def _loaded(self) -> Any:
        """The network. The first thread that needs it loads it."""
        with self._loading:
            if self._network is None:
                self._network = self._load()
        return self._network
