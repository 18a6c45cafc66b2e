"""The towers of a model, each opened when it is first needed: by onnxruntime, or by torch.

onnxruntime runs a tower on the CPU, once it has been exported, see `kept`. torch runs it on a GPU, and where
it cannot be exported.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.config import cores
from phosphene.device import has_gpu, pick_device
from phosphene.embedding.tokenizing import TextTokenizer
from phosphene.embedding.tokenizing.loading import full_tokenizer, light_tokenizer
from phosphene.embedding.towers import Tower, TowerKind
from phosphene.embedding.towers.kept import graph_of
from phosphene.embedding.towers.session import image_tower, text_tower
from phosphene.embedding.weights import Weights
from phosphene.records import Space

if TYPE_CHECKING:
    from phosphene.embedding.towers.by_torch import TorchTowers


# Pictures in a forward pass by the kind of device. More are not faster on a core, and Ctrl-C waits for it.
BATCHES = {"cpu": 16, "mps": 32, "cuda": 128}


class Towers:
    """The towers of one model on one device. Many threads use them at once."""

    def __init__(self, weights: Weights, space: Space, device: str) -> None:
        """With the device `auto`, texts use the CPU also beside a GPU, since onnxruntime starts sooner."""
        if device not in ("auto", "cpu"):
            pick_device(device)  # a missing device is an error at once
        self._weights, self._space, self._device = weights, space, device
        self._threads = cores()
        self._text: tuple[TextTokenizer, Tower] | None = None
        self._images: dict[int, Tower] = {}  # by the number of threads
        self._torch: TorchTowers | None = None
        self._loading = threading.RLock()

    def text(self) -> tuple[TextTokenizer, Tower]:
        """A tokenizer and the text tower that reads its ids."""
        with self._loading:
            if self._text is None:
                self._text = self._light_text() or (full_tokenizer(self._weights), self._by_torch("text"))
        return self._text

    def image(self) -> Tower:
        """The image tower."""
        with self._loading:
            if self._threads not in self._images:
                self._images[self._threads] = self._light_image() or self._by_torch("image")
            return self._images[self._threads]

    @property
    def batch_size(self) -> int:
        """How many pictures the image tower takes at once."""
        on_cpu = self._on_cpu("image")
        return BATCHES["cpu" if on_cpu else pick_device(self._device).type]

    def by_torch(self) -> "TorchTowers":
        """The towers that torch runs. The model is loaded when one of them is used."""
        from phosphene.embedding.towers.by_torch import TorchTowers

        with self._loading:
            if self._torch is None:
                self._torch = TorchTowers(self._weights, self._device, self._space.precision)
        return self._torch

    @contextmanager
    def one_core_each(self) -> Iterator[None]:
        """Until the block ends, a call of the image tower computes on one core."""
        before, self._threads = self._threads, 1
        try:
            yield
        finally:
            self._threads = before
            if before != 1:
                self._images.pop(1, None)

    def _light_text(self) -> tuple[TextTokenizer, Tower] | None:
        """A tokenizer and a text tower without torch, if there are such for this model and device."""
        graph = self._graph("text")
        tokenizer = light_tokenizer(self._weights, graph.parent) if graph else None
        if not graph or not tokenizer:
            return None
        return tokenizer, text_tower(graph, tokenizer.pad, threads=self._threads)

    def _light_image(self) -> Tower | None:
        """An image tower without torch, if there is one for this model and device."""
        kind: TowerKind = "int8-image" if self._space.precision == "int8" else "image"
        graph = self._graph(kind)
        return image_tower(graph, threads=self._threads, one_by_one=kind == "int8-image") if graph else None

    def _graph(self, kind: TowerKind) -> Path | None:
        """The file of an exported tower, unless torch runs it."""
        return graph_of(self._weights, self._space, kind) if self._on_cpu(kind) else None

    def _on_cpu(self, kind: TowerKind) -> bool:
        return self._device == "cpu" or (self._device == "auto" and (kind == "text" or not has_gpu()))

    def _by_torch(self, kind: TowerKind) -> Tower:
        return partial(self.by_torch().run, kind, one_core=self._threads == 1)
