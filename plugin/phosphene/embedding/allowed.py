"""Checks a model's configuration before it reaches open_clip, timm and transformers.

Such a file often comes from a stranger, and those libraries pass on every key that they find. With
`trust_remote_code` or `auto_map`, for example, transformers would run Python code that is beside the weights.
So only the keys that open_clip's own configurations have are allowed, with bounded values, and any other key
is an error that names it. Of the further files that transformers reads, it gets filtered copies, see `plain`.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phosphene.errors import ModelError

Check = Callable[[Any], bool]


def whole(most: int, least: int = 0) -> Check:
    """Whole numbers from `least` to `most`."""
    return lambda value: type(value) is int and least <= value <= most


def number(most: float) -> Check:
    """Numbers between `-most` and `most`."""
    return lambda value: type(value) in (int, float) and abs(value) <= most  # false for NaN


def text(pattern: str) -> Check:
    """Texts that match a pattern."""
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def one_or_list(check: Check, count: int) -> Check:
    """A single value, or a list of `count` values."""
    return lambda value: (
        check(value) or (isinstance(value, list | tuple) and len(value) == count and all(map(check, value)))
    )


def scalars(value: Any) -> bool:
    """The arguments of a layer: named numbers, words and flags."""
    return isinstance(value, dict) and all(
        word(key) and (flag(each) or number(1e9)(each) or word(each)) for key, each in value.items()
    )


def _three(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3


word = text(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
size = whole(65_536, 1)  # of a layer; open_clip's widest layers have 4,096 numbers
side = whole(4_096, 1)  # pixels
depth = whole(512, 1)  # layers
share = number(1e4)

# The keys of open_clip's CLIPVisionCfg, CLIPTextCfg and MultimodalCfg.
BLOCK: Mapping[str, Check] = {
    **dict.fromkeys(("width", "heads", "n_queries", "attn_pooler_heads", "dim_head"), size),
    **dict.fromkeys(("mlp_ratio", "ls_init_value"), share),
    **dict.fromkeys(("final_ln_after_pool", "output_tokens", "qk_norm", "scaled_cosine_attn"), flag),
    **dict.fromkeys(("scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"), flag),
    **dict.fromkeys(("pool_type", "block_type", "proj_type"), word),
    **dict.fromkeys(("act_kwargs", "norm_kwargs"), scalars),
    "layers": depth,
}
VISION: Mapping[str, Check] = {
    **BLOCK,
    "layers": one_or_list(depth, 4),
    "image_size": one_or_list(side, 2),
    **dict.fromkeys(("head_width", "patch_size", "attn_pooler_queries"), size),
    **dict.fromkeys(("patch_dropout", "timm_drop", "timm_drop_path"), share),
    **dict.fromkeys(("attentional_pool", "no_ln_pre", "timm_proj_bias", "timm_model_pretrained"), flag),
    "pos_embed_type": word,
    "timm_model_name": text(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"),  # neither `hf-hub:` nor a path
    **dict.fromkeys(("timm_pool", "timm_proj"), text(r"\w{0,32}")),
}
TOKENIZER_ARGUMENTS: Mapping[str, Check] = {
    "clean": text("canonicalize|lower|whitespace"),
    "strip_sep_token": flag,
    "language": text(r"[\w-]{1,32}"),
}
TEXT: Mapping[str, Check] = {
    **BLOCK,
    **dict.fromkeys(("embed_cls", "no_causal_mask", "proj_bias", "hf_model_pretrained"), flag),
    **dict.fromkeys(("pad_id", "eos_id"), whole(10_000_000)),
    "context_length": side,
    "vocab_size": whole(10_000_000, 1),
    "tokenizer_mode": text("clips"),
    "tokenizer_kwargs": lambda value: isinstance(value, dict),  # `check_model` checks what is in it
    "hf_tokenizer_name": lambda value: isinstance(value, str),  # never used: its files are in the folder
    "hf_model_name": lambda value: isinstance(value, str),  # `weights` allows only those of open_clip
    **dict.fromkeys(("hf_proj_type", "hf_pooler_type"), word),
}
MODEL: Mapping[str, Check] = {
    "embed_dim": size,
    **dict.fromkeys(("vision_cfg", "text_cfg", "multimodal_cfg"), lambda value: isinstance(value, dict)),
    **dict.fromkeys(("custom_text", "quick_gelu", "nonscalar_logit_scale", "output_dict"), flag),
    **dict.fromkeys(("init_logit_scale", "init_logit_bias"), share),
}
PREPROCESS: Mapping[str, Check] = {
    "size": one_or_list(side, 2),
    "mode": text("RGB"),
    "mean": lambda value: isinstance(value, list | tuple) and len(value) == 3 and all(map(share, value)),
    "std": lambda value: (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(share(each) and each > 0 for each in value)
    ),
    "interpolation": text("bicubic|bilinear|random"),
    "resize_mode": text("shortest|longest|squash"),
    "fill_color": whole(255),
}
PARTS: Mapping[str, Mapping[str, Check]] = {
    "vision_cfg": VISION,
    "text_cfg": TEXT,
    "multimodal_cfg": {**TEXT, **BLOCK},
}


def check_model(config: Mapping[str, Any], file: Path) -> None:
    """Raise ModelError for the first key of a `model_cfg` that is unknown or has a bad value."""
    _check("model_cfg", config, MODEL, file)
    for part, allowed in PARTS.items():
        if part in config:
            _check(part, config[part], allowed, file)
            arguments = config[part].get("tokenizer_kwargs") or {}
            _check(f"{part}.tokenizer_kwargs", arguments, TOKENIZER_ARGUMENTS, file)


def check_preprocess(preprocess: Mapping[str, Any], file: Path) -> None:
    """Raise ModelError for the first key of a `preprocess_cfg` that is unknown or has a bad value."""
    _check("preprocess_cfg", preprocess, PREPROCESS, file)


def _check(part: str, config: Mapping[str, Any], allowed: Mapping[str, Check], file: Path) -> None:
    for key, value in config.items():
        if key not in allowed:
            raise ModelError(
                f"`{file}` has the key `{part}.{key}`, which no model of open_clip has.",
                "remove this key if you trust the rest of the model; phosphene runs no code of a model and"
                " follows no links to other repositories",
            )
        if value is not None and not allowed[key](value):
            raise ModelError(
                f"`{file}` has an invalid value of `{part}.{key}`: {str(value)[:80]}.",
                "compare it with the configurations that come with open_clip",
            )
