"""Runs an exported tower by onnxruntime, on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phosphene.embedding.tokenizing import shortened
from phosphene.embedding.towers import Tower
from phosphene.vectors import Vectors

INPUT = "given"  # the name of a graph's input
QUIET = 3  # onnxruntime's own number for errors; its warnings are about nodes that it optimises


class Session:
    """An exported tower. Many threads may run it at once, each on `threads` cores."""

    def __init__(self, file: Path, *, threads: int, packed: bool, one_by_one: bool = False) -> None:
        """Open the graph in a file.

        `packed` copies the weights into the order in which they are read. This makes a run a tenth faster,
        but it takes the memory of the weights and the time of about one run. Without it, the weights stay in
        the file, of which the system maps into memory what is read.

        With `one_by_one`, each element of a batch is a run of its own. An int8 tower would otherwise take one
        scale for all of them, and a vector would depend on the other pictures of its batch.
        """
        import onnxruntime

        self._one_by_one = one_by_one
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = QUIET
        # Otherwise idle threads would wait in a loop for a while after each run, and take CPU time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.disable_prepacking", "0" if packed else "1")
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    @property
    def shape(self) -> list[int | str]:
        """The shape of the input, with a name for each axis that may have any length."""
        shape: list[int | str] = self._session.get_inputs()[0].shape
        return shape

    def __call__(self, given: NDArray[Any]) -> Vectors:
        """The vectors (n, d) of token ids (n, context) or pixels (n, height, width, 3)."""
        if self._one_by_one:
            return np.concatenate([self._run(given[at : at + 1]) for at in range(len(given))])
        return self._run(given)

    def _run(self, given: NDArray[Any]) -> Vectors:
        vectors: Vectors = self._session.run(None, {INPUT: given})[0]
        return vectors


def text_tower(file: Path, pad: int, *, threads: int) -> Tower:
    """A text tower. If it takes ids of any length, it is run without padding: most texts are short."""
    session = Session(file, threads=threads, packed=False)
    if isinstance(session.shape[1], int):
        return session
    return lambda ids: session(shortened(ids, pad))


def image_tower(file: Path, *, threads: int, one_by_one: bool = False) -> Tower:
    """An image tower."""
    return Session(file, threads=threads, packed=True, one_by_one=one_by_one)
