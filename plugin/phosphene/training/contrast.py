"""What a CLIP learns from: the contrastive loss, and texts that belong to no picture."""

import numpy as np
import torch
from torch.nn import functional


def contrast(
    pictures: torch.Tensor, texts: torch.Tensor, ids: torch.Tensor, scale: torch.Tensor, jumbled: torch.Tensor
) -> torch.Tensor:
    """The symmetric contrastive loss of n pairs (n, d), with jumbled texts (m, d) as further negatives."""
    own = torch.arange(len(pictures), device=pictures.device)
    same = (ids[:, None] == ids[None]).all(dim=-1) & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    logits = (scale * pictures @ texts.T).masked_fill(same, -torch.inf)
    wider = torch.cat([logits, scale * pictures @ jumbled.T], dim=1)
    return (functional.cross_entropy(wider, own) + functional.cross_entropy(logits.T, own)) / 2


def jumble(text: str, random: np.random.Generator) -> str:
    """The text with its letters dealt anew to its long words: about nothing, but of the same shape."""
    words = text.split()
    letters = list("".join(word for word in words if len(word) > 3))
    random.shuffle(letters)
    dealt = iter(letters)
    return " ".join("".join(next(dealt) for _ in word) if len(word) > 3 else word for word in words)
