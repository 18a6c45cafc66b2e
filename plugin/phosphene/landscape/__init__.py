"""The built-in world: drawn landscapes, their captions, and models that were trained on them."""

from pathlib import Path

CLIP_FOLDER = Path(__file__).parent / "weights" / "clip"  # the model `landscape`, as open_clip reads it
DIFFUSION_FOLDER = Path(__file__).parent / "weights" / "diffusion"  # its generator, as diffusers reads it
