"""An independent judge, which says what a picture of a landscape shows, in the notation of `labels()`.

It is a small ConvNet on 64 x 64 pixels. `bench/train_judge.py` trains it on the exact labels of scenes that
no generator has seen. It was never used to train a generator or to choose its settings. Settings are chosen
with its twin.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image as Picture
from PIL.Image import Resampling
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from phosphene.files import write_whole
from phosphene.landscape.scenes import Scene, labels
from phosphene.landscape.scenes.captions import Label
from phosphene.landscape.scenes.scene import COLOURED, COLOURS, LANDS, SHAPES, STYLES, TIMES, WEATHERS

SIDE, CELLS = 64, 8  # pixels of the input, and cells in which it looks for things, on each side
JUDGE, TWIN = Path(__file__).parent / "judge.safetensors", Path("runs/judge-twin.safetensors")
WIDTHS = (96, 80)  # the widths of the judge and its twin
KINDS, PAINTED = tuple(SHAPES), tuple(sorted(COLOURED))
NONE = "none"
# It answers each question with one of these values. The colour of a thing counts only if it sees the thing.
PLAIN: dict[str, tuple[str, ...]] = {
    "time": tuple(TIMES),
    "land": tuple(LANDS),
    "weather": tuple(WEATHERS),
    "style": tuple(STYLES),
    **{name: (NONE, "yes") for name in ("mountains", "sun", "moon")},
    "birds": (NONE, "1", "2", "3", "4"),
    **{f"{kind}.count": (NONE, *"123"[: SHAPES[kind][2]]) for kind in KINDS},
}
QUESTIONS = PLAIN | {f"{kind}.colour": tuple(COLOURS) for kind in PAINTED}


class Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Takes and returns (b, width, h, w)."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


def convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False), nn.BatchNorm2d(out_channels)
    )


class Judge(nn.Module):
    """The network. It first finds where each kind of thing is, and looks there for its colour."""

    def __init__(self, width: int = WIDTHS[0]) -> None:
        super().__init__()
        self.width = width
        self.look = nn.Sequential(
            nn.Conv2d(3, 40, 4, 2, 1), nn.ReLU(),
            convolution(40, width, 2), nn.ReLU(), Block(width),
            convolution(width, 2 * width, 2), nn.ReLU(), Block(2 * width),
        )  # fmt: skip
        self.where = nn.Conv2d(2 * width, len(KINDS), 1)
        nn.init.constant_(self.where.bias, -4.0)  # type: ignore[arg-type]  # most cells hold no thing's middle
        self.think = nn.Linear(4 * width + 2 * len(KINDS), 256)
        self.say = nn.Linear(256, sum(map(len, PLAIN.values())))
        self.colour = nn.Linear(2 * width, len(COLOURS))

    def forward(self, pictures: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Takes (b, 3, SIDE, SIDE) in [0, 1].

        Returns the logits of each question, and the places (b, kinds, CELLS, CELLS) of things.
        """
        seen = self.look(pictures * 2 - 1)
        where = self.where(seen).float()
        there = where.sigmoid()
        whole = [seen.mean((2, 3)), seen.amax((2, 3)), there.sum((2, 3)), there.amax((2, 3))]
        said = self.say(functional.relu(self.think(torch.cat(whole, 1))))
        answers = dict(zip(PLAIN, said.split([len(values) for values in PLAIN.values()], 1), strict=True))
        glance = torch.einsum("bkc,bdc->bkd", where.flatten(2).softmax(-1), seen.flatten(2))
        colours = self.colour(glance)
        answers |= {f"{kind}.colour": colours[:, KINDS.index(kind)] for kind in PAINTED}
        return answers, where


@torch.inference_mode()
def shown(pictures: Sequence[Picture], judge: Judge | None = None) -> list[set[Label]]:
    """The labels of each picture, as `labels()` would say them. The default is the committed judge."""
    judge = judge or read(JUDGE)
    found: list[set[Label]] = []
    for start in range(0, len(pictures), 64):
        small = [np.asarray(seen(picture)) for picture in pictures[start : start + 64]]
        logits, _ = judge(as_tensor(np.stack(small)))
        best = {name: one.argmax(1).tolist() for name, one in logits.items()}
        found += [said({name: best[name][row] for name in best}) for row in range(len(small))]
    return found


def seen(picture: Picture) -> Picture:
    """A picture as the judge sees it."""
    return picture.convert("RGB").resize((SIDE, SIDE), Resampling.BOX)


def as_tensor(pictures: np.ndarray) -> Tensor:
    """Turn bytes (b, SIDE, SIDE, 3) into (b, 3, SIDE, SIDE) in [0, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def said(best: dict[str, int]) -> set[Label]:
    """The labels that the answers stand for."""
    values = {name: QUESTIONS[name][place] for name, place in best.items()}
    here = {kind for kind in KINDS if values[f"{kind}.count"] != NONE}
    told = {(name, value) for name, value in values.items() if value != NONE}
    things = {("thing", kind) for kind in here}
    return things | {one for one in told if "." not in one[0] or one[0].split(".")[0] in here}


def answers(scene: Scene) -> list[int]:
    """The right answer to each question, or -100 for a question that does not arise."""
    true = dict(labels(scene))
    return [
        values.index(true.get(name, NONE)) if true.get(name, NONE) in values else -100
        for name, values in QUESTIONS.items()
    ]


@cache
def read(path: Path) -> Judge:
    """Read a judge from a file of weights."""
    with safe_open(path, "pt") as file:
        judge = Judge(int(file.metadata()["width"]))
        judge.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    return judge.eval()


def write(judge: Judge, path: Path, **notes: str) -> None:
    """Write a judge's weights as fp16, with notes on its training."""
    weights = {name: weight.detach().half().contiguous() for name, weight in judge.state_dict().items()}
    write_whole(path, save(weights, {"width": str(judge.width), **notes}))
