"""Generators of the tiny checkpoints, as tests open them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder, ImageEncoder, open_embedder
from phosphene.generation import Generator, Mode, Reference, Request
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.loading import load
from phosphene.records import Space
from tiny_checkpoints import DIMENSION, SIDE

Folder = Callable[[str], Path]  # what the fixture `checkpoint` is
ADAPTERS = {
    "sd15": "ip_adapter_sd15",
    "lcm": "ip_adapter_sd15",
    "sdxl": "ip_adapter_sdxl",
    "flux1": "ip_adapter_flux1",
}


@cache
def picture(seed: int, side: int = SIDE) -> Picture:
    """A picture of soft random colours."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return pillow.fromarray(small).resize((side, side), pillow.Resampling.BICUBIC)


def clip_folder(folders: Folder, family: str) -> Path:
    """The tiny CLIP whose vectors a family reads, as a folder of open_clip."""
    return folders("open_clip_quick_gelu_folder" if family == "flux1" else "open_clip_folder")


def open_clip(folders: Folder, family: str) -> Embedder:
    """The embedder of a library with the vectors that a family reads."""
    return open_embedder(f"local-dir:{clip_folder(folders, family)}", device="cpu")


def clip_vision(folder: Path) -> Any:
    """The image tower of the tiny CLIP, as transformers loads it."""
    transformers: Any = import_module("transformers")
    return transformers.CLIPVisionModelWithProjection.from_pretrained(folder).eval()


def _picture(seed: int, side: int | None) -> Picture:
    return picture(seed)


def references(encoder: ImageEncoder, count: int) -> tuple[Reference, ...]:
    """References to `picture(0)` and so on, with their vectors and norms."""
    pictures = [picture(seed) for seed in range(count)]
    embedded = encoder.pictures([encoder.prepare(each) for each in pictures])
    return tuple(
        Reference(f"n{place}", vector, float(norm), picture=partial(_picture, place))
        for place, (vector, norm) in enumerate(zip(embedded.vectors, embedded.norms, strict=True))
    )


def folder_of(folders: Folder, family: str) -> Path:
    """The tiny checkpoint of a family."""
    return folders(family.replace("-", "_"))


def bare(folders: Folder, family: str, *, adapter: bool = True) -> Any:
    """The pipeline of a family as a user of diffusers loads it, with its adapter and image encoder."""
    diffusers: Any = import_module("diffusers")
    class_name = FAMILIES[family].pipelines["text-to-image"]
    pipeline = getattr(diffusers, class_name).from_pretrained(
        folders(family.replace("-", "_")), local_files_only=True
    )
    if adapter and family in ADAPTERS:
        file = folders(ADAPTERS[family])
        flux = "image_encoder_pretrained_model_name_or_path"
        encoder = {flux if family == "flux1" else "image_encoder_folder": None}
        pipeline.load_ip_adapter(str(file.parent), subfolder="", weight_name=file.name, **encoder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def library_space(family: str) -> Space:
    """The space of a library whose model has the vectors that a family reads."""
    return Space("of-the-library", str(FAMILIES[family].model), DIMENSION)


def generator(folders: Folder, family: str, *, adapter: bool = True) -> DiffusersGenerator:
    """The generator of a tiny checkpoint, for a library with its vectors. It makes 4 pictures at once."""
    file = folders(ADAPTERS[family]) if adapter and family in ADAPTERS else None
    if family == "qwen-image-edit":
        read_small_pictures()
    loaded = load(
        folders(family.replace("-", "_")),
        space=library_space(family),
        family=FAMILIES[family],
        device="cpu",
        adapter=file,
    )
    small = replace(loaded, size=(SIDE, SIDE))  # which the settings of Qwen-Image do not say
    return DiffusersGenerator(small, batch_size=4)


def read_small_pictures() -> None:
    """Let Qwen-Image-Edit encode references of 64×64 pixels. A processor needs seconds for its megapixel."""
    pipeline = import_module("diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus")
    vars(pipeline).update(VAE_IMAGE_SIZE=SIDE * SIDE, CONDITION_IMAGE_SIZE=SIDE * SIDE)


def a_request(made: DiffusersGenerator, mode: Mode = "text-to-image", **changes: Any) -> Request:
    """A request with three neighbours, and what its mode needs."""
    mask = pillow.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (9, 9, 40, 64))
    request = Request(
        seed=1,
        prompt="a dog on a beach at night",
        negative_prompt="rain" if made.capabilities.negative_prompt else "",
        space=made.capabilities.space,
        references=near(made),
        init=None if mode == "text-to-image" else picture(9),
        mask=mask if mode == "inpainting" else None,
        num_inference_steps=3,
    )
    return replace(request, **changes)


def near(made: DiffusersGenerator) -> tuple[Reference, ...]:
    """Three neighbours, if the generator reads their vectors or their pictures."""
    if "pictures" in made.capabilities.reads:
        any_vector = np.ones(8, dtype=np.float32)
        return tuple(Reference(f"n{seed}", any_vector, picture=partial(_picture, seed)) for seed in range(3))
    return references(made.image_encoder, 3) if made.image_encoder else ()


def pixels(made: Generator, *requests: Request) -> list[NDArray[np.int16]]:
    """The pictures of requests."""
    return [np.asarray(each.picture(), dtype=np.int16) for each in made.generate(requests)]


def apart(first: Any, second: Any) -> int:
    """The largest difference of two pictures, in grey levels."""
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())
