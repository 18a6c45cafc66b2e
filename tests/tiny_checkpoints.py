"""Checkpoints of random weights that are small enough for tests, in the formats that people download.

Networks have the blocks of the real ones, with fewer channels and layers. A builder writes its checkpoint
into a folder and returns its path. The fixture `checkpoint` in conftest.py builds each of them once per test
session.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import bytes_to_unicode, default_bpe
from safetensors.torch import save_file
from torch import Tensor

# Their types are incomplete.
diffusers: Any = import_module("diffusers")
transformers: Any = import_module("transformers")

DIMENSION = 64  # of the vectors of the tiny CLIP, which stands for ViT-H-14, ViT-L-14 and ViT-bigG-14
SIDE = 64  # pixels; the default size of the tiny checkpoints
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
MEAN = [0.48145466, 0.4578275, 0.40821073]  # OpenAI's, of every CLIP that the families use
STD = [0.26862954, 0.26130258, 0.27577711]
VISION: dict[str, Any] = {"image_size": 64, "layers": 3, "width": 64, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 1}


# The CLIP of the vectors, once as open_clip and once as transformers has it.


@cache
def clip(*, quick_gelu: bool = False) -> open_clip.CLIP:
    """The tiny CLIP. `quick_gelu` is the activation of OpenAI's models."""
    torch.manual_seed(0)
    model = open_clip.CLIP(DIMENSION, VISION, TEXT, quick_gelu=quick_gelu).eval().requires_grad_(False)
    for parameter in model.parameters():  # biases begin as zeros, which would hide mistakes
        parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def open_clip_folder(folder: Path, *, quick_gelu: bool = False) -> Path:
    """The tiny CLIP as a folder of open_clip, for `--model local-dir:FOLDER`."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: each.contiguous() for name, each in clip(quick_gelu=quick_gelu).state_dict().items()}
    weights.pop("attn_mask", None)
    save_file(weights, folder / "open_clip_model.safetensors")
    config = {"embed_dim": DIMENSION, "vision_cfg": VISION, "text_cfg": TEXT, "quick_gelu": quick_gelu}
    steps = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    card = {"model_cfg": config, "preprocess_cfg": steps}
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    return folder


def open_clip_quick_gelu_folder(folder: Path) -> Path:
    """The tiny CLIP with the activation of OpenAI's models, whose vectors Flux reads."""
    return open_clip_folder(folder, quick_gelu=True)


def image_encoder(*, quick_gelu: bool = False) -> Any:
    """The image tower of the tiny CLIP, with the same weights, as the families' checkpoints have it."""
    config = transformers.CLIPVisionConfig(
        hidden_size=VISION["width"],
        intermediate_size=4 * VISION["width"],
        projection_dim=DIMENSION,
        num_hidden_layers=VISION["layers"],
        num_attention_heads=VISION["width"] // VISION["head_width"],
        image_size=VISION["image_size"],
        patch_size=VISION["patch_size"],
        hidden_act="quick_gelu" if quick_gelu else "gelu",
    )
    model = transformers.CLIPVisionModelWithProjection(config).eval()
    own = model.state_dict()
    converted = dict(transformers_names(clip(quick_gelu=quick_gelu).visual.state_dict()))
    flat = not any(name.startswith("vision_model.") for name in own)  # as transformers 5 names them
    renamed = {name.removeprefix("vision_model.") if flat else name: each for name, each in converted.items()}
    model.load_state_dict(renamed)
    return model


def transformers_names(visual: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The weights of open_clip's image tower under the names of transformers."""
    yield "visual_projection.weight", visual["proj"].T.contiguous()
    yield "vision_model.embeddings.class_embedding", visual["class_embedding"]
    yield "vision_model.embeddings.patch_embedding.weight", visual["conv1.weight"]
    yield "vision_model.embeddings.position_embedding.weight", visual["positional_embedding"]
    for kind in ("weight", "bias"):
        yield f"vision_model.pre_layrnorm.{kind}", visual[f"ln_pre.{kind}"]
        yield f"vision_model.post_layernorm.{kind}", visual[f"ln_post.{kind}"]
        for layer in range(VISION["layers"]):
            old, new = f"transformer.resblocks.{layer}", f"vision_model.encoder.layers.{layer}"
            for part, rows in zip("qkv", visual[f"{old}.attn.in_proj_{kind}"].chunk(3), strict=True):
                yield f"{new}.self_attn.{part}_proj.{kind}", rows.clone()
            yield f"{new}.self_attn.out_proj.{kind}", visual[f"{old}.attn.out_proj.{kind}"]
            yield f"{new}.layer_norm1.{kind}", visual[f"{old}.ln_1.{kind}"]
            yield f"{new}.layer_norm2.{kind}", visual[f"{old}.ln_2.{kind}"]
            yield f"{new}.mlp.fc1.{kind}", visual[f"{old}.mlp.c_fc.{kind}"]
            yield f"{new}.mlp.fc2.{kind}", visual[f"{old}.mlp.c_proj.{kind}"]


# Components that several families share.


def clip_tokenizer(folder: Path) -> Any:
    """The whole tokenizer of CLIP, made of the vocabulary that open_clip ships. Its files go to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = gzip.decompress(Path(default_bpe()).read_bytes())
    merges = packed.decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    letters = list(bytes_to_unicode().values())
    tokens = [
        *letters,
        *(letter + "</w>" for letter in letters),
        *(merge.replace(" ", "") for merge in merges),
    ]
    numbers = {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(numbers, ensure_ascii=False), encoding="utf-8")
    lines = "\n".join(["#version: 0.2", *merges, ""])
    (folder / "merges.txt").write_text(lines, encoding="utf-8")
    return transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, pad_token="<|endoftext|>"
    )


def text_encoder(width: int = 32, *, projected: bool = False, act: str = "quick_gelu", seed: int = 2) -> Any:
    """A text encoder of CLIP, with the projection of SDXL's second one if `projected`."""
    torch.manual_seed(seed)
    config = transformers.CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=width,
        bos_token_id=49406,
        eos_token_id=49407,
        pad_token_id=49407,
        hidden_act=act,
    )
    name = "CLIPTextModelWithProjection" if projected else "CLIPTextModel"
    return getattr(transformers, name)(config).eval()


