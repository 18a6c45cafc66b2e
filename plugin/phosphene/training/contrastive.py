"""The contrastive loss of a CLIP, and the batches of pictures and captions that it is computed on."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CLIP
from torch.nn import functional

from phosphene.nets.tokenizer import Tokenizer
from phosphene.training.examples import Examples, mirrored, normalised, shifted
from phosphene.training.phrases import Phrasebook, PhraseLoss
from phosphene.vectors import Vectors

BATCH_SIZE = 192
HALVES = 2  # of a batch, one per thread
JUMBLED = 24  # texts per step that belong to no picture
EXTRA_NEGATIVES = 2048  # further pictures per step, if the vectors of pictures are known
PHRASE_WEIGHT = 0.1  # of the phrase loss; the contrastive loss has the weight 1
TEXT_PARTS = 6  # parts that texts run in, short ones first


@dataclass(frozen=True, slots=True)
class ContrastiveObjective:
    """Draws batches and computes the gradients of the model on them."""

    model: CLIP
    tokenizer: Tokenizer
    dropping: Tokenizer
    examples: Examples
    book: Phrasebook
    phrase_loss: PhraseLoss
    hard_negatives: NDArray[np.int32] | None
    locked: Vectors | None  # the vectors of the pictures, if they must not change
    random: np.random.Generator
    threads: ThreadPoolExecutor

    def backward(self) -> float:
        """Draw a batch, add the gradients of its loss to the model, and return the loss.

        The towers and the halves of a batch run in threads, since they meet only in the loss. Each half of
        the pictures has its own statistics (ghost batch normalisation; Hoffer et al. 2017).
        """
        chosen, alone = self.chosen()
        ids = self.texts(chosen, alone)
        pictures = [partial(self.pictures, half) for half in np.array_split(chosen, HALVES)]
        texts = [partial(encode_texts, self.model, half) for half in ids.tensor_split(HALVES)]
        outputs = list(self.threads.map(lambda tower: tower(), [*pictures, *texts]))
        ends = [output.detach().requires_grad_() for output in outputs]
        seen = functional.normalize(torch.cat(ends[:HALVES]), dim=-1)
        loss = self.loss(seen, torch.cat(ends[HALVES:]), ids, alone, self.extra_negatives(chosen))
        if self.locked is None:
            loss = loss + PHRASE_WEIGHT * self.phrase_loss(seen, self.book.said(chosen))
        loss.backward()  # type: ignore[no-untyped-call]
        learnt = [pair for pair in zip(outputs, ends, strict=True) if pair[0].requires_grad]
        list(self.threads.map(lambda pair: pair[0].backward(pair[1].grad), learnt))
        return float(loss.detach())

    def pictures(self, chosen: NDArray[np.int64]) -> torch.Tensor:
        """The vectors (n, d) of pictures that were shifted and mirrored at random, or the locked vectors."""
        if self.locked is not None:
            return torch.from_numpy(self.locked[chosen])
        moved = mirrored(shifted(self.examples.pictures[chosen], self.random), self.random)
        return self.model.encode_image(normalised(moved))  # type: ignore[no-any-return]

    def extra_negatives(self, chosen: NDArray[np.int64]) -> torch.Tensor:
        """The locked vectors (m, d) of pictures that are not in the batch. None if nothing is locked."""
        if self.locked is None:
            return torch.empty(0, self.model.text_projection.shape[1])
        others = np.setdiff1d(self.random.integers(len(self.examples), size=EXTRA_NEGATIVES), chosen)
        return torch.from_numpy(self.locked[others])

    def chosen(self) -> tuple[NDArray[np.int64], int]:
        """The pictures of a batch, and how many of them, the first ones, were drawn at random."""
        count = min(BATCH_SIZE, len(self.examples))
        if self.hard_negatives is None:
            return self.random.choice(len(self.examples), count, replace=False), count
        first = self.random.choice(len(self.examples), count // 2, replace=False)
        negatives = self.hard_negatives[
            first, self.random.integers(self.hard_negatives.shape[1], size=len(first))
        ]
        rest = np.setdiff1d(negatives[negatives >= 0], first)
        return np.concatenate([first, rest]), len(first)

    def texts(self, chosen: NDArray[np.int64], alone: int) -> torch.Tensor:
        """The ids of the fullest captions, of another one of the first `alone`, and of jumbled ones."""
        captions = [self.examples.captions[int(index)] for index in chosen]
        full = [texts[-1] for texts in captions]
        other = [texts[int(self.random.integers(len(texts)))] for texts in captions[:alone]]
        jumbled = [jumble(text, self.random) for text in full[:JUMBLED]]
        return torch.cat([self.tokenizer(full), self.dropping(other), self.dropping(jumbled)])

    def loss(
        self,
        pictures: torch.Tensor,
        texts: torch.Tensor,
        ids: torch.Tensor,
        alone: int,
        extra_negatives: torch.Tensor,
    ) -> torch.Tensor:
        """The loss of n pictures and their texts: n fullest captions, `alone` others, then jumbled ones."""
        count, scale = len(pictures), self.model.logit_scale.exp()
        others = Others(texts[count + alone :], extra_negatives)
        views = ((pictures, slice(count)), (pictures[:alone], slice(count, count + alone)))
        losses = [contrast(some, texts[view], ids[view], scale, others) for some, view in views]
        return torch.stack(losses).mean()


@dataclass(frozen=True, slots=True)
class Others:
    """Negatives that belong to no pair of a batch: texts (m, d) and pictures (k, d)."""

    texts: torch.Tensor
    pictures: torch.Tensor


def contrast(
    pictures: torch.Tensor, texts: torch.Tensor, ids: torch.Tensor, scale: torch.Tensor, others: Others
) -> torch.Tensor:
    """The symmetric contrastive loss of n pairs (n, d), with further texts and pictures as negatives."""
    own = torch.arange(len(pictures), device=pictures.device)
    same = (ids[:, None] == ids[None]).all(dim=-1) & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    logits = (scale * pictures @ texts.T).masked_fill(same, -torch.inf)
    to_texts = torch.cat([logits, scale * pictures @ others.texts.T], dim=1)
    to_pictures = torch.cat([logits.T, scale * texts @ others.pictures.T], dim=1)
    return (functional.cross_entropy(to_texts, own) + functional.cross_entropy(to_pictures, own)) / 2


def jumble(text: str, random: np.random.Generator) -> str:
    """The text with the letters of its long words shuffled: it means nothing, but has the same shape."""
    words = text.split()
    letters = list("".join(word for word in words if len(word) > 3))
    random.shuffle(letters)
    dealt = iter(letters)
    return " ".join("".join(next(dealt) for _ in word) if len(word) > 3 else word for word in words)


def encode_texts(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """What `model.encode_text` returns for `ids` (n, context), computed without most of the padding."""
    order = (ids != 0).sum(dim=1).argsort()
    parts = [_encode(model, ids[part]) for part in order.tensor_split(TEXT_PARTS) if len(part)]
    return torch.cat(parts)[order.argsort()]


def _encode(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """The same, computed without the padding that all of `ids` share."""
    length = int((ids != 0).sum(dim=1).max())
    ids = ids[:, :length]
    hidden = model.token_embedding(ids) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    ends = (ids == model.text_eos_id).int().argmax(dim=1)
    return functional.normalize(hidden[torch.arange(len(ids)), ends] @ model.text_projection, dim=-1)
