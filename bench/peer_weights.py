"""One model with random weights, in the forms that phosphene and its peers read."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch

ARCHITECTURE = "ViT-B-32-256"  # rclip knows no other
RCLIP = "ViT-B-32-256-datacomp_s34b_b86k"  # rclip's folder of that architecture
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
# rclip downloads everything again if one of these is missing.
NOTICES = ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md")
OPSET = 18


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights as a state dict, and as the data folder of rclip."""

    state: Path
    rclip: Path


class Tower(torch.nn.Module):
    """One of the two towers of a CLIP."""

    def __init__(self, model: open_clip.CLIP, encode: str) -> None:
        super().__init__()
        self.model, self.encode = model, encode

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """The vectors of pictures or of texts."""
        vectors: torch.Tensor = getattr(self.model, self.encode)(given)
        return vectors


def weights(folder: Path) -> Weights:
    """The weights, which are made if they are not there."""
    found = Weights(folder / f"{ARCHITECTURE}.pt", folder / "rclip")
    if not (found.rclip / "README.md").exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        model = open_clip.create_model(ARCHITECTURE, load_weights=False).eval()
        torch.save(model.state_dict(), found.state)
        _export(model, found.rclip)
    return found


def _export(model: open_clip.CLIP, folder: Path) -> None:
    """Write the data folder of rclip."""
    (folder / RCLIP).mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer").mkdir(exist_ok=True)
    side, length = model.visual.image_size[0], model.context_length
    examples = {
        "visual": ("encode_image", torch.zeros(2, 3, side, side)),
        "textual": ("encode_text", torch.zeros(2, length, dtype=torch.long)),
    }
    for name, (encode, example) in examples.items():
        _write(Tower(model, encode), example, folder / RCLIP / f"{name}.onnx")
    shutil.copy(Path(open_clip.__file__).with_name(VOCABULARY), folder / "tokenizer")
    for notice in NOTICES:
        (folder / notice).write_text("random weights\n", encoding="utf-8")


def _write(tower: Tower, example: torch.Tensor, file: Path) -> None:
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its operator has no counterpart in ONNX
    try:
        torch.onnx.export(
            tower,
            (example,),
            file,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
