"""Train the independent judge, or its twin, on scenes that are drawn for it alone.

    python bench/train_judge.py --minutes 43 --out bench/judge.safetensors
    python bench/train_judge.py --minutes 20 --seed 1 --out runs/judge-twin.safetensors

The pictures are degraded like generated ones: blurred, noisy, compressed and off-colour. The twin (`--seed
1`) has other scenes and another width. Run the same command again to continue a training that was killed.
The first command made the committed judge, on a quarter of one CPU core.

The judge learns the answers to all questions for each picture. It also learns where every thing is, so that
it needs few pictures to learn to count, and to tell which thing has which colour.
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from judge import CELLS, JUDGE, KINDS, QUESTIONS, SIDE, WIDTHS, Judge, answers, as_tensor, shown, write
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from PIL.Image import Image as Picture
from PIL.Image import Resampling
from torch import Tensor
from torch.nn import functional

from phosphene.files import write_whole
from phosphene.landscape.scenes import captions, compose, draw
from phosphene.training.budget import Budget, cosine, set_rate
from phosphene.training.checkpoint import Stateful
from phosphene.training.denoiser import halves
from phosphene.training.optimizers import muon
from phosphene.training.run import Run

FOLDER = Path("runs/judge")
FIRST = (5_000_000, 6_000_000)  # the judge's training seeds, and its twin's; a generator's are below
CHUNK = 1000  # pictures in a file; the first chunk is held out
BATCH, RATES = 32, {"muon": 0.02, "adamw": 2e-3}
SHIFT = 3  # pixels, at most
HARD = {"birds": 4.0}  # weights of answers; birds are a few pixels, and hardly learnt otherwise


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=43)
    parser.add_argument("--pictures", type=int, default=23_000)
    parser.add_argument("--seed", type=int, choices=(0, 1), default=0, help="1 trains the twin")
    parser.add_argument("--out", type=Path, default=JUDGE)
    arguments = parser.parse_args()

    found = train_judge(arguments.minutes, arguments.pictures, arguments.seed, arguments.out)
    print(f"finds {found:.3f} of the named attributes of held-out scenes")


def train_judge(
    minutes: float, pictures: int, seed: int, out: Path, *, folder: Path = FOLDER, chunk: int = CHUNK
) -> float:
    """Train and write a judge. Returns the share of named attributes that it finds in held-out scenes."""
    torch.set_num_threads(1)  # leaves the other cores free, for example to train a generator
    torch.manual_seed(seed)
    judge = torch.nn.Module.to(Judge(WIDTHS[seed]).train(), memory_format=torch.channels_last)
    seeds = range(FIRST[seed], FIRST[seed] + chunk + pictures)
    dataset = JudgeDataset(seeds[chunk:], drawn(seeds[chunk:], folder, chunk))
    optimizers = new_optimizers(judge)
    kept = {"pictures": pictures, "width": judge.width, "batch": BATCH}
    parts: dict[str, Stateful] = {"judge": judge, **optimizers}
    run = Run(folder / out.stem, parts, Budget(minutes), kept, seed=seed)
    for step in run:
        for name, optimizer in optimizers.items():
            set_rate(optimizer, cosine(step.progress, RATES[name]))
        loss = learn(judge, optimizers, *dataset.batch(run.random))
        if step.number % 10 == 0:
            run.note(loss=loss)
    found = exam(judge.eval(), seeds[:chunk], drawn(seeds[:chunk], folder, chunk))
    write(judge, out, minutes=f"{minutes:g}", steps=str(run.steps), pictures=str(pictures), seed=str(seed))
    return found


def new_optimizers(judge: Judge) -> dict[str, torch.optim.Optimizer]:
    """Muon for the inner convolutions, and AdamW for the rest."""
    inside = [w for name, w in judge.look.named_parameters() if w.ndim == 4 and name != "0.weight"]
    chosen = {id(weight) for weight in inside}
    rest = [weight for weight in judge.parameters() if id(weight) not in chosen]
    return {
        "muon": muon(inside, RATES["muon"], fallback_rate=RATES["adamw"]),
        "adamw": torch.optim.AdamW(rest, RATES["adamw"]),
    }


def learn(
    judge: Judge, optimizers: dict[str, torch.optim.Optimizer], pictures: Tensor, right: Tensor, where: Tensor
) -> float:
    """Take one step, and return the loss."""
    with torch.autocast("cpu", torch.bfloat16, enabled=halves("cpu")):
        logits, heat = judge(pictures.contiguous(memory_format=torch.channels_last))
    losses = [
        HARD.get(name, 1.0)
        * functional.cross_entropy(logits[name].float(), right[:, number], reduction="sum")
        for number, name in enumerate(QUESTIONS)
    ]
    seen = functional.binary_cross_entropy_with_logits(heat.float(), where, reduction="sum")
    loss = (torch.stack(losses).sum() + seen) / len(right)
    for optimizer in optimizers.values():
        optimizer.zero_grad()
    torch.autograd.backward(loss)
    for optimizer in optimizers.values():
        optimizer.step()
    return float(loss.detach())


class JudgeDataset:
    """Pictures of scenes in memory, with the answers and the places of things."""

    def __init__(self, seeds: range, pictures: NDArray[np.uint8]) -> None:
        scenes = [compose(seed) for seed in seeds]
        self.pictures = pictures
        self.answers = torch.tensor([answers(scene) for scene in scenes])
        self.places = torch.zeros(len(seeds), len(KINDS), CELLS, CELLS, dtype=torch.bool)
        for row, scene in enumerate(scenes):
            for thing in scene.things:
                for place in thing.places:
                    x, y = place.x, 1 - place.y - place.height / 2  # its middle
                    column, line = (min(CELLS - 1, max(0, int(CELLS * way))) for way in (x, y))
                    self.places[row, KINDS.index(thing.kind), line, column] = True

    def batch(self, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Degraded pictures (b, 3, SIDE, SIDE), answers (b, questions), places (b, kinds, CELLS, CELLS)."""
        chosen = random.integers(len(self.pictures), size=BATCH)
        pictures = np.stack([spoilt(self.pictures[index], random) for index in chosen])
        places = self.places[chosen].float()
        turned = torch.from_numpy(random.random(BATCH) < 0.5)
        given = as_tensor(pictures)
        given[turned], places[turned] = given[turned].flip(-1), places[turned].flip(-1)
        return given, self.answers[chosen], places


