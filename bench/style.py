"""Measure how well `train diffusion` teaches the built-in generator a new style, and what it forgets.

    python bench/style.py [--steps 60] [--trial RATE[,rehearsal]]… [--json FILE]

The weights in the package know six styles. This script draws a seventh one, halftone prints, which no
training has seen, and trains the weights further on a library of them. With `rehearsal` it adds as many
pictures of the other styles. RATE is a factor for all learning rates. It makes pictures before and after:

- From captions and their six nearest neighbours in the library of halftones. A style head says which of these
  pictures are halftones. It is a linear classifier on features of the independent judge (bench/judge.py), and
  the share of real halftones that it recognises is the ceiling.
- From captions of other scenes, without neighbours. The judge counts what they show of what the captions
  name. What they show less than before was forgotten.

The built-in CLIP has no words for the new style either, so that only neighbours can ask for it.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch
from judge import JUDGE, as_tensor, read, seen, shown
from made import NEIGHBOURS, interval, make
from PIL import Image, ImageDraw
from PIL.Image import Image as Picture
from pool import Pool, Task, caption_of, filled, found, share
from torch import Tensor

import phosphene
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.landscape.scenes import captions, compose, draw, styles, words
from phosphene.landscape.scenes.scene import Scene
from phosphene.library import Library
from phosphene.training.budget import Budget
from phosphene.training.generator import TrainingPlan, train_generator

NEW = "halftone"
TRIALS = ("1", "0.1", "0.1,rehearsal")
DOTS, PAPER = 48, (250, 246, 236)  # dots across, and the colour of the paper between them
LEARNT, HELD_OUT = range(5_000_000, 5_000_240), range(5_900_000, 5_900_040)  # scenes in the new style
OTHERS = range(6_000_000, 6_000_240)  # scenes in the other styles, for the rehearsal
ELSEWHERE = range(250_000, 250_060)  # scenes whose captions must be drawn as well as before
HEAD = range(7_000_000, 7_000_040)  # scenes that the style head sees in every style


def halftone(canvas: Picture, size: int, turn: int) -> Picture:
    """A print of coloured dots on pale paper. The darker a place is, the larger is its dot."""
    side = 4 * size
    cells = np.asarray(canvas.resize((DOTS, DOTS), Image.Resampling.BOX))
    printed = Image.new("RGB", (side, side), PAPER)
    pen, wide = ImageDraw.Draw(printed), side / DOTS
    for down, row in enumerate(cells):
        for across, colour in enumerate(row):
            radius = wide * (0.34 + 0.34 * (1 - float(colour.mean()) / 255))
            x, y = (across + 0.5) * wide, (down + 0.5) * wide
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), tuple(map(int, colour)))
    return styles.shrink(printed, size)


styles.STYLES[NEW] = halftone
words.STYLE_NOUNS[NEW] = words.STYLE_ENDS[NEW] = 5 * ("halftone print",)


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.steps, arguments.trial or TRIALS)
    for name, value in figures.items():
        print(f"{name:<28} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(folder: Path, steps: int, trials: Sequence[str]) -> dict[str, Any]:
    """Draw the libraries, and train and judge every trial."""
    halftones = halftone_library(folder / "halftones")
    others = filled(folder / "others", OTHERS).library
    head = StyleHead()
    real = [draw(in_style(seed)) for seed in HELD_OUT]
    figures: dict[str, Any] = {
        "steps": steps,
        "halftones": len(LEARNT),
        "ceiling": head.share(real, NEW),
        "judge on real halftones": share(found(tasks_in_style(), shown(real))),
        "before": judged(halftones, head),
    }
    for trial in trials:
        rate, _, rehearsal = trial.partition(",")
        examples = chain(halftones.examples(), others.examples() if rehearsal else ())
        made = folder / trial
        train_generator(examples, halftones.embedder, made, plan_of(steps, float(rate)))
        with phosphene.open(halftones.folder, generator=f"retrieval:{made}") as after:
            figures[trial] = judged(after, head, figures["before"])
        print(trial, figures[trial], file=sys.stderr)
    for each in figures.values():
        if isinstance(each, dict):
            del each["answers"]
    return figures


def plan_of(steps: int, rate: float) -> TrainingPlan:
    """So many steps of the denoiser, and about as many minutes of the other networks as the command takes."""
    budgets = (Budget(steps=2 * steps), Budget(steps=max(1, steps // 4)), Budget(steps=steps))
    return TrainingPlan(*budgets, start=DIFFUSION_FOLDER, rate=rate)


def in_style(seed: int) -> Scene:
    """The scene of a seed, in the new style."""
    return replace(compose(seed), style=NEW)


def halftone_library(folder: Path) -> Library:
    """A library of scenes in the new style, with all captions but those that would name it."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for seed in LEARNT:
        draw(in_style(seed)).save(pictures / f"{seed}.png", compress_level=1)
        (pictures / f"{seed}.txt").write_text(tasks_of(seed)[0].text)
    library = phosphene.open(folder / "library", model="landscape", create=True)
    library.add([pictures])
    return library


def tasks_of(seed: int) -> list[Task]:
    """The captions of a scene that do not name its style, the fullest last."""
    said = captions(in_style(seed))
    return [Task(one.text, one.names) for one in said if ("style", NEW) not in one.names]


def tasks_in_style() -> list[Task]:
    return [tasks_of(seed)[-1] for seed in HELD_OUT]


def judged(library: Library, head: "StyleHead", before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the library's generator makes, compared with what it made `before`."""
    pool, inside = Pool(library, LEARNT), tasks_in_style()
    outside = [replace(caption_of(seed), own=None) for seed in ELSEWHERE]
    drawn = [one.picture for one in make(pool, inside, NEIGHBOURS, candidates=1)]
    answers = found(outside, shown([one.picture for one in make(pool, outside, 0, candidates=1)]))
    found_here: dict[str, Any] = {
        "halftones": head.share(drawn, NEW),
        "named in halftones": share(found(inside, shown(drawn))),
        "named elsewhere": share(answers),
        "answers": answers,
    }
    if before:
        found_here["lost elsewhere"] = before["named elsewhere"] - share(answers)
        found_here["interval"] = interval(before["answers"], answers)
    return found_here


class StyleHead:
    """A linear classifier of styles on what the judge sees. It learns from the same scenes in each style."""

    def __init__(self) -> None:
        self.names = [*styles.STYLES]
        pictures = [draw(replace(compose(seed), style=name)) for name in self.names for seed in HEAD]
        features = self.features(pictures)
        wanted = torch.eye(len(self.names)).repeat_interleave(len(HEAD), 0)
        ridge = features.T @ features + 1.0 * torch.eye(features.shape[1])
        self.weights = torch.linalg.solve(ridge, features.T @ wanted)

    def share(self, pictures: Sequence[Picture], style: str) -> float:
        """The share of pictures that are of a style, in [0, 1]."""
        best = (self.features(pictures) @ self.weights).argmax(1)
        return float((best == self.names.index(style)).float().mean())

    @torch.inference_mode()
    def features(self, pictures: Sequence[Picture]) -> Tensor:
        """Means and maxima of what the judge's convolutions see, with a constant: (n, features)."""
        small = as_tensor(np.stack([np.asarray(seen(picture)) for picture in pictures]))
        maps = read(JUDGE).look(small * 2 - 1)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3)), torch.ones(len(maps), 1)], 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=60, help="of the denoiser, with 48 pictures each")
    parser.add_argument("--trial", action="append", metavar="RATE[,rehearsal]", help=f"default: {TRIALS}")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
