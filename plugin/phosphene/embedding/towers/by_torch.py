"""The towers of a model as open_clip has them: to be exported, for GPUs, and for the places of a picture."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip import CLIP
from open_clip.transformer import TextTransformer
from PIL.Image import Image as Picture
from PIL.Image import Resampling
from torch import Tensor
from torch.func import functional_call

from phosphene.device import pick_device
from phosphene.embedding.loading import load_model
from phosphene.embedding.patches import can_see_patches, input_side, patches_of
from phosphene.embedding.towers import TowerKind
from phosphene.embedding.weights import Weights
from phosphene.errors import ModelError
from phosphene.images import resized
from phosphene.records import Precision
from phosphene.vectors import Patches, Vectors

CAUSAL_POOLING = ("argmax", "eos")  # ways of taking the vector of the token at the end of the text


class TextTower(torch.nn.Module):
    """Token ids (n, context) to vectors (n, d)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """What open_clip's `encode_text` returns."""
        vectors: Tensor = self.model.encode_text(ids)
        return vectors


class CausalTextTower(TextTower):
    """The same for ids (n, length) without padding, if no token sees those that come after it."""

    def __init__(self, model: Any, name: str) -> None:
        """`name` is that of the module in the model which has the tokens' positions."""
        super().__init__(model)
        self.name = name

    def forward(self, ids: Tensor) -> Tensor:
        """What open_clip's `encode_text` returns for the ids with their padding."""
        tower: Any = self.get_submodule(self.name)
        length = ids.shape[1]
        shorter = {
            f"{self.name}.positional_embedding": tower.positional_embedding[:length],
            f"{self.name}.attn_mask": tower.attn_mask[:length, :length],
        }
        vectors: Tensor = functional_call(TextTower(self.model), shorter, (ids,))
        return vectors


class ImageTower(torch.nn.Module):
    """Pixels (n, height, width, 3) from 0 to 255 to vectors (n, d)."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, weights: Weights) -> None:
        super().__init__()
        self.model = model
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(weights.preprocess[name])[:, None, None])

    def normalised(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, height, width) as open_clip's image towers take them."""
        return (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std

    def forward(self, pixels: Tensor) -> Tensor:
        """What open_clip's `encode_image` returns."""
        vectors: Tensor = self.model.encode_image(self.normalised(pixels))
        return vectors


class TorchTowers:
    """The towers of one model on one device. The model is loaded when one of them is first needed."""

    def __init__(self, weights: Weights, device: str, precision: Precision = "fp32") -> None:
        """On a GPU, the image tower computes in bf16 if that is the precision."""
        self._weights = weights
        self._device = pick_device(device)
        self._in_bf16 = precision == "bf16" and self._device.type == "cuda"
        self._modules: dict[TowerKind, Any] = {}
        self._loading = threading.Lock()

    def causal_text_tower(self) -> CausalTextTower | None:
        """The text tower for ids without padding, or None if the padding matters to this model."""
        model = self.tower("text").model
        if isinstance(model, CLIP):
            text, name, pooling = model, "model", model.text_pool_type
        elif isinstance(getattr(model, "text", None), TextTransformer) and model.text.cls_emb is None:
            text, name, pooling = model.text, "model.text", model.text.pool_type
        else:
            return None
        sees_back = text.attn_mask is not None and pooling in CAUSAL_POOLING
        return CausalTextTower(model, name).eval() if sees_back else None

    def tower(self, kind: TowerKind) -> Any:
        """A tower as a module in evaluation mode. The first thread that needs it loads the model."""
        with self._loading:
            if not self._modules:
                model = load_model(self._weights, self._device)
                both = TextTower(model), ImageTower(model, self._weights).to(self._device)
                self._modules = {"text": both[0].eval(), "image": both[1].eval()}
        return self._modules[kind]

    @torch.inference_mode()
    def run(self, kind: TowerKind, given: NDArray[Any], *, one_core: bool = False) -> Vectors:
        """The vectors (n, d) of token ids or pixels."""
        in_bf16 = torch.autocast("cuda", torch.bfloat16, enabled=self._in_bf16 and kind == "image")
        with _one_core() if one_core else nullcontext(), in_bf16:
            found: Tensor = self.tower(kind)(self._moved(given))
            return np.asarray(found.float().cpu().numpy(), np.float32)

    def _moved(self, given: NDArray[Any]) -> Tensor:
        """What is given, on the device. A GPU copies from pinned memory while it computes another batch."""
        tensor = torch.from_numpy(given)
        if self._device.type == "cuda":
            return tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.to(self._device)

    @torch.inference_mode()
    def patches(self, picture: Picture) -> Patches:
        """The unit vectors (rows, columns, d) of the places of a picture. See `patches`."""
        tower = self.tower("image")
        visual = tower.model.visual
        if not can_see_patches(visual):
            raise ModelError(
                f"The image tower of `{self._weights.name}` does not see where things are.",
                hint="use a ViT or a ResNet of open_clip for that",
            )
        height, width = input_side(visual)
        squashed = np.array(resized(picture.convert("RGB"), (width, height), Resampling.BICUBIC))
        pixels = torch.from_numpy(squashed[None]).to(self._device)
        return patches_of(visual, tower.normalised(pixels)).cpu().numpy()


@contextmanager
def _one_core() -> Iterator[None]:
    """Let this thread's work in torch stay on one core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
