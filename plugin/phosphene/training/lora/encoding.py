"""The dataset of a LoRA: a library's pictures as latents, and their texts as the model reads them.

Both are encoded before the training begins, so that each step needs only the UNet. The latents are kept
beside the training by the ids of the pictures, see `latent_cache`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phosphene.errors import ModelError
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.pipelines import Pipelines
from phosphene.records import Image
from phosphene.training.dataset import Latents
from phosphene.training.latent_cache import PictureEncoder, encode_images
from phosphene.vectors import Pixels

MIN_PICTURES = 4  # DreamBooth learns a subject from three to five pictures (Ruiz et al. 2023)


@dataclass(frozen=True, slots=True)
class LoraDataset:
    """n pictures as latents, and the texts that they are learnt with.

    `words` (m) are the texts. `texts` (m, tokens, width) and `pooled` (m, width; of SDXL) are what the UNet
    reads. `text_of` (n) is the row of each picture's text.
    """

    latents: Tensor  # (n, latent_channels, h, w)
    words: Sequence[str]
    texts: Tensor
    pooled: Tensor | None
    text_of: Tensor
    digest: str  # of everything that it was made from

    def __len__(self) -> int:
        return len(self.latents)


def lora_dataset(
    images: Sequence[Image], checkpoint: Checkpoint, folder: Path, *, size: int, trigger: str
) -> LoraDataset:
    """Encode the pictures at `size` pixels a side, and their texts.

    Files that are missing or damaged are left out. Raises ModelError if too few are left, or if a picture has
    no words.
    """
    identity = f"{checkpoint.weights}/{size}"
    encoder = PictureEncoder(partial(encoded, checkpoint), size, identity)
    latents = encode_images(images, encoder, folder)
    seen = [image for image in images if image.id in latents]
    words = [text_of(image, trigger) for image in seen]
    check(words)
    unique = list(dict.fromkeys(words))
    texts, pooled = encoded_texts(checkpoint, unique)
    rows = {text: row for row, text in enumerate(unique)}
    known = json.dumps([identity, *zip([image.id for image in seen], words, strict=True)])
    return LoraDataset(
        torch.from_numpy(np.stack([latents[image.id] for image in seen])),
        unique,
        texts,
        pooled,
        torch.tensor([rows[text] for text in words]),
        hashlib.sha256(known.encode()).hexdigest(),
    )


def text_of(image: Image, trigger: str) -> str:
    """The text that a picture is learnt with: the trigger word and the caption, as far as it has one."""
    return ", ".join(filter(None, (trigger, image.caption)))


def check(words: Sequence[str]) -> None:
    """Raise ModelError if there are too few pictures, or some without words."""
    if len(words) < MIN_PICTURES:
        raise ModelError(
            f"A LoRA needs {MIN_PICTURES} or more pictures to learn from, but only {len(words)} can be read.",
            hint="add more pictures with `phosphene add PATH…`",
        )
    if count := sum(not text for text in words):
        raise ModelError(
            f"{count:,} of {len(words):,} pictures have no caption to be learnt with.",
            hint="choose a word that stands for them, one that no caption has: `--trigger WORD`",
        )


@torch.inference_mode()
def encoded(checkpoint: Checkpoint, pictures: Sequence[Pixels]) -> Latents:
    """The latents (n, latent_channels, h, w) of pictures of 8 bits: the means of the VAE's posteriors."""
    vae = checkpoint.components["vae"]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    means = [
        vae.encode(each[None].to(checkpoint.device, checkpoint.dtype)).latent_dist.mean for each in pixels
    ]
    latents = torch.cat(means) - (getattr(vae.config, "shift_factor", None) or 0.0)
    scaled: Latents = (latents * vae.config.scaling_factor).to(torch.float16).cpu().numpy()
    return scaled


@torch.inference_mode()
def encoded_texts(checkpoint: Checkpoint, texts: Sequence[str]) -> tuple[Tensor, Tensor | None]:
    """The hidden states of texts, and the pooled ones where a family has a second text encoder."""
    pipeline = Pipelines(checkpoint).pipeline("text-to-image")
    one = {"num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    states = [pipeline.encode_prompt(text, device=checkpoint.device, **one) for text in texts]
    hidden = torch.cat([each[0] for each in states]).cpu()
    pooled = torch.cat([each[2] for each in states]).cpu() if len(states[0]) > 2 else None
    return hidden, pooled
