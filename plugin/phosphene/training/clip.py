"""Train a small CLIP from scratch on pictures and captions (Radford et al. 2021).

The towers are open_clip's own, the result is a folder that open_clip loads: `--space local-dir:FOLDER`.
What differs from the paper is there because minutes on a CPU are all that we ask for:

- hidden matrices are trained by Muon (Jordan 2024), which needs fewer steps, the rest by AdamW;
- each picture meets two of its captions at every step, the fullest and another one;
- equal captions in a batch do not count as each other's negatives;
- every batch holds jumbled captions that belong to no picture, so that other topics score low;
- texts are cut to the longest in the batch: the text tower is causal, so that nothing changes.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CLIP
from safetensors.torch import save as safetensors_bytes
from torch.nn import functional

from phosphene.files import write_whole
from phosphene.nets import tokenizer as tokenizers
from phosphene.nets.tokenizer import Tokenizer
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.training.contrast import contrast, jumble
from phosphene.training.examples import PREPROCESS, SIZE, Examples, normal, read, shifted
from phosphene.training.run import Budget, Run, Step, cosine, set_rate

BATCH = 192
JUMBLED = 24  # texts a step that belong to no picture
RATES = {"muon": 2e-3, "adamw": 1.5e-3}


def small(vocabulary: int) -> dict[str, Any]:
    """The configuration of the built-in model, in open_clip's words."""
    return {
        "embed_dim": 256,
        "vision_cfg": {
            "image_size": SIZE,
            "layers": [1, 1, 1, 1],
            "width": 32,
            "head_width": 64,
        },
        "text_cfg": {
            "context_length": 64,
            "vocab_size": vocabulary,
            "width": 128,
            "heads": 4,
            "layers": 3,
            "pool_type": "eos",
            "eos_id": 2,
            "hf_tokenizer_name": "phosphene",
        },
    }


@dataclass(frozen=True, slots=True)
class Recall:
    """Among `count` held-out pictures: how often a fullest caption finds its own first, or in ten."""

    first: float
    ten: float
    count: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to: its examples, the pictures that could not be read, how well it finds."""

    examples: int
    failures: tuple[Failure, ...]
    recall: Recall


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: the share of its budget, the step, and the loss."""

    share: float
    step: int
    loss: float


