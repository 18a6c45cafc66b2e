"""The phrases that captions consist of, and a loss for a model that predicts them from pictures.

A contrastive batch only teaches a model the differences between its pictures. A model learns much sooner what
a picture shows if the picture's vector also has to predict the words of its captions (as in SuperClass; Huang
et al. 2024, which has single tokens and no text tower). Pairs of words count too, so that a red house beside
a blue boat is not the same as a blue house beside a red boat.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

MAX_PHRASES = 1536
# A phrase is used if this share of the pictures has it. Rarer ones teach nothing, and others are `a` or `of`.
SHARES = (0.001, 0.5)
MAX_GAP = 2  # the distance of the words of a pair: `two red houses` has the pair `two houses`
WORD = re.compile(r"\w+")


def phrases(text: str) -> set[str]:
    """The words of a text, and the pairs of words that stand near one another."""
    words = WORD.findall(text.lower())
    pairs = (zip(words, words[gap:], strict=False) for gap in range(1, MAX_GAP + 1))
    return {*words, *(" ".join(pair) for some in pairs for pair in some)}


class Phrasebook:
    """The phrases of all captions, and which of them each picture has."""

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        said = [set().union(*map(phrases, texts)) for texts in captions]
        counts = Counter(phrase for some in said for phrase in some)
        fewest, most = (share * len(captions) for share in SHARES)
        kept = [phrase for phrase, count in counts.most_common() if fewest <= count <= most][:MAX_PHRASES]
        self.phrases = tuple(kept)
        self._said = _packed(said, {phrase: place for place, phrase in enumerate(kept)})

    def __len__(self) -> int:
        return len(self.phrases)

    @property
    def shares(self) -> Tensor:
        """The share of pictures that have each phrase, in [0, 1]."""
        return torch.from_numpy(np.unpackbits(self._said, axis=1, count=len(self)).mean(0)).float()

    def said(self, chosen: NDArray[np.integer]) -> Tensor:
        """Which phrases these pictures have: (n, phrases), 0 or 1."""
        return torch.from_numpy(np.unpackbits(self._said[chosen], axis=1, count=len(self))).float()


def _packed(said: Iterable[set[str]], places: dict[str, int]) -> NDArray[np.uint8]:
    rows = []
    for some in said:
        row = np.zeros(len(places), dtype=np.uint8)
        row[[places[phrase] for phrase in some if phrase in places]] = 1
        rows.append(np.packbits(row))
    return np.stack(rows)


class PhraseLoss(nn.Module):
    """A linear classifier of phrases, and its loss. It is only used in trainings."""

    def __init__(self, dimension: int, shares: Tensor) -> None:
        super().__init__()
        self.scale = dimension**0.5  # because the entries of a unit vector are small
        self.classifier = nn.Linear(dimension, len(shares))
        nn.init.zeros_(self.classifier.weight)
        self.classifier.bias.data.copy_(shares.logit())

    def forward(self, vectors: Tensor, said: Tensor) -> Tensor:
        """The cross-entropy of what unit vectors (n, d) predict against `said` (n, phrases), in nats."""
        logits = self.classifier(vectors * self.scale)
        return functional.binary_cross_entropy_with_logits(logits, said, reduction="none").sum(1).mean()
