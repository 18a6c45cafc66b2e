"""Single files of the tiny checkpoints, with the names that weights have in their authors' own code (ldm).

`single_file` is the opposite of what diffusers does when it reads such files.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

diffusers: Any = import_module("diffusers")

UNET, VAE, CLIP = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
FIRST_CLIP, SECOND_CLIP = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
CONVOLUTIONS = ("q", "k", "v", "proj_out")  # layers of attention, which are 1 × 1 convolutions in ldm's VAE
ROOTS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
IN_VAE = {
    r"coder\.down_blocks\.(\d)\.resnets\.(\d)": r"coder.down.\1.block.\2",
    r"coder\.down_blocks\.(\d)\.downsamplers\.0": r"coder.down.\1.downsample",
    r"mid_block\.attentions\.0\.group_norm": "mid.attn_1.norm",
    r"mid_block\.attentions\.0\.to_out\.0": "mid.attn_1.proj_out",
    r"mid_block\.attentions\.0\.to_(\w)": r"mid.attn_1.\1",
    "conv_shortcut": "nin_shortcut",
    "conv_norm_out": "norm_out",
}
IN_OPEN_CLIP = {
    r"(text_model\.)?encoder\.layers\.": "transformer.resblocks.",
    r"\.self_attn\.": ".attn.",
    r"\.layer_norm(\d)\.": r".ln_\1.",
    r"\.mlp\.fc1\.": ".mlp.c_fc.",
    r"\.mlp\.fc2\.": ".mlp.c_proj.",
    r"(text_model\.)?final_layer_norm": "ln_final",
    r"(text_model\.)?embeddings\.token_embedding": "token_embedding",
    r"(text_model\.)?embeddings\.position_embedding\.weight": "positional_embedding",
}


def single_file(folder: Path, file: Path) -> Path:
    """Write the weights of a folder of Stable Diffusion into one file, and its settings beside it.

    Those are in a folder that has no weights and no vocabulary.
    """
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    save_file({name: weight.contiguous() for name, weight in renamed(pipeline)}, file)
    for settings in folder.rglob("*.json"):
        if settings.name not in ("vocab.json", "tokenizer.json"):
            target = file.with_suffix("") / settings.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(settings, target)
    return file


def renamed(pipeline: Any) -> Iterator[tuple[str, Tensor]]:
    """All weights of a pipeline under the names of ldm."""
    xl = hasattr(pipeline, "text_encoder_2")
    for name, weight in pipeline.unet.state_dict().items():
        yield UNET + in_unet(name, pipeline.unet), weight
    for name, weight in pipeline.vae.state_dict().items():
        new = in_vae(name)
        convolution = "attn_1" in new and new.split(".")[-2] in CONVOLUTIONS and weight.ndim == 2
        yield VAE + new, weight[:, :, None, None] if convolution else weight
    for name, weight in pipeline.text_encoder.state_dict().items():
        yield (FIRST_CLIP if xl else CLIP) + f"text_model.{name.removeprefix('text_model.')}", weight
    if xl:
        yield from in_open_clip(pipeline.text_encoder_2.state_dict(), SECOND_CLIP)


def in_unet(name: str, unet: Any) -> str:
    """The name of a weight of a UNet with two layers per block."""
    for root, new in ROOTS.items():
        if name.startswith(f"{root}."):
            return new + name.removeprefix(root)
    where, place, kind, number, rest = in_block(name)
    layer, _, tail = rest.partition(".")
    if kind == "resnets":
        rest = f"{RESNET[layer]}.{tail}"
    if where == "mid_block":
        return f"middle_block.{1 if kind == 'attentions' else 2 * number}.{rest}"
    part = 0 if kind == "resnets" else 1
    if kind == "downsamplers":
        return f"input_blocks.{3 * (place + 1)}.0.op.{tail}"
    if kind == "upsamplers":
        part = 2 if hasattr(unet.up_blocks[place], "attentions") else 1
        return f"output_blocks.{3 * place + 2}.{part}.{rest}"
    side, index = (
        ("input", 3 * place + number + 1) if where == "down_blocks" else ("output", 3 * place + number)
    )
    return f"{side}_blocks.{index}.{part}.{rest}"


def in_block(name: str) -> tuple[str, int, str, int, str]:
    """`down_blocks.1.resnets.0.conv1.bias` in its parts. The middle block has no number, so it gets 0."""
    found = re.fullmatch(r"(\w+?_blocks?)\.(?:(\d)\.)?(\w+)\.(\d)\.(.*)", name)
    assert found, name
    return found[1], int(found[2] or 0), found[3], int(found[4]), found[5]


def in_vae(name: str) -> str:
    """The name of a weight of a VAE with four blocks."""
    for pattern, new in IN_VAE.items():
        name = re.sub(pattern, new, name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    name = re.sub(
        r"up_blocks\.(\d)\.resnets\.(\d)", lambda found: f"up.{3 - int(found[1])}.block.{found[2]}", name
    )
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{3 - int(found[1])}.upsample", name)


def in_open_clip(weights: Mapping[str, Tensor], prefix: str) -> Iterator[tuple[str, Tensor]]:
    """The weights of a text encoder as open_clip has them, with queries, keys and values in one."""
    for name, weight in weights.items():
        if name == "text_projection.weight":
            yield f"{prefix}text_projection", weight.T
        elif ".q_proj." in name:
            rows = [weights[name.replace(".q_proj.", f".{kind}_proj.")] for kind in "qkv"]
            yield prefix + opened(name).replace("q_proj.", "in_proj_"), torch.cat(rows)
        elif ".k_proj." not in name and ".v_proj." not in name:
            yield prefix + opened(name), weight


def opened(name: str) -> str:
    for pattern, new in IN_OPEN_CLIP.items():
        name = re.sub(pattern, new, name)
    return name