def t5_tokenizer() -> Any:
    """A tokenizer of T5 whose tokens are letters."""
    letters = [(letter, -2.0) for letter in "▁abcdefghijklmnopqrstuvwxyz0123456789.,-:()"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *letters]
    return transformers.T5Tokenizer(vocab=pieces, extra_ids=0)


def t5_encoder(width: int = 32) -> Any:
    """A text encoder of T5."""
    torch.manual_seed(12)
    config = transformers.T5Config(vocab_size=64, d_model=width, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    return transformers.T5EncoderModel(config).eval()


def vae(*, scaling_factor: float = 0.18215) -> Any:
    """The VAE of SD and SDXL."""
    torch.manual_seed(1)
    return diffusers.AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=SIDE,
        scaling_factor=scaling_factor,
    ).eval()


def tiny_vae(latent_channels: int = 4) -> Any:
    """TAESD."""
    torch.manual_seed(22)
    return diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
        latent_channels=latent_channels,
    ).eval()


def vae_of_16_channels() -> Any:
    """The VAE of Flux.1, SD 3 and Z-Image."""
    torch.manual_seed(13)
    return diffusers.AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=16,
        norm_num_groups=4,
        sample_size=SIDE,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    ).eval()


def unet(*, seed: int = 3, **changes: Any) -> Any:
    """The UNet of SD 1.5. `changes` are entries of its config."""
    torch.manual_seed(seed)
    config: dict[str, Any] = {
        "sample_size": SIDE // 8,
        "block_out_channels": (32, 64, 64, 64),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "cross_attention_dim": 32,
        "attention_head_dim": 8,
    }
    return diffusers.UNet2DConditionModel(**config | changes).eval()