def train(
    items: Iterable[Item],
    output: Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    on_read: Callable[[int], None] | None = None,
    on_step: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a model on pictures that have captions; `output` becomes a folder as open_clip reads it.

    The same call goes on where a killed one left off. `on_read` is told how many pictures were
    read so far. Two runs of one seed differ a little: which merges are dropped is drawn by the
    `tokenizers` library, which takes no seed. Raises ModelError where there is nothing to learn from.
    """
    budget = Budget(minutes, steps)
    examples, failures = read(items, output / "training", on_read=on_read)
    recall = fit(examples, output, budget, seed=seed, on_step=on_step)
    return Trained(len(examples), failures, recall)


def fit(
    examples: Examples,
    output: Path,
    budget: Budget,
    *,
    seed: int = 0,
    on_step: Callable[[Progress], None] | None = None,
) -> Recall:
    """Train on examples and write the model into `output`, as open_clip reads it.

    The run lies in `output/training`; the same call goes on where a killed one left off.
    """
    held = min(1000, len(examples) // 20)
    seen, unseen = examples.part(held, len(examples)), examples.part(0, held)
    splitter = tokenizers.learn(text for captions in seen.captions for text in captions)
    torch.manual_seed(seed)
    config = small(splitter.size)
    model = CLIP(**config).train().to(memory_format=torch.channels_last)
    steps = optimizers(model)
    settings = {"model": config, "examples": len(seen), "batch": BATCH, "seed": seed}
    run = Run(output / "training", {"model": model, **steps}, budget, settings, seed=seed)
    with ThreadPoolExecutor(2) as threads:
        lesson = Lesson(model, splitter, splitter.dropping(0.1), seen, run.random, threads)
        for step in run:
            loss = learn(lesson, steps, step)
            run.note(loss=loss, scale=model.logit_scale.exp().item())
            if on_step:
                on_step(Progress(step.progress, step.number, loss))
    write(model, config, splitter, output)
    recall = measure(model.eval().float(), splitter, unseen)  # of the weights as they were written
    run.note(recall_at_1=recall.first, recall_at_10=recall.ten)
    return recall


@dataclass(frozen=True, slots=True)
class Lesson:
    """Draws batches and says what the model got wrong on them."""

    model: CLIP
    tokenizer: Tokenizer
    dropping: Tokenizer
    examples: Examples
    random: np.random.Generator
    threads: ThreadPoolExecutor

    def backward(self) -> float:
        """Draw a batch, add the gradients of its loss to the model's, and return the loss.

        The two towers meet in the loss alone, so that they run in two threads.
        """
        chosen = self.random.choice(len(self.examples), min(BATCH, len(self.examples)), replace=False)
        moved = shifted(self.examples.pictures[chosen], self.random)
        ids = self.texts(chosen)
        towers = (lambda: self.model.encode_image(normal(moved)), lambda: encode_texts(self.model, ids))
        outputs = list(self.threads.map(lambda tower: tower(), towers))
        ends = [output.detach().requires_grad_() for output in outputs]
        loss = self.loss(functional.normalize(ends[0], dim=-1), ends[1], ids)
        loss.backward()  # type: ignore[no-untyped-call]
        list(self.threads.map(lambda output, end: output.backward(end.grad), outputs, ends))
        return float(loss.detach())

    def texts(self, chosen: NDArray[np.int64]) -> torch.Tensor:
        """The ids of the fullest captions, of another one of each picture, and of jumbled ones."""
        captions = [self.examples.captions[int(index)] for index in chosen]
        full = [texts[-1] for texts in captions]
        other = [texts[int(self.random.integers(len(texts)))] for texts in captions]
        jumbled = [jumble(text, self.random) for text in full[:JUMBLED]]
        return torch.cat([self.tokenizer(full), self.dropping(other), self.dropping(jumbled)])

    def loss(self, pictures: torch.Tensor, texts: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """The loss of n pictures' vectors and their texts': n full captions, n others, and jumbled ones."""
        count, scale = len(pictures), self.model.logit_scale.exp()
        views = (slice(count), slice(count, 2 * count))
        losses = [contrast(pictures, texts[v], ids[v], scale, texts[2 * count :]) for v in views]
        return torch.stack(losses).mean()


def learn(lesson: Lesson, steps: Mapping[str, torch.optim.Optimizer], step: Step) -> float:
    """Take one step of every optimizer; the loss before it."""
    for name, optimizer in steps.items():
        set_rate(optimizer, cosine(step.progress, RATES[name], warmup=0.05))
        optimizer.zero_grad(set_to_none=True)
    loss = lesson.backward()
    for optimizer in steps.values():
        optimizer.step()
    with torch.no_grad():
        lesson.model.logit_scale.clamp_(0, np.log(100))  # as in the paper
    return loss


@torch.inference_mode()
def measure(model: CLIP, tokenizer: Tokenizer, examples: Examples) -> Recall:
    """Search every fullest caption among the pictures."""
    batches = [examples.part(start, start + 250) for start in range(0, len(examples), 250)]
    pictures = torch.cat(
        [functional.normalize(model.encode_image(normal(b.pictures)), dim=-1) for b in batches]
    )
    texts = torch.cat([encode_texts(model, tokenizer([own[-1] for own in b.captions])) for b in batches])
    scores = texts @ pictures.T
    better = (scores > scores.diagonal()[:, None]).sum(dim=1)
    return Recall(float((better < 1).float().mean()), float((better < 10).float().mean()), len(examples))


def write(model: CLIP, config: dict[str, Any], tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder as open_clip reads it, the weights (from now on) in half precision."""
    weights = model.half().state_dict()  # leaves whole numbers as they are
    plain = {name: value.contiguous() for name, value in weights.items()}
    write_whole(folder / "open_clip_model.safetensors", safetensors_bytes(plain))
    tokenizer.save(folder)
    card = {"model_cfg": config, "preprocess_cfg": PREPROCESS}
    write_whole(folder / "open_clip_config.json", json.dumps(card, indent=2).encode())


def optimizers(model: CLIP) -> dict[str, torch.optim.Optimizer]:
    """Muon for the matrices inside the transformers, AdamW for all else."""
    hidden, rest, plain = [], [], []
    for name, weights in model.named_parameters():
        if "resblocks" in name and weights.ndim == 2:
            hidden.append(weights)
        elif weights.ndim >= 2:
            rest.append(weights)
        else:
            plain.append(weights)
    return {
        "muon": torch.optim.Muon(hidden, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        "adamw": torch.optim.AdamW(
            [{"params": rest, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
        ),
    }


def encode_texts(model: CLIP, ids: torch.Tensor) -> torch.Tensor:
    """What `model.encode_text` gives, without the padding that all of `ids` (n, context) share."""
    length = int((ids != 0).sum(dim=1).max())
    ids = ids[:, :length]
    hidden = model.token_embedding(ids) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    ends = (ids == model.text_eos_id).int().argmax(dim=1)
    return functional.normalize(hidden[torch.arange(len(ids)), ends] @ model.text_projection, dim=-1)
