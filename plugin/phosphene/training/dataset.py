"""The dataset of a generator: a library's pictures as latents, their captions, and the neighbours of both.

Captions are embedded once. The nearest pictures of every picture and of every caption are searched once,
exactly. The latents come from `training.latent_cache`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from phosphene.training.arrays import load_arrays, save_arrays
from phosphene.training.run import OnNote
from phosphene.vectors import Vectors

NEAREST = 16  # neighbours that are kept per picture and per caption
DUPLICATE = 0.995  # cosine from which two pictures count as one: the generator would learn to copy it
BLOCK = 2048  # rows that are searched at once

Latents: TypeAlias = NDArray[np.float16]  # (n, latent_channels, h, w)
Ids: TypeAlias = NDArray[np.str_]


class TextEncoder(Protocol):
    """Embeds captions: an Embedder, or the part of one that embeds texts."""

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, d)."""
        ...


@dataclass(frozen=True, slots=True)
class LatentDataset:
    """n pictures and their m captions. Neighbours are indices of pictures, with -1 for missing ones.

    `encoder` identifies the encoder of the latents, `digest` everything that the dataset was made from.
    """

    latents: Latents
    own: Vectors  # (n, d)
    texts: Vectors  # (m, d)
    first: NDArray[np.int64]  # (n + 1,): the captions of picture i are first[i] to first[i + 1]
    near_own: NDArray[np.int32]  # (n, NEAREST)
    near_texts: NDArray[np.int32]  # (m, NEAREST)
    ids: Ids = field(default_factory=lambda: np.zeros(0, np.str_))  # (n,), of the pictures
    encoder: str = ""
    digest: str = ""

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def dimension(self) -> int:
        """The dimension of the vectors."""
        return int(self.own.shape[1])

    def captions_of(self, index: int) -> range:
        """The indices in `texts` of a picture's captions."""
        return range(int(self.first[index]), int(self.first[index + 1]))

    def save(self, path: Path) -> None:
        """Write the dataset as one .npz, whole or not at all."""
        save_arrays(path, **{each.name: getattr(self, each.name) for each in fields(self)})

    @classmethod
    def load(cls, path: Path, on_note: OnNote | None = None) -> "LatentDataset | None":
        """Load what `save` wrote. None if the file is missing or damaged; `on_note` is told of damage."""
        arrays: dict[str, Any] = load_arrays(path, on_note)
        names = {each.name for each in fields(cls)}
        if not names <= arrays.keys():
            return None
        texts = {name: str(arrays[name]) for name in ("encoder", "digest")}
        return cls(**{name: arrays[name] for name in names} | texts)


def digest_of(
    space: str, encoder: str, ids: Sequence[str], captions: Sequence[Sequence[str]], own: Vectors
) -> str:
    """Identifies a dataset: its pictures, their captions and vectors, and the encoder of the latents."""
    identity = json.dumps([space, encoder, list(ids), [list(texts) for texts in captions]])
    return hashlib.sha256(identity.encode() + np.ascontiguousarray(own).tobytes()).hexdigest()


def with_neighbours(
    latents: Latents,
    own: Vectors,
    captions: Sequence[Sequence[str]],
    embedder: TextEncoder,
    device: str = "cpu",
) -> LatentDataset:
    """The dataset of these pictures: embeds their captions, and searches neighbours on the device."""
    first = np.cumsum([0, *(len(texts) for texts in captions)], dtype=np.int64)
    flat = [text for texts in captions for text in texts]
    texts = _embedded(flat, embedder, own.shape[1])
    owners = np.repeat(np.arange(len(own)), np.diff(first))
    near_own = neighbours(own, np.arange(len(own)), own, device)
    return LatentDataset(latents, own, texts, first, near_own, neighbours(texts, owners, own, device))


def neighbours(
    queries: Vectors, owners: NDArray[np.integer], pictures: Vectors, device: str = "cpu"
) -> NDArray[np.int32]:
    """The NEAREST pictures of each query (q, d), nearest first: (q, NEAREST), with -1 for missing ones.

    Each query belongs to a picture, its owner. The owner and its duplicates are not neighbours of the query.
    """
    found = np.full((len(queries), NEAREST), -1, dtype=np.int32)
    wide, columns = min(2 * NEAREST, len(pictures)), torch.from_numpy(pictures).to(device).T
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        scores = torch.from_numpy(queries[block]).to(device) @ columns
        best = scores.topk(wide).indices.cpu().numpy()
        alike = np.einsum("qkd,qd->qk", pictures[best], pictures[owners[block]]) > DUPLICATE
        alike |= best == owners[block][:, None]
        kept = np.argsort(alike, axis=1, kind="stable")[:, :NEAREST]  # the others first, in their order
        best = np.where(np.take_along_axis(alike, kept, axis=1), -1, np.take_along_axis(best, kept, axis=1))
        found[block, : best.shape[1]] = best
    return found


def _embedded(texts: Sequence[str], embedder: TextEncoder, dimension: int) -> Vectors:
    """The vectors of texts. Equal texts are embedded once."""
    distinct = list(dict.fromkeys(texts))
    blocks = [embedder.texts(distinct[start : start + BLOCK]) for start in range(0, len(distinct), BLOCK)]
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, dimension), dtype=np.float32)
    places = {text: place for place, text in enumerate(distinct)}
    return vectors[[places[text] for text in texts]] if texts else vectors
