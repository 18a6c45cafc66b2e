"""What captions are made of, for a model that has to say it of their pictures.

A batch of pairs tells a model only what tells its pictures apart. What each picture shows it learns
much sooner where its vector has to name the words of the captions, and pairs of words, so that a red
house beside a blue boat is not the same as a blue house beside a red boat (as in SuperClass; Huang et
al. 2024, there with single tokens and without a text tower).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

MOST = 1536  # phrases of a vocabulary
SHARES = (0.001, 0.5)  # of pictures that a phrase is said of: rarer ones teach nothing, others are `a`, `of`
REACH = 2  # words that a pair is apart at most: `two red houses` has `two houses`
WORD = re.compile(r"\w+")


def phrases(text: str) -> set[str]:
    """The words of a text, and its pairs of words that stand near one another."""
    words = WORD.findall(text.lower())
    pairs = (zip(words, words[gap:], strict=False) for gap in range(1, REACH + 1))
    return {*words, *(" ".join(pair) for some in pairs for pair in some)}


class Phrasebook:
    """The phrases that captions are made of, and which of them are said of each picture."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        said = [set().union(*map(phrases, texts)) for texts in captions]
        counts = Counter(phrase for some in said for phrase in some)
        fewest, most = (share * len(captions) for share in SHARES)
        kept = [phrase for phrase, count in counts.most_common() if fewest <= count <= most][:MOST]
        self.phrases = tuple(kept)
        self._said = _packed(said, {phrase: place for place, phrase in enumerate(kept)})

    def __len__(self) -> int:
        return len(self.phrases)

    @property
    def shares(self) -> Tensor:
        """Of how many pictures each phrase is said, in [0, 1]."""
        return torch.from_numpy(np.unpackbits(self._said, axis=1, count=len(self)).mean(0)).float()

    def said(self, chosen: NDArray[np.integer]) -> Tensor:
        """Which phrases are said of these pictures: (n, phrases), 0 or 1."""
        return torch.from_numpy(np.unpackbits(self._said[chosen], axis=1, count=len(self))).float()


def _packed(said: Iterable[set[str]], places: dict[str, int]) -> NDArray[np.uint8]:
    rows = []
    for some in said:
        row = np.zeros(len(places), dtype=np.uint8)
        row[[places[phrase] for phrase in some if phrase in places]] = 1
        rows.append(np.packbits(row))
    return np.stack(rows)


class Naming(nn.Module):
    """Reads phrases out of vectors; only a training needs it."""

    def __init__(self, dimension: int, shares: Tensor) -> None:
        super().__init__()
        self.scale = dimension**0.5  # a unit vector's entries are small
        self.read = nn.Linear(dimension, len(shares))
        nn.init.zeros_(self.read.weight)
        self.read.bias.data.copy_(shares.logit())

    def forward(self, vectors: Tensor, said: Tensor) -> Tensor:
        """How far the phrases read out of unit vectors (n, d) are from those `said` (n, phrases), in nats."""
        logits = self.read(vectors * self.scale)
        return functional.binary_cross_entropy_with_logits(logits, said, reduction="none").sum(1).mean()
