"""The tags of open_clip that phosphene lists: their repositories, and how they prepare pictures.

open_clip has the same facts for these and for many more, but importing it takes seconds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREPROCESS: Mapping[str, Any] = {  # open_clip's defaults, with which most of its models were trained
    "size": 224,
    "mode": "RGB",
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
    "fill_color": 0,
}
HALVES = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "resize_mode": "squash"}
SIGLIP = {**PREPROCESS, **HALVES}
PE = {**SIGLIP, "interpolation": "bilinear"}
LINEAR = {**PREPROCESS, "interpolation": "bilinear"}
MOBILE = {**LINEAR, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
# Patterns in the names of those architectures whose weights were all trained with other settings.
KINDS: Mapping[str, Mapping[str, Any]] = {
    "SigLIP|siglip": SIGLIP,
    "^PE-Core": PE,
    "^MobileCLIP2-S[34]": LINEAR,
    "^MobileCLIP2?-[SB]": MOBILE,
    "CLIPA": {**LINEAR, **IMAGENET, "resize_mode": "squash"},
    "-378": {**PREPROCESS, "resize_mode": "squash"},
}


@dataclass(frozen=True, slots=True)
class Tag:
    """The weights of one tag: a repository of the hub, and the settings for preparing pictures."""

    repository: str
    preprocess: Mapping[str, Any]


TAGS: Mapping[str, Tag] = {
    "ViT-B-32-256/datacomp_s34b_b86k": Tag("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", PREPROCESS),
    "ViT-B-16/datacomp_xl_s13b_b90k": Tag("laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", PREPROCESS),
    "ViT-L-14/datacomp_xl_s13b_b90k": Tag("laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", PREPROCESS),
    "ViT-H-14/laion2b_s32b_b79k": Tag("laion/CLIP-ViT-H-14-laion2B-s32B-b79K", PREPROCESS),
    "ViT-B-32-SigLIP2-256/webli": Tag("timm/ViT-B-32-SigLIP2-256", SIGLIP),
    "ViT-B-16-SigLIP2/webli": Tag("timm/ViT-B-16-SigLIP2", SIGLIP),
    "ViT-SO400M-16-SigLIP2-256/webli": Tag("timm/ViT-SO400M-16-SigLIP2-256", SIGLIP),
    "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k": Tag(
        "laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k", PREPROCESS
    ),
    "PE-Core-S-16-384/meta": Tag("timm/PE-Core-S-16-384", PE),
    "PE-Core-B-16/meta": Tag("timm/PE-Core-B-16", PE),
    "PE-Core-L-14-336/meta": Tag("timm/PE-Core-L-14-336", PE),
    "MobileCLIP2-S2/dfndr2b": Tag("timm/MobileCLIP2-S2-OpenCLIP", MOBILE),
}


def usual_preprocess(architecture: str) -> Mapping[str, Any]:
    """How the weights of an architecture prepare pictures, if nothing beside them says it."""
    found = (settings for pattern, settings in KINDS.items() if re.search(pattern, architecture))
    return next(found, PREPROCESS)