def drawn(seeds: range, folder: Path, chunk: int) -> NDArray[np.uint8]:
    """Pictures (n, SIDE, SIDE, 3) of these scenes. They are drawn once and kept in files of a chunk each."""
    parts = []
    for first in range(seeds.start, seeds.stop, chunk):
        path = folder / f"{first}.npy"
        if not path.exists():
            buffer = io.BytesIO()
            np.save(buffer, np.stack([small(seed) for seed in range(first, first + chunk)]))
            write_whole(path, buffer.getvalue())
        parts.append(np.load(path)[: seeds.stop - first])
    return np.concatenate(parts)


def small(seed: int) -> NDArray[np.uint8]:
    """The picture of a scene. It is drawn larger and shrunk, so that fine lines look as in large pictures."""
    return np.asarray(draw(compose(seed), 2 * SIDE).reduce(2))


def spoilt(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Degrade a picture as a generator might: shift, discolour, blur, compress it and add noise."""
    row, column = random.integers(2 * SHIFT + 1, size=2)
    wide = np.pad(pixels, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    picture = Image.fromarray(wide[row : row + SIDE, column : column + SIDE])
    for enhance in (ImageEnhance.Color, ImageEnhance.Contrast, ImageEnhance.Brightness):
        picture = enhance(picture).enhance(random.uniform(0.85, 1.15))
    for worsened in worsenings(picture, random):
        picture = worsened
    if random.random() < 0.5:
        noise = random.normal(0, random.uniform(2, 16), pixels.shape)
        return np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    return np.asarray(picture)


def worsenings(picture: Picture, random: np.random.Generator) -> Iterator[Picture]:
    """Perhaps blur the picture, and then perhaps resample or compress it. Yields it after each change."""
    if random.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.2)))
        yield picture
    fate = random.random()
    if fate < 0.2:
        side = int(random.integers(SIDE // 2, SIDE))
        smaller = picture.resize((side, side), Resampling.BILINEAR)
        yield smaller.resize((SIDE, SIDE), Resampling.BICUBIC)
    elif fate < 0.4:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(random.integers(30, 90)))
        yield Image.open(buffer).convert("RGB")


def exam(judge: Judge, seeds: range, pixels: NDArray[np.uint8]) -> float:
    """The share of the attributes in the fullest captions that a judge finds in good pictures."""
    pictures = [Image.fromarray(picture) for picture in pixels]
    found = [
        name in seen
        for seed, seen in zip(seeds, shown(pictures, judge), strict=True)
        for name in captions(compose(seed))[-1].names
    ]
    return float(np.mean(found))


if __name__ == "__main__":
    main()
