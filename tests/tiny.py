"""A CLIP that is small enough to be made for a test."""

import json
from pathlib import Path

import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

from phosphene.nets import tokenizer

CAPTION = "a red house in the snow at night, two blue boats on the sea by day, green trees"


def tiny_clip(folder: Path, seed: int = 0) -> Path:
    """Write a folder of open_clip, for pictures of 32 pixels, texts of 12 tokens and vectors of 8 numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    splitter = tokenizer.learn([CAPTION] * 2, size=400, context=12)
    splitter.save(folder)
    text = {"context_length": 12, "vocab_size": splitter.size, "width": 16, "heads": 2, "layers": 1}
    config = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
        "text_cfg": {**text, "pool_type": "eos", "eos_id": 2, "hf_tokenizer_name": "tiny"},
    }
    torch.manual_seed(seed)
    save_file(CLIP(**config).half().state_dict(), folder / "open_clip_model.safetensors")
    card = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.2, 0.3, 0.4]}}
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    return folder
