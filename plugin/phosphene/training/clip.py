"""Train a small CLIP from scratch on pictures and captions (Radford et al. 2021).

The towers are open_clip's own, and the result is a folder that open_clip loads (`local-dir:FOLDER`). The
training differs from the paper so that minutes on a CPU are enough:

- Muon (Jordan 2024) trains the hidden matrices and filters, because it needs fewer steps; AdamW trains the
  rest.
- At every step each picture is paired with two of its captions: the fullest one and another one.
- The vector of a picture also has to predict the phrases of its captions (`training.phrases`).
- Equal captions in a batch are not each other's negatives.
- Every batch has jumbled captions that belong to no picture, so that other topics score low.
- A training that continues from a model uses hard negatives (as in NegCLIP; Yuksekgonul et al. 2023): half of
  each batch are pictures that this model takes for neighbours of the other half. Only their fullest captions
  take part, since a short caption may well be true of a neighbour.
- With locked pictures only the text tower is trained ("LiT"; Zhai et al. 2022). Stored vectors stay valid,
  and every text is compared with thousands of pictures.
- Texts run in parts of about the same length. The text tower is causal, so this changes no result.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from phosphene.files import write_whole
from phosphene.nets import tokenizer as tokenizers
from phosphene.nets.tokenizer import Tokenizer
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.training.arrays import load_arrays, save_arrays
from phosphene.training.budget import Budget, TrainingProgress, TrainingStep, checked, cosine, set_rate
from phosphene.training.clip_folder import (
    RUN,
    VECTORS,
    claim,
    configuration,
    kept_tokenizer,
    new_or_loaded_model,
    weights_digest,
    write,
)
from phosphene.training.contrastive import BATCH_SIZE, HALVES, ContrastiveObjective, encode_texts
from phosphene.training.dataset import neighbours
from phosphene.training.ema import ema_of
from phosphene.training.examples import Examples, normalised, read, with_captions
from phosphene.training.optimizers import muon
from phosphene.training.phrases import Phrasebook, PhraseLoss
from phosphene.training.run import LASTING, OnNote, Run, alone
from phosphene.vectors import Vectors

EMA_DECAY = 0.99  # of the averaged weights, which are the ones that are written
RATES = {"filters": 1.5e-2, "matrices": 6e-3, "adamw": 1e-3, "phrase_loss": 3e-3}


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of `count` held-out pictures that their fullest caption finds first, or among ten."""

    first: float
    ten: float
    count: int


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a training: its number of examples, the pictures it could not read, and its recall."""

    examples: int
    failures: tuple[Failure, ...]
    recall: Recall


def train(
    items: Iterable[Item | Failure],
    output: Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    start: Path | None = None,
    locked: bool = False,
    seed: int = 0,
    force: bool = False,
    inputs: Iterable[Path] = (),
    on_read: Callable[[int], None] | None = None,
    on_step: Callable[[TrainingProgress], None] | None = None,
    on_note: OnNote | None = None,
) -> Trained:
    """Train a model on pictures that have captions, and write `output`, a folder that open_clip reads.

    `start` is such a folder to continue from; its model has the shape and the tokenizer. With `locked` only
    its text tower is trained, so that the vectors of pictures stay what they are. The same call continues one
    that was killed. If pictures or captions have changed since, it begins anew with the weights that it has,
    and tells `on_note`. `on_read` is called with the number of pictures that have been read. Two runs of one
    seed differ a little, because the `tokenizers` library, which takes no seed, draws the merges that are
    dropped. Raises ModelError if there are too few pictures, and OutputError if `output` is one of the
    `inputs` or, without `force`, a folder that phosphene did not write.
    """
    budget = Budget(minutes, steps)
    claim(output, force=force, inputs=[*inputs, *([start] if start else [])])
    if start is not None:
        configuration(start)  # raises before the pictures are read
    given = list(items)
    with_captions(given)  # raises before any folder is made
    with alone(output / RUN):
        examples, failures = read(given, output / RUN, on_read=on_read)
        recall = fit(
            examples, output, budget, start=start, locked=locked, seed=seed, on_step=on_step, on_note=on_note
        )
    return Trained(len(examples), failures, recall)


def fit(
    examples: Examples,
    output: Path,
    budget: Budget,
    *,
    start: Path | None = None,
    locked: bool = False,
    seed: int = 0,
    on_step: Callable[[TrainingProgress], None] | None = None,
    on_note: OnNote | None = None,
) -> Recall:
    """Train on examples, write the model into `output`, and measure its recall.

    The run is kept in `output/training`; the same call continues one that was killed.
    """
    held, folder = max(1, min(1000, len(examples) // 20)), output / RUN
    seen, unseen = examples.part(held, len(examples)), examples.part(0, held)
    torch.manual_seed(seed)
    known = kept_tokenizer(folder) if start is None else None
    model, splitter, config = new_or_loaded_model(seen, start, known)
    if start is None and known is None:
        write_whole(folder / tokenizers.FILE, splitter.text.encode())
    if locked:
        model.visual.requires_grad_(False)
    book = Phrasebook(seen.captions)
    phrase_loss, ema = PhraseLoss(config["embed_dim"], book.shares), ema_of(model, EMA_DECAY)
    origin = weights_digest(start) if start else ""
    settings = {"model": config, "batch_size": BATCH_SIZE, "seed": seed, "from": origin, "locked": locked}
    own = vectors_of(model, seen, folder / VECTORS, origin, on_note) if start else None
    hard_negatives = None if own is None else neighbours(own, np.arange(len(own)), own)
    with ThreadPoolExecutor(HALVES, initializer=torch.set_num_threads, initargs=(1,)) as threads:
        steps = optimizers(model, phrase_loss)
        parts = {"model": model, "phrase_loss": phrase_loss, "ema": ema, **steps}
        run = Run(
            folder, parts, budget, settings,
            dataset=seen.digest, lasting=LASTING if known or start else (), seed=seed, on_note=on_note,
        )  # fmt: skip
        objective = ContrastiveObjective(
            model, splitter, splitter.dropping(0.1), seen, book, phrase_loss, hard_negatives,
            own if locked else None, run.random, threads,
        )  # fmt: skip
        take_steps(run, objective, steps, ema, on_step)
    averaged: CLIP = ema.module  # type: ignore[assignment, unused-ignore]
    write(averaged, config, splitter, output)
    recall = measure(averaged.float(), splitter, unseen)  # of the weights as they were written
    run.note(recall_at_1=recall.first, recall_at_10=recall.ten)
    return recall


@torch.inference_mode()
def vectors_of(
    model: CLIP, examples: Examples, kept: Path, start: str, on_note: OnNote | None = None
) -> Vectors:
    """The unit vectors (n, d) of all pictures by the model `start`, computed once and kept in a file."""
    key = f"{start} {examples.digest}"
    arrays = load_arrays(kept, on_note)
    if str(arrays.get("key")) != key or len(arrays.get("own", ())) != len(examples):
        model.eval()
        parts = [examples.pictures[first : first + 250] for first in range(0, len(examples), 250)]
        own = torch.cat([functional.normalize(model.encode_image(normalised(p)), dim=-1) for p in parts])
        model.train()
        arrays = {"key": np.array(key), "own": own.numpy()}
        save_arrays(kept, **arrays)
    found: Vectors = arrays["own"]
    return found


def take_steps(
    run: Run,
    objective: ContrastiveObjective,
    steps: Mapping[str, torch.optim.Optimizer],
    ema: AveragedModel,
    on_step: Callable[[TrainingProgress], None] | None,
) -> None:
    """Train until the budget of the run is used up, and average the weights."""
    for step in run:
        loss = learn(objective, steps, step)
        ema.update_parameters(objective.model)
        run.note(loss=loss, scale=objective.model.logit_scale.exp().item())
        if on_step:
            on_step(TrainingProgress(step.progress, step.number, loss))


def learn(
    objective: ContrastiveObjective, steps: Mapping[str, torch.optim.Optimizer], step: TrainingStep
) -> float:
    """Take one step of every optimizer. Returns the loss before it."""
    for name, optimizer in steps.items():
        set_rate(optimizer, cosine(step.progress, RATES[name], warmup=0.05))
        optimizer.zero_grad(set_to_none=True)
    loss = checked(objective.backward(), step.number)
    for optimizer in steps.values():
        optimizer.step()
    with torch.no_grad():
        objective.model.logit_scale.clamp_(0, np.log(100))  # as in the paper
    return loss


@torch.inference_mode()
def measure(model: CLIP, tokenizer: Tokenizer, examples: Examples) -> Recall:
    """Search the pictures for every fullest caption."""
    batches = [examples.part(start, start + 250) for start in range(0, len(examples), 250)]
    pictures = torch.cat(
        [functional.normalize(model.encode_image(normalised(b.pictures)), dim=-1) for b in batches]
    )
    texts = torch.cat([encode_texts(model, tokenizer([own[-1] for own in b.captions])) for b in batches])
    scores = texts @ pictures.T
    better = (scores > scores.diagonal()[:, None]).sum(dim=1)
    return Recall(float((better < 1).float().mean()), float((better < 10).float().mean()), len(examples))


def optimizers(model: CLIP, phrase_loss: PhraseLoss) -> dict[str, torch.optim.Optimizer]:
    """Muon for the matrices and filters inside the towers, AdamW for everything else."""
    filters, matrices, rest, plain = [], [], [], []
    for name, weights in model.named_parameters():
        if name.startswith("visual.layer") and weights.ndim == 4:
            filters.append(weights)
        elif "resblocks" in name and weights.ndim == 2:
            matrices.append(weights)
        elif weights.ndim >= 2:
            rest.append(weights)
        else:
            plain.append(weights)
    groups = [{"params": rest, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    return {
        "filters": muon(filters, RATES["filters"], fallback_rate=RATES["adamw"]),
        "matrices": muon(matrices, RATES["matrices"], fallback_rate=RATES["adamw"]),
        "adamw": torch.optim.AdamW(groups, betas=(0.9, 0.98)),
        "phrase_loss": torch.optim.AdamW(phrase_loss.parameters()),
    }
