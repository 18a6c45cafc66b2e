"""Tiny checkpoints of the families that read words and pictures, and of those that need few steps."""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tiny_checkpoints import (
    BETAS,
    clip_tokenizer,
    t5_encoder,
    t5_tokenizer,
    text_encoder,
    tiny_vae,
    unet,
    vae,
    vae_of_16_channels,
)

# Their types are incomplete.
diffusers: Any = import_module("diffusers")
transformers: Any = import_module("transformers")
tokenizers: Any = import_module("tokenizers")

WIDTH = 32  # of the tiny Qwen 3
SEEN = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")  # of Qwen-VL
CHAT = (  # as Qwen 3 has it for one message
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
)


def qwen_tokenizer() -> Any:
    """A tokenizer of Qwen whose tokens are bytes."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = transformers.Qwen2Tokenizer(
        vocab={letter: number for number, letter in enumerate(letters)},
        merges=[],
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>", *SEEN],
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def qwen3(class_name: str, layers: int) -> Any:
    """The language model whose hidden states are what a family reads."""
    torch.manual_seed(11)
    config = transformers.Qwen3Config(
        vocab_size=300,
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=2048,
    )
    return getattr(transformers, class_name)(config).eval()


def lcm(folder: Path) -> Path:
    """A latent consistency model, whose UNet reads the guidance scale."""
    diffusers.LatentConsistencyModelPipeline(
        vae=vae(),
        text_encoder=text_encoder(),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        unet=unet(time_cond_proj_dim=16),
        scheduler=diffusers.LCMScheduler(**BETAS),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def sd_turbo(folder: Path) -> Path:
    """Stable Diffusion Turbo, which has the networks of 2.1."""
    diffusers.StableDiffusionPipeline(
        vae=vae(),
        text_encoder=text_encoder(act="gelu"),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        unet=unet(use_linear_projection=True),
        scheduler=diffusers.EulerDiscreteScheduler(timestep_spacing="trailing", steps_offset=1, **BETAS),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def sdxs(folder: Path) -> Path:
    """SDXS: a smaller UNet without a middle, and a decoder like TAESD."""
    network = unet(
        seed=31,
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type=None,
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
    )
    diffusers.StableDiffusionPipeline(
        vae=tiny_vae(),
        text_encoder=text_encoder(),
        tokenizer=clip_tokenizer(folder / "tokenizer"),
        unet=network,
        scheduler=diffusers.DEISMultistepScheduler(steps_offset=1, **BETAS),
        safety_checker=None,
        feature_extractor=transformers.CLIPImageProcessor(),
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def sd3(folder: Path) -> Path:
    """Stable Diffusion 3.5."""
    torch.manual_seed(17)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16,
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        pos_embed_max_size=32,
    ).eval()
    torch.nn.init.normal_(transformer.proj_out.weight, std=0.2)
    tokenizer = clip_tokenizer(folder / "tokenizer")
    diffusers.StableDiffusion3Pipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae_of_16_channels(),
        text_encoder=text_encoder(projected=True),
        tokenizer=tokenizer,
        text_encoder_2=text_encoder(projected=True, act="gelu", seed=9),
        tokenizer_2=tokenizer,
        text_encoder_3=t5_encoder(64),
        tokenizer_3=t5_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder)
    return folder


def z_image(folder: Path) -> Path:
    """Z-Image Turbo."""
    torch.manual_seed(14)
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=WIDTH,
        axes_dims=[4, 6, 6],
        axes_lens=[1536, 64, 64],
    ).eval()
    diffusers.ZImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae_of_16_channels(),
        text_encoder=qwen3("Qwen3Model", 3),
        tokenizer=qwen_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder)
    return folder


def chroma(folder: Path) -> Path:
    """Chroma, which reads T5 alone."""
    torch.manual_seed(19)
    transformer = diffusers.ChromaTransformer2DModel(
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=8,
        approximator_hidden_dim=16,
        approximator_layers=1,
    ).eval()
    diffusers.ChromaPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=vae_of_16_channels(),
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
        transformer=transformer,
    ).save_pretrained(folder)
    return folder


def flux2_klein(folder: Path) -> Path:
    """FLUX.2 klein, which reads three layers of its language model."""
    torch.manual_seed(15)
    transformer = diffusers.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=3 * WIDTH,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    ).eval()
    autoencoder = diffusers.AutoencoderKLFlux2(
        block_out_channels=(16, 16, 16, 16),
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=64,
    ).eval()
    autoencoder.bn.running_mean.normal_()
    autoencoder.bn.running_var.uniform_(0.5, 1.5)
    diffusers.Flux2KleinPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder,
        text_encoder=qwen3("Qwen3ForCausalLM", 28),
        tokenizer=qwen_tokenizer(),
        transformer=transformer,
        is_distilled=True,
    ).save_pretrained(folder)
    return folder


def qwen_vl(tokenizer: Any) -> Any:
    """The model of words and pictures whose hidden states Qwen-Image reads."""
    torch.manual_seed(41)
    text = {
        "vocab_size": 300,
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }
    vision = {
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": WIDTH,
        "fullatt_block_indexes": [0],
    }
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    numbers = dict(zip(names, tokenizer.convert_tokens_to_ids(list(SEEN)), strict=True))
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **numbers)
    return transformers.Qwen2_5_VLForConditionalGeneration(config).eval()


def qwen_image_parts(tokenizer: Any) -> dict[str, Any]:
    """The components that Qwen-Image and Qwen-Image-Edit have in common."""
    encoder = qwen_vl(tokenizer)
    transformer = diffusers.QwenImageTransformer2DModel(
        in_channels=64,
        out_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
    ).eval()
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
    )
    return {
        "scheduler": scheduler,
        "vae": diffusers.AutoencoderKLQwenImage(base_dim=8, num_res_blocks=1).eval(),
        "text_encoder": encoder,
        "tokenizer": tokenizer,
        "transformer": transformer,
    }


def qwen_image(folder: Path) -> Path:
    """Qwen-Image, whose text encoder is saved under the names of the time when it was published."""
    diffusers.QwenImagePipeline(**qwen_image_parts(qwen_tokenizer())).save_pretrained(folder)
    return folder


def qwen_image_edit(folder: Path) -> Path:
    """Qwen-Image-Edit 2511. Its processor is saved in the files that its repository has."""
    tokenizer = qwen_tokenizer()
    pictures, films = transformers.Qwen2VLImageProcessor(), transformers.Qwen2VLVideoProcessor()
    processor = transformers.Qwen2VLProcessor(pictures, tokenizer, films)
    parts = qwen_image_parts(tokenizer)
    diffusers.QwenImageEditPlusPipeline(**parts, processor=processor).save_pretrained(folder)
    (folder / "processor" / "processor_config.json").unlink()
    pictures.save_pretrained(folder / "processor")
    films.save_pretrained(folder / "processor")
    return folder


BUILT = (lcm, sd_turbo, sdxs, sd3, z_image, chroma, qwen_image, flux2_klein, qwen_image_edit)
WORD_BUILDERS = {builder.__name__: builder for builder in BUILT}
