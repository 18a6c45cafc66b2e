"""What a CLIP learns from: batches of pictures and captions, and the loss that tells pairs from the rest."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CLIP
from torch.nn import functional

from phosphene.nets.tokenizer import Tokenizer
from phosphene.training.examples import Examples, mirrored, normal, shifted
from phosphene.training.phrases import Naming, Phrasebook
from phosphene.vectors import Vectors

BATCH = 192
HALVES = 2  # of a batch, one a thread
JUMBLED = 24  # texts a step that belong to no picture
CROWD = 2048  # further pictures that a text is not about, where their vectors are there already
NAMING = 0.1  # how much a nat of phrases counts beside a nat of pairs
TOGETHER = 6  # parts that texts run in, short ones first


@dataclass(frozen=True, slots=True)
class Lesson:
    """Draws batches and says what the model got wrong on them."""

    model: CLIP
    tokenizer: Tokenizer
    dropping: Tokenizer
    examples: Examples
    book: Phrasebook
    naming: Naming
    rivals: NDArray[np.int32] | None
    locked: Vectors | None  # the pictures' vectors, where they are to stay
    random: np.random.Generator
    threads: ThreadPoolExecutor

    def backward(self) -> float:
        """Draw a batch, add the gradients of its loss to the model's, and return the loss.

        The towers, and halves of a batch, meet in the loss alone, so that they run in threads. Each half
        of the pictures has statistics of its own (ghost batch normalisation; Hoffer et al. 2017).
        """
        chosen, alone = self.chosen()
        ids = self.texts(chosen, alone)
        pictures = [partial(self.pictures, half) for half in np.array_split(chosen, HALVES)]
        texts = [partial(encode_texts, self.model, half) for half in ids.tensor_split(HALVES)]
        outputs = list(self.threads.map(lambda tower: tower(), [*pictures, *texts]))
        ends = [output.detach().requires_grad_() for output in outputs]
        seen = functional.normalize(torch.cat(ends[:HALVES]), dim=-1)
        loss = self.loss(seen, torch.cat(ends[HALVES:]), ids, alone, self.crowd(chosen))
        if self.locked is None:
            loss = loss + NAMING * self.naming(seen, self.book.said(chosen))
        loss.backward()  # type: ignore[no-untyped-call]
        learnt = [pair for pair in zip(outputs, ends, strict=True) if pair[0].requires_grad]
        list(self.threads.map(lambda pair: pair[0].backward(pair[1].grad), learnt))
        return float(loss.detach())

    def pictures(self, chosen: NDArray[np.int64]) -> torch.Tensor:
        """The vectors (n, d) of pictures, moved a little and mirrored at times; or those that are to stay."""
        if self.locked is not None:
            return torch.from_numpy(self.locked[chosen])
        moved = mirrored(shifted(self.examples.pictures[chosen], self.random), self.random)
        return self.model.encode_image(normal(moved))  # type: ignore[no-any-return]

    def crowd(self, chosen: NDArray[np.int64]) -> torch.Tensor:
        """Vectors (m, d) of pictures that are not in the batch; none where they would have to be made."""
        if self.locked is None:
            return torch.empty(0, self.model.text_projection.shape[1])
        others = np.setdiff1d(self.random.integers(len(self.examples), size=CROWD), chosen)
        return torch.from_numpy(self.locked[others])

    def chosen(self) -> tuple[NDArray[np.int64], int]:
        """The pictures of a batch, and how many of them, the first ones, were chosen by chance alone."""
        count = min(BATCH, len(self.examples))
        if self.rivals is None:
            return self.random.choice(len(self.examples), count, replace=False), count
        first = self.random.choice(len(self.examples), count // 2, replace=False)
        near = self.rivals[first, self.random.integers(self.rivals.shape[1], size=len(first))]
        rest = np.setdiff1d(near[near >= 0], first)
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
        crowd: torch.Tensor,
    ) -> torch.Tensor:
        """The loss of n pictures' vectors and texts': n full captions, `alone` others, and jumbled ones."""
        count, scale = len(pictures), self.model.logit_scale.exp()
        others = Others(texts[count + alone :], crowd)
        views = ((pictures, slice(count)), (pictures[:alone], slice(count, count + alone)))
        losses = [contrast(some, texts[view], ids[view], scale, others) for some, view in views]
        return torch.stack(losses).mean()


@dataclass(frozen=True, slots=True)
class Others:
    """What belongs to no pair of a batch: texts (m, d), and pictures (k, d)."""

    texts: torch.Tensor
    pictures: torch.Tensor


def contrast(
    pictures: torch.Tensor, texts: torch.Tensor, ids: torch.Tensor, scale: torch.Tensor, others: Others
) -> torch.Tensor:
    """The symmetric contrastive loss of n pairs (n, d), with other texts and pictures as negatives."""
    own = torch.arange(len(pictures), device=pictures.device)
    same = (ids[:, None] == ids[None]).all(dim=-1) & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    logits = (scale * pictures @ texts.T).masked_fill(same, -torch.inf)
    to_texts = torch.cat([logits, scale * pictures @ others.texts.T], dim=1)
    to_pictures = torch.cat([logits.T, scale * texts @ others.pictures.T], dim=1)
    return (functional.cross_entropy(to_texts, own) + functional.cross_entropy(to_pictures, own)) / 2


def jumble(text: str, random: np.random.Generator) -> str:
    """The text with its letters dealt anew to its long words: about nothing, but of the same shape."""
    words = text.split()
    letters = list("".join(word for word in words if len(word) > 3))
    random.shuffle(letters)
    dealt = iter(letters)
    return " ".join("".join(next(dealt) for _ in word) if len(word) > 3 else word for word in words)


def encode_texts(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """What `model.encode_text` gives of `ids` (n, context), without most of the padding."""
    order = (ids != 0).sum(dim=1).argsort()
    parts = [_encode(model, ids[part]) for part in order.tensor_split(TOGETHER) if len(part)]
    return torch.cat(parts)[order.argsort()]


def _encode(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """The same, without the padding that all of `ids` share."""
    length = int((ids != 0).sum(dim=1).max())
    ids = ids[:, :length]
    hidden = model.token_embedding(ids) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    ends = (ids == model.text_eos_id).int().argmax(dim=1)
    return functional.normalize(hidden[torch.arange(len(ids)), ends] @ model.text_projection, dim=-1)