def xl_unet() -> Any:
    """The UNet of SDXL."""
    return unet(
        seed=8,
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=64,
        attention_head_dim=(4, 8, 8),
        transformer_layers_per_block=(1, 2, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=32 + 6 * 8,
        use_linear_projection=True,
    )


# Folders as `save_pretrained` writes them.


def sd15(folder: Path) -> Path:
    """Stable Diffusion 1.5."""
    betas = {"set_alpha_to_one": False, "steps_offset": 1, **BETAS}
    diffusers.StableDiffusionPipeline(
        vae=vae(),
        text_encoder=text_encoder(),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        unet=unet(),
        scheduler=diffusers.PNDMScheduler(skip_prk_steps=True, **betas),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def sdxl(folder: Path) -> Path:
    """Stable Diffusion XL."""
    tokenizer = clip_tokenizer(folder / "tokenizer")
    diffusers.StableDiffusionXLPipeline(
        vae=vae(scaling_factor=0.13025),
        text_encoder=text_encoder(),
        text_encoder_2=text_encoder(projected=True, act="gelu", seed=9),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=xl_unet(),
        scheduler=diffusers.EulerDiscreteScheduler(timestep_spacing="leading", steps_offset=1, **BETAS),
    ).save_pretrained(folder)
    return folder


def kandinsky22(folder: Path) -> Path:
    """The decoder of Kandinsky 2.2, without the prior, whose image encoder lies in `image_encoder`."""
    torch.manual_seed(5)
    network = diffusers.UNet2DConditionModel(
        sample_size=SIDE // 8,
        in_channels=4,
        out_channels=8,
        addition_embed_type="image",
        encoder_hid_dim_type="image_proj",
        encoder_hid_dim=DIMENSION,
        cross_attention_dim=32,
        block_out_channels=(32, 64),
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        layers_per_block=1,
        resnet_time_scale_shift="scale_shift",
        attention_head_dim=4,
        norm_num_groups=8,
    ).eval()
    movq = diffusers.VQModel(
        block_out_channels=(32, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3,
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    ).eval()
    betas = {"beta_schedule": "linear", "beta_start": 0.00085, "beta_end": 0.012}
    scheduler = diffusers.DDPMScheduler(clip_sample=False, variance_type="learned_range", **betas)
    diffusers.KandinskyV22Pipeline(unet=network, scheduler=scheduler, movq=movq).save_pretrained(folder)
    image_encoder().save_pretrained(folder / "image_encoder")
    return folder


def unclip(folder: Path) -> Path:
    """Stable unCLIP 2.1."""
    normalizers = import_module("diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer")
    torch.manual_seed(6)
    normalizer = normalizers.StableUnCLIPImageNormalizer(embedding_dim=DIMENSION)
    normalizer.mean.data = 0.3 * torch.randn(1, DIMENSION)
    normalizer.std.data = 0.5 + torch.rand(1, DIMENSION)
    diffusers.StableUnCLIPImg2ImgPipeline(
        feature_extractor=transformers.CLIPImageProcessor(size=64, crop_size=64),
        image_encoder=image_encoder(),
        image_normalizer=normalizer,
        image_noising_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        text_encoder=text_encoder(act="gelu"),
        unet=unet(seed=7, class_embed_type="projection", projection_class_embeddings_input_dim=2 * DIMENSION),
        scheduler=diffusers.DDIMScheduler(
            clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction", **BETAS
        ),
        vae=vae(),
    ).save_pretrained(folder)
    return folder


def flux1(folder: Path) -> Path:
    """Flux.1 dev."""
    torch.manual_seed(16)
    transformer = diffusers.FluxTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    ).eval()
    diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
        vae=vae_of_16_channels(),
        text_encoder=text_encoder(),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        text_encoder_2=t5_encoder(),
        tokenizer_2=t5_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder)
    return folder


# IP-Adapters: a file, and beside it the image encoder whose vectors it reads.


def ip_adapter(folder: Path, network: Any, name: str) -> Path:
    """The layout of h94/IP-Adapter: `models/NAME` for a UNet, and `models/image_encoder`."""
    width, tokens = network.config.cross_attention_dim, 4
    torch.manual_seed(4)
    weights = {
        "image_proj.proj.weight": torch.randn(tokens * width, DIMENSION) / DIMENSION**0.5,
        "image_proj.proj.bias": 0.1 * torch.randn(tokens * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    attentions = (each for each in network.attn_processors if "attn2" in each)
    for place, processor in enumerate(attentions):
        attention: Any = network.get_submodule(processor.removesuffix(".processor"))
        for kind, scale in (("k", 1), ("v", 3)):  # 3: large enough to be seen in pictures
            rows = scale * torch.randn(attention.to_k.out_features, width) / width**0.5
            weights[f"ip_adapter.{2 * place + 1}.to_{kind}_ip.weight"] = rows
    file = folder / "models" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, file)
    image_encoder().save_pretrained(folder / "models" / "image_encoder")
    return file


def ip_adapter_sd15(folder: Path) -> Path:
    """The IP-Adapter of SD 1.5. The path is that of the file."""
    return ip_adapter(folder, unet(), "ip-adapter_sd15.safetensors")


def ip_adapter_sdxl(folder: Path) -> Path:
    """The IP-Adapter of SDXL that reads vectors of ViT-H. The path is that of the file."""
    return ip_adapter(folder, xl_unet(), "ip-adapter_sdxl_vit-h.safetensors")


def ip_adapter_flux1(folder: Path) -> Path:
    """The layout of XLabs-AI/flux-ip-adapter: `ip_adapter.safetensors`, with OpenAI's ViT-L beside it."""
    width, tokens, hidden = 32, 4, 32  # of the T5, and of the transformer's two heads of 16
    torch.manual_seed(18)
    weights = {
        "ip_adapter_proj_model.proj.weight": torch.randn(tokens * width, DIMENSION) / DIMENSION**0.5,
        "ip_adapter_proj_model.proj.bias": 0.1 * torch.randn(tokens * width),
        "ip_adapter_proj_model.norm.weight": torch.ones(width),
        "ip_adapter_proj_model.norm.bias": torch.zeros(width),
    }
    block = "double_blocks.0.processor.ip_adapter_double_stream"  # one per double block
    for kind, scale in (("k", 1), ("v", 3)):
        weights[f"{block}_{kind}_proj.weight"] = scale * torch.randn(hidden, width) / width**0.5
        weights[f"{block}_{kind}_proj.bias"] = 0.1 * torch.randn(hidden)
    file = folder / "ip_adapter.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, file)
    image_encoder(quick_gelu=True).save_pretrained(folder / "image_encoder")
    return file


BUILDERS = {
    builder.__name__: builder
    for builder in (
        *(open_clip_folder, open_clip_quick_gelu_folder, sd15, sdxl, kandinsky22, unclip, flux1),
        *(ip_adapter_sd15, ip_adapter_sdxl, ip_adapter_flux1),
    )
}
