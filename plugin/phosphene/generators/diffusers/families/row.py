"""What is written about a family of pretrained models: a row of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from phosphene.generation.requests import Mode, Reads

# How a family takes references, see `conditioning`.
Conditioning = Literal["ip_adapter", "flux_ip_adapter", "image_embeds", "noised_image_embeds", "pictures"]
# How a family reads words, see `prompts`: in chunks of CLIP's context; by T5, beside which SD 3 has
# two CLIPs; as the message of a chat; or as its pipeline does.
PromptEncoding = Literal["clip", "clip_pooled", "t5", "t5_and_clips", "chat", "native", "none"]

GIB = 1 << 30
VIT_H = "ViT-H-14/laion2b_s32b_b79k"
VIT_L = "ViT-L-14-quickgelu/openai"
VIT_BIGG = "ViT-bigG-14/laion2b_s39b_b160k"
SIDES = (64, 2048)


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """The IP-Adapter of a family, and the image encoder whose vectors it reads, as the hub has them.

    `image_encoder` is a folder with the weights of a CLIPVisionModelWithProjection.
    """

    repository: str
    file: str
    encoder_repository: str
    image_encoder: str
    licence: str
    commercial: bool
    size_on_disk: int  # bytes, with the image encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of checkpoints.

    `pipelines` are names of classes of diffusers. All of them share one set of modules. `model` is the name
    that open_clip has for the model whose vectors the family reads. A family with an `adapter` reads vectors
    only when the adapter is loaded.
    """

    name: str
    title: str
    pipelines: Mapping[Mode, str]
    repository: str  # on the hub
    licence: str
    commercial: bool  # whether the licence allows commercial use, perhaps under conditions
    size_on_disk: int  # bytes
    parameters: float  # billions, of all components that a picture needs, without an adapter's
    size: tuple[int, int]  # the default width and height, if the checkpoint does not say it
    multiple: int = 8  # of both sides
    sides: tuple[int, int] = SIDES
    conditioning: Conditioning | None = None
    model: str | None = None
    adapter: AdapterFiles | None = None
    max_references: int = 0
    needs_pictures: bool = False  # whether its pipeline makes nothing without a reference's picture
    batches: bool = True  # whether its pipeline makes several pictures at once
    # The beginnings of the names of the attentions that decide how a picture looks (InstantStyle, Wang et al.
    # 2024, and its code for Stable Diffusion 1.5). Styles are read there, and only there.
    style_blocks: tuple[str, ...] = ()
    closeness: float | None = None  # the default; None for a family that follows its references fully
    prompt_encoding: PromptEncoding = "clip"
    negative_prompt: bool = True
    num_inference_steps: int = 20
    guidance_scale: float | None = None  # None for a model that was distilled to do without
    guidance_argument: str = "guidance_scale"  # of the pipeline
    schedulers: tuple[
        str, ...
    ] = ()  # names in `schedulers.SCHEDULERS` that work; the first one replaces PNDM
    arguments: Mapping[str, Any] = field(default_factory=dict)  # that its pipelines always get
    context: int | None = None  # the most tokens that a pipeline reads; it would cut the others off
    components: Mapping[str, str] = field(
        default_factory=dict
    )  # of other repositories: name → ORG/NAME/FOLDER
    tiny_vae: str | None = None  # the repository of a TAESD for its latents
    note: str = ""

    @property
    def reads(self) -> frozenset[Reads]:
        """The parts of a request that the family uses, with its adapter if it has one."""
        words: set[Reads] = set() if self.prompt_encoding == "none" else {"words"}
        if self.conditioning is None:
            return frozenset(words)
        styles: set[Reads] = {"styles"} if self.style_blocks else set()
        return frozenset(words | styles | {"pictures" if self.conditioning == "pictures" else "vectors"})

    @property
    def reads_without_vectors(self) -> frozenset[Reads]:
        """What it uses without its adapter."""
        return self.reads - {"vectors", "styles"}


def three_modes(name: str) -> dict[Mode, str]:
    """The usual names of the classes of a family."""
    return {
        "text-to-image": f"{name}Pipeline",
        "image-to-image": f"{name}Img2ImgPipeline",
        "inpainting": f"{name}InpaintPipeline",
    }


STEPWISE = ("unipc", "dpm++", "dpm++-karras", "euler", "euler-a", "heun", "ddim", "lcm")
# Some pipelines for flow matching can use UniPC, too. Few take DPM-Solver++ or Heun: see docs/decisions.md.
FLOW = ("flow-euler", "flow-euler-karras")
