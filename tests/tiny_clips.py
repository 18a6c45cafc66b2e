"""SigLIP2, PE-Core and a CLIP with XLM-RoBERTa, with random weights and small enough to be made for a test.

They are folders of open_clip, with the settings of the real models and fewer or smaller layers. The image
towers of the first two are the smallest ones of timm that pool as the real ones do.
"""

import json
from collections.abc import Iterable
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

transformers: Any = import_module("transformers")  # its types are incomplete

WORDS = [
    "a red house in the snow at night",
    "two blue boats on the sea by day, green trees",
    "ein rotes haus im schnee",
    "красный дом в снегу",
    "雪の中の赤い家",
]
MARKS = ["<pad>", "<eos>", "<bos>", "<unk>"]
HALVES = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}


def siglip2(folder: Path) -> Path:
    """SigLIP2: attention pooling without a class token, a logit bias, and the tokenizer of Gemma."""
    folder.mkdir(parents=True, exist_ok=True)
    size = gemma_tokenizer(folder)
    config = {
        "embed_dim": 96,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 160,
            "timm_model_name": "test_vit3",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "context_length": 64,
            "vocab_size": size,
            "hf_tokenizer_name": "timm/ViT-B-32-SigLIP2-256",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": 96,
            "heads": 4,
            "layers": 2,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    }
    return _written(folder, config, {**HALVES, "interpolation": "bicubic"})


def pe_core(folder: Path) -> Path:
    """PE-Core: rotary positions, attention pooling, and the tokenizer of CLIP with a context of 32."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "embed_dim": 64,
        "vision_cfg": {
            "image_size": 384,
            "timm_model_name": "vit_pe_core_tiny_patch16_384",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": None,
        },
        "text_cfg": {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
        "custom_text": True,
    }
    return _written(folder, config, {**HALVES, "interpolation": "bilinear"})


def xlm_roberta(folder: Path) -> Path:
    """A CLIP whose text tower is of transformers. The repository `xlm-roberta-base` has its `config.json`."""
    size = unigram_tokenizer(folder)
    layers = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256}
    settings = transformers.XLMRobertaConfig(vocab_size=size, max_position_embeddings=90, **layers)
    settings.save_pretrained(text_model := folder / "xlm-roberta-base")
    text = {"hf_tokenizer_name": "xlm-roberta-base", "hf_pooler_type": "mean_pooler"}
    config = {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 8, "patch_size": 16},
        "text_cfg": {**text, "hf_model_name": str(text_model), "hf_model_pretrained": False},
    }
    _written(folder, config, {})
    card = json.loads((folder / "open_clip_config.json").read_text())
    card["model_cfg"]["text_cfg"] = {**text, "hf_model_name": "xlm-roberta-base"}
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    return folder


def unigram_tokenizer(folder: Path) -> int:
    """Write a tokenizer of XLM-RoBERTa's kind, which has a score for each entry. Returns its size."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=marks, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(WORDS, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>"}
    names |= {name: f"<{name}>" for name in ("pad", "unk", "mask")}
    settings = {
        **{f"{name}_token": mark for name, mark in names.items()},
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 77,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return made.get_vocab_size()


def gemma_tokenizer(folder: Path, texts: Iterable[str] = WORDS) -> int:
    """Write a tokenizer of Gemma's kind: spaces are letters, and unknown ones are bytes. Returns its size."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=MARKS + fallback, show_progress=False)
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    content = json.loads(made.to_str())
    content["added_tokens"] = [each for each in content["added_tokens"] if each["content"] in MARKS]
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    settings = {
        **{f"{mark.strip('<>')}_token": mark for mark in MARKS},
        "tokenizer_class": "GemmaTokenizer",
        "add_bos_token": False,
        "add_eos_token": True,
        "padding_side": "right",
        "model_max_length": 64,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return made.get_vocab_size()


def _written(folder: Path, config: dict[str, Any], preprocess: dict[str, Any]) -> Path:
    torch.manual_seed(0)
    model = open_clip.CustomTextCLIP(**{key: deepcopy(config[key]) for key in config if key != "custom_text"})
    with torch.no_grad():
        for parameter in model.parameters():  # some begin as zeros, which would hide mistakes
            parameter.add_(0.05 * torch.randn_like(parameter))
    weights = {name: each.half().contiguous() for name, each in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    card = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(card))
    return folder
