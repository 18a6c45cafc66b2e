"""The classes that the components of a checkpoint may have.

A checkpoint names its classes, and a stranger may have made it. So the names are looked up in this table, and
only what stands here is imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

# A network has weights. A processor prepares pictures, and has only settings, as a scheduler has. A chat
# processor has a tokenizer beside these settings.
ComponentKind = Literal["network", "tokenizer", "scheduler", "processor", "chat_processor"]


@dataclass(frozen=True, slots=True)
class ComponentClass:
    """A class by the module that has it.

    `prefixes` are what weights may have before their names, because versions of transformers differ in it.
    `beginnings` are those of names in older files, with those of today.
    """

    name: str
    module: str
    kind: ComponentKind
    prefixes: tuple[str, ...] = ()
    beginnings: tuple[tuple[str, str], ...] = ()

    @property
    def stem(self) -> str:
        """The name of its file of weights without the ending."""
        return "model" if self.module == "transformers" else "diffusion_pytorch_model"

    def load(self) -> Any:
        """Import the class."""
        return getattr(import_module(self.module), self.name)


def _all(
    module: str, kind: ComponentKind, *names: str, prefixes: tuple[str, ...] = ()
) -> dict[str, ComponentClass]:
    return {name: ComponentClass(name, module, kind, prefixes) for name in names}


NORMALIZER = "diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer"
QWEN_VL = "Qwen2_5_VLForConditionalGeneration"
CLIP_TEXT, CLIP_VISION = ("text_model.",), ("vision_model.",)
CURRENT: Mapping[str, ComponentClass] = {
    **_all("diffusers", "network", "UNet2DConditionModel", "FluxTransformer2DModel"),
    **_all("diffusers", "network", "Flux2Transformer2DModel", "SD3Transformer2DModel"),
    **_all("diffusers", "network", "ZImageTransformer2DModel", "AutoencoderKLFlux2"),
    **_all("diffusers", "network", "ChromaTransformer2DModel"),
    **_all("diffusers", "network", "QwenImageTransformer2DModel", "AutoencoderKLQwenImage"),
    **_all("diffusers", "network", "AutoencoderKL", "AutoencoderTiny", "VQModel"),
    **_all(NORMALIZER, "network", "StableUnCLIPImageNormalizer"),
    **_all("transformers", "network", "CLIPTextModel", "CLIPTextModelWithProjection", prefixes=CLIP_TEXT),
    **_all("transformers", "network", "CLIPVisionModelWithProjection", prefixes=CLIP_VISION),
    **_all("transformers", "network", "T5EncoderModel"),
    **_all("transformers", "network", "Qwen3Model", "Qwen3ForCausalLM", prefixes=("model.",)),
    QWEN_VL: ComponentClass(
        QWEN_VL, "transformers", "network", ("model.",), (("model.", "model.language_model."),)
    ),
    **_all("transformers", "tokenizer", "CLIPTokenizer", "T5Tokenizer", "Qwen2Tokenizer"),
    **_all("transformers", "processor", "CLIPImageProcessor"),
    **_all("transformers", "chat_processor", "Qwen2VLProcessor"),
    **_all("diffusers", "scheduler", "DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LCMScheduler"),
    **_all("diffusers", "scheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"),
    **_all("diffusers", "scheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"),
    **_all("diffusers", "scheduler", "DEISMultistepScheduler"),  # of the Dreamshaper checkpoints
    **_all("diffusers", "scheduler", "HeunDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"),
}
# Names that transformers has given up, which older checkpoints have.
FORMER_NAMES: Mapping[str, str] = {
    "CLIPFeatureExtractor": "CLIPImageProcessor",
    "CLIPTokenizerFast": "CLIPTokenizer",
    "Qwen2TokenizerFast": "Qwen2Tokenizer",
    "T5TokenizerFast": "T5Tokenizer",
}
CLASSES: Mapping[str, ComponentClass] = {
    **CURRENT,
    **{former: CURRENT[name] for former, name in FORMER_NAMES.items()},
}
