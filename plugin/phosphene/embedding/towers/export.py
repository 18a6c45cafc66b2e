"""Writes a tower down as an ONNX graph, which takes torch some seconds, and checks it against torch."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch
from numpy.typing import NDArray

from phosphene.embedding.tokenizing.loading import full_tokenizer, light_tokenizer, write_mapped
from phosphene.embedding.towers import Tower, TowerKind, int16
from phosphene.embedding.towers.by_torch import TorchTowers
from phosphene.embedding.towers.session import INPUT, image_tower, text_tower
from phosphene.embedding.weights import Weights
from phosphene.errors import first_line
from phosphene.vectors import unit

TOLERANCE = 1e-4  # of each number in a unit vector, and of a norm relative to itself
BATCHES = (1, 3, 8)  # sizes of the batches that are checked; the last is that of `TEXTS`
# What an export is traced and checked with: many scripts, signs, HTML, special tokens, much and nothing.
TEXTS = (
    *(
        "a red house in the snow",
        "",
        "Two  BLUE boats &amp; a zeppelin 🙂",
        "снег 雪 ثلج हिम",
        "it's 1,234.5 km²",
    ),
    *(
        "<end_of_text> </s> [SEP] <pad>",
        "ﬁne_café\u200b naïve—“quoted”\n\tand\r\nlines",
        "a long road " * 200,
    ),
)


class NotExportable(Exception):
    """A tower cannot be exported. The text says why."""


class Exporter:
    """Writes the towers of one model down. torch loads the model when the first one is written."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._towers = TorchTowers(weights, "cpu")

    def write(self, kind: TowerKind, file: Path) -> None:
        """Write a tower to a file, with its weights and perhaps its vocabulary in files beside it.

        Raises NotExportable if that fails, ModelError if the model cannot be loaded, and OSError if the files
        cannot be written.
        """
        weights, is_text = self._weights, kind == "text"
        given, pad = _ids(weights, file.parent) if is_text else (_pixels(weights), 0)
        try:
            apart = self._written(kind, given, pad, file, in_16_bits=is_text)
            if is_text and not apart <= TOLERANCE:
                apart = self._written(kind, given, pad, file, in_16_bits=False)
        except OSError:
            raise
        except Exception as error:  # whatever the exporter finds in a model, torch can still run it
            raise NotExportable(first_line(error)) from error
        if not apart <= TOLERANCE:
            raise NotExportable(f"its vectors differ from those of torch by {apart:.1e}")

    def _written(
        self, kind: TowerKind, given: NDArray[Any], pad: int, file: Path, *, in_16_bits: bool
    ) -> float:
        """Write a tower, and return how far its vectors are from those of torch."""
        short = self._towers.causal_text_tower() if kind == "text" else None
        tower = self._towers.tower(kind)
        model = _traced(short or tower, given, any_length=short is not None)
        if in_16_bits:
            int16.compact(model)
        onnx_ir.save(model, file, external_data=f"{file.name}.data")
        made = text_tower(file, pad, threads=1) if kind == "text" else image_tower(file, threads=1)
        return max(_apart(made, tower, given[:count]) for count in BATCHES)


def _ids(weights: Weights, folder: Path) -> tuple[NDArray[Any], int]:
    """The ids of `TEXTS`, and that of padding. The folder gets what the tokenizer reads at each start.

    Raises NotExportable if they need transformers.
    """
    expected, light = full_tokenizer(weights)(TEXTS), light_tokenizer(weights)
    if light is None:
        raise NotExportable("its tokenizer needs transformers")
    if not np.array_equal(light(TEXTS), expected):
        raise NotExportable("transformers reads its tokenizer.json in another way than tokenizers")
    write_mapped(weights, folder)
    return expected, light.pad


def _pixels(weights: Weights) -> NDArray[np.uint8]:
    """Random pictures at the size of the model."""
    size: Any = weights.preprocess["size"]
    height, width = (size, size) if isinstance(size, int) else size
    return np.random.default_rng(0).integers(0, 256, (len(TEXTS), height, width, 3), np.uint8)


def _traced(tower: torch.nn.Module, given: NDArray[Any], *, any_length: bool) -> onnx_ir.Model:
    """The graph of a tower for batches of any size, and perhaps for texts of any length."""
    axes = range(2 if any_length else 1)
    with _silence():
        program = torch.onnx.export(
            tower,
            (torch.from_numpy(given),),
            input_names=[INPUT],
            dynamic_shapes=(dict.fromkeys(axes, torch.export.Dim.DYNAMIC),),
            opset_version=int16.OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # it is None only for the exporter that torch had before
    for node in program.model.graph:
        node.metadata_props.clear()  # where in the source code a node came from
    return program.model


def _apart(made: Tower, tower: torch.nn.Module, given: NDArray[Any]) -> float:
    """How far the vectors and norms of an exported tower are from those of torch."""
    with torch.inference_mode():
        expected = tower(torch.from_numpy(given)).float().numpy()
    found = made(given)
    norms = np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    return max(float(np.abs(unit(found) - unit(expected)).max()), float(np.abs(norms - 1).max()))


@contextmanager
def _silence() -> Iterator[None]:
    """Let the exporter say nothing of what it does not know about a model: `export` looks at the numbers."""
    speakers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [speaker.level for speaker in speakers]
    for speaker in speakers:
        speaker.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for speaker, level in zip(speakers, levels, strict=True):
            speaker.setLevel(level)
