"""Byte pair encoding with a large vocabulary, of which only what a text needs is read.

Gemma's tokenizer, which SigLIP2 uses, has 256,000 entries, and parsing them takes `tokenizers` a second and
330 MB. But a text consists of tokens that occur in it as they are. So the entries and their merges are kept
as sorted arrays, see `bpe_files`, which the system maps into memory. Those that occur in a text are looked
up, and `tokenizers` splits it with them alone. The tokens are the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import BPE

FRAME = "tokenizer.json"  # a tokenizer with only those entries that any text may need
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of the polynomial hash; an odd number with mixed bits
OPTIONS = ("unk_token", "fuse_unk", "byte_fallback", "ignore_merges")  # of the model


@dataclass(frozen=True, slots=True)
class SortedVocabulary:
    """A vocabulary by the hashes of its entries, and its merges by the ids of their parts."""

    hashes: NDArray[np.uint64]
    ids: NDArray[np.uint32]
    ends: NDArray[np.uint32]  # where each entry ends in `letters`, and the next one begins
    letters: NDArray[np.uint8]  # all entries in UTF-8
    pairs: NDArray[np.uint64]  # the id of the left part × 2³² + that of the right one
    ranks: NDArray[np.uint32]  # the smallest is merged first

    def find(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of the hashes are those of entries, and the places of these entries."""
        return _common(self.hashes, hashes)

    def entry(self, place: int) -> bytes:
        """An entry in UTF-8."""
        return self.letters[self.ends[place - 1] if place else 0 : self.ends[place]].tobytes()

    def merges(self, left: NDArray[np.uint32], right: NDArray[np.uint32]) -> dict[int, int]:
        """The numbers of those pairs of ids that are merged, by their rank."""
        asked, places = _common(self.pairs, left.astype(np.uint64) << np.uint64(32) | right)
        return dict(zip(self.ranks[places].tolist(), asked.tolist(), strict=True))


class MappedBpe:
    """A tokenizer whose vocabulary lies in files that are mapped into memory."""

    def __init__(self, folder: Path, frame: Mapping[str, Any]) -> None:
        self.frame = json.dumps(frame["tokenizer"])
        self._longest: int = frame["longest"]
        model = frame["tokenizer"]["model"]
        self._options = {name: model[name] for name in OPTIONS if name in model}
        self._always: dict[str, int] = model["vocab"]
        self._sorted = SortedVocabulary(
            *(_mapped(file_of(folder, name)) for name in SortedVocabulary.__slots__)
        )

    def tokenizer(self, texts: Sequence[str]) -> Tokenizer:
        """A tokenizer that splits these texts, and all parts of them, as the whole one does."""
        made = Tokenizer.from_str(self.frame)
        joined = "".join(texts)
        made.model = self._model(made.normalizer.normalize_str(joined) if made.normalizer else joined)
        return made

    def _model(self, text: str) -> BPE:
        """A model with the entries and the merges that occur in a text."""
        starts, ends, ids = self._occurrences(text)
        left, right = _neighbours(starts, ends)
        ranked = sorted(self._sorted.merges(ids[left], ids[right]).items())
        tokens = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        merges = [(tokens[left[number]], tokens[right[number]]) for _, number in ranked]
        return BPE({**self._always, **dict(zip(tokens, ids.tolist(), strict=True))}, merges, **self._options)

    def _occurrences(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint32]]:
        """Where the entries that occur in a text start and end, sorted by the start, and their ids."""
        codes = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint64)
        hashes, found = np.ones(len(codes), np.uint64), []
        for length in range(1, min(self._longest, len(codes)) + 1):
            hashes = extended(hashes[: len(codes) - length + 1], codes[length - 1 :])
            found += [
                (start, start + length, place)
                for start, place in zip(*map(np.ndarray.tolist, self._sorted.find(hashes)), strict=True)
                if self._sorted.entry(place) == text[start : start + length].encode()
            ]
        starts, ends, places = np.array(sorted(found), np.intp).reshape(-1, 3).T
        return starts, ends, self._sorted.ids[places]


def opened(folder: Path, source: str) -> MappedBpe | None:
    """The tokenizer in a folder, if it was written from a `tokenizer.json` with the sha256 `source`."""
    try:
        frame = json.loads(file_of(folder, FRAME).read_bytes())
    except FileNotFoundError:
        return None
    return MappedBpe(folder, frame) if frame["source"] == source else None


def file_of(folder: Path, name: str) -> Path:
    """The file with an array or with the frame."""
    return folder / (name if name == FRAME else f"tokenizer.{name}.npy")


def extended(hashes: NDArray[np.uint64], codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hashes of texts that are one letter longer. The hash of an empty text is 1."""
    return hashes * FACTOR + codes


def _mapped(file: Path) -> NDArray[Any]:
    return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))


def _common(
    known: NDArray[np.uint64], asked: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which of the numbers `asked` are among the sorted numbers `known`, and where these are."""
    places = np.searchsorted(known, asked)
    hits = np.flatnonzero(known[np.minimum(places, len(known) - 1)] == asked) if len(known) else places[:0]
    return hits, places[hits]


def _neighbours(
    starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of all spans that meet: a left one, and a right one that starts where the left one ends."""
    first, after = np.searchsorted(starts, ends, "left"), np.searchsorted(starts, ends, "right")
    counts = after - first
    left = np.repeat(np.arange(len(starts)), counts)
    within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return left, first[left] + within
