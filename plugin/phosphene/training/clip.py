"""Train a small CLIP from scratch on pictures and captions (Radford et al. 2021).

The towers are open_clip's own, the result is a folder that open_clip loads: `--model local-dir:FOLDER`.
What differs from the paper is there because minutes on a CPU are all that we ask for:

- hidden matrices and filters are trained by Muon (Jordan 2024), which needs fewer steps, the rest by AdamW;
- each picture meets two of its captions at every step, the fullest and another one;
- a picture's vector also has to name the phrases of its captions (`training.phrases`);
- equal captions in a batch do not count as each other's negatives;
- every batch holds jumbled captions that belong to no picture, so that other topics score low;
- a training that goes on from a model meets rivals: half of each batch are pictures that this model holds for
  neighbours of the other half (hard negatives, as in NegCLIP; Yuksekgonul et al. 2023). Only their fullest
  captions take part, since a short one may well be true of a neighbour;
- with locked pictures the text tower alone is taught (Zhai et al. 2022, "LiT"): stored vectors stay, and
  every text meets thousands of them;
- texts run in parts of about the same length: the text tower is causal, so that nothing changes.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from open_clip.model import CLIP
from torch.nn import functional

from phosphene.files import write_whole
from phosphene.nets import tokenizer as tokenizers
from phosphene.nets.tokenizer import Tokenizer
from phosphene.records import Failure
from phosphene.sources import Item
from phosphene.training.average import Average
from phosphene.training.budget import Budget, Progress, Step, checked, cosine, set_rate
from phosphene.training.clip_folder import (
    RUN,
    VECTORS,
    begin,
    claim,
    configuration,
    kept_tokenizer,
    weights_digest,
    write,
)
from phosphene.training.contrast import BATCH, HALVES, Lesson, encode_texts
from phosphene.training.examples import Examples, normal, read, with_captions
from phosphene.training.kept import load_arrays, save_arrays
from phosphene.training.lessons import neighbours
from phosphene.training.muon import Muon
from phosphene.training.phrases import Naming, Phrasebook
from phosphene.training.run import LASTING, OnNote, Run, alone
from phosphene.vectors import Vectors

AVERAGE = 0.99  # decay of the averaged weights, which are what is written
RATES = {"filters": 1.5e-2, "matrices": 6e-3, "adamw": 1e-3, "naming": 3e-3}


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
    on_step: Callable[[Progress], None] | None = None,
    on_note: OnNote | None = None,
) -> Trained:
    """Train a model on pictures that have captions; `output` becomes a folder as open_clip reads it.

    `start` is such a folder to go on from, which then says the model's shape and its tokenizer;
    with `locked` its text tower alone is taught, so that the vectors of pictures stay what they are.
    The same call goes on where a killed one left off; where pictures or captions have changed since,
    it begins anew from the weights that it has, and tells `on_note`. `on_read` is told how many pictures
    were read so far. Two runs of one seed differ a little: which merges are dropped is drawn by the
    `tokenizers` library, which takes no seed. Raises ModelError where there are too few pictures, and
    OutputError where `output` is one of the `inputs`, or, without `force`, not a model of our own.
    """
    budget = Budget(minutes, steps)
    claim(output, force=force, inputs=[*inputs, *([start] if start else [])])
    if start is not None:
        configuration(start)  # says what is wrong with it before the pictures are read
    given = list(items)
    with_captions(given)  # says that there are too few before a folder is made
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
    on_step: Callable[[Progress], None] | None = None,
    on_note: OnNote | None = None,
) -> Recall:
    """Train on examples and write the model into `output`, as open_clip reads it.

    The run lies in `output/training`; the same call goes on where a killed one left off.
    """
    held, folder = max(1, min(1000, len(examples) // 20)), output / RUN
    seen, unseen = examples.part(held, len(examples)), examples.part(0, held)
    torch.manual_seed(seed)
    known = kept_tokenizer(folder) if start is None else None
    model, splitter, config = begin(seen, start, known)
    if start is None and known is None:
        write_whole(folder / tokenizers.FILE, splitter.text.encode())
    if locked:
        model.visual.requires_grad_(False)
    book = Phrasebook(seen.captions)
    naming, average = Naming(config["embed_dim"], book.shares), Average(model, AVERAGE)
    origin = weights_digest(start) if start else ""
    settings = {"model": config, "batch": BATCH, "seed": seed, "from": origin, "locked": locked}
    own = vectors_of(model, seen, folder / VECTORS, origin, on_note) if start else None
    rivals = None if own is None else neighbours(own, np.arange(len(own)), own)
    with ThreadPoolExecutor(HALVES, initializer=torch.set_num_threads, initargs=(1,)) as threads:
        steps = optimizers(model, naming, threads)
        parts = {"model": model, "naming": naming, "average": average, **steps}
        run = Run(
            folder, parts, budget, settings,
            lessons=seen.digest, lasting=LASTING if known or start else (), seed=seed, on_note=on_note,
        )  # fmt: skip
        still = own if locked else None
        dropping = splitter.dropping(0.1)
        lesson = Lesson(model, splitter, dropping, seen, book, naming, rivals, still, run.random, threads)
        for step in run:
            loss = learn(lesson, steps, step)
            average.update(model)
            run.note(loss=loss, scale=model.logit_scale.exp().item())
            if on_step:
                on_step(Progress(step.progress, step.number, loss))
    averaged: CLIP = average.module  # type: ignore[assignment, unused-ignore]
    write(averaged, config, splitter, output)
    recall = measure(averaged.float(), splitter, unseen)  # of the weights as they were written
    run.note(recall_at_1=recall.first, recall_at_10=recall.ten)
    return recall


@torch.inference_mode()
def vectors_of(
    model: CLIP, examples: Examples, kept: Path, start: str, on_note: OnNote | None = None
) -> Vectors:
    """The unit vectors of all pictures (n, d) as the model, `start`, begins; computed once, and kept."""
    key = f"{start} {examples.digest}"
    arrays = load_arrays(kept, on_note)
    if str(arrays.get("key")) != key or len(arrays.get("own", ())) != len(examples):
        model.eval()
        parts = [examples.pictures[first : first + 250] for first in range(0, len(examples), 250)]
        own = torch.cat([functional.normalize(model.encode_image(normal(p)), dim=-1) for p in parts])
        model.train()
        arrays = {"key": np.array(key), "own": own.numpy()}
        save_arrays(kept, **arrays)
    found: Vectors = arrays["own"]
    return found


def learn(lesson: Lesson, steps: Mapping[str, torch.optim.Optimizer], step: Step) -> float:
    """Take one step of every optimizer; the loss before it."""
    for name, optimizer in steps.items():
        set_rate(optimizer, cosine(step.progress, RATES[name], warmup=0.05))
        optimizer.zero_grad(set_to_none=True)
    loss = checked(lesson.backward(), step.number)
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


def optimizers(model: CLIP, naming: Naming, threads: ThreadPoolExecutor) -> dict[str, torch.optim.Optimizer]:
    """Muon for the matrices and filters inside the towers, AdamW for all else."""
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
        "filters": Muon(filters, each=threads.map),
        "matrices": Muon(matrices, each=threads.map),
        "adamw": torch.optim.AdamW(groups, betas=(0.9, 0.98)),
        "naming": torch.optim.AdamW(naming.parameters()),
    }
