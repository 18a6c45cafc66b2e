"""The UNet of a checkpoint and the LoRA in it that learns: its weights, its optimizer, and one step."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.training.budget import Budget
from phosphene.training.checkpoint import Stateful
from phosphene.training.lora.encoding import LoraDataset
from phosphene.training.run import OnNote, Run

LAYERS = ("to_q", "to_k", "to_v", "to_out.0")  # of every attention, as diffusers' own training script has it


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """How a LoRA is trained. The defaults are those of diffusers' training script, with twice its rank."""

    trigger: str = ""  # a word that stands for what is learnt, in front of every caption
    size: int | None = None  # pixels of a side; None: as large as the model's own pictures
    rank: int = 8
    learning_rate: float = 1e-4
    batch_size: int = 1


class LoraWeights:
    """The weights of the LoRA in a UNet, as a part of a checkpoint."""

    def __init__(self, unet: nn.Module) -> None:
        self.unet = unet

    def state_dict(self) -> dict[str, Any]:
        """The weights by peft's names."""
        from peft import get_peft_model_state_dict

        return {name: each.detach().clone() for name, each in get_peft_model_state_dict(self.unet).items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the weights."""
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(self.unet, state_dict)


class LoraTrainer:
    """The UNet of a checkpoint with a new LoRA, its optimizer, and one step of the training."""

    def __init__(
        self, checkpoint: Checkpoint, dataset: LoraDataset, settings: LoraSettings, seed: int
    ) -> None:
        from diffusers import DDPMScheduler
        from peft import LoraConfig

        torch.manual_seed(seed)
        self.checkpoint, self.dataset, self.settings, self.seed = checkpoint, dataset, settings, seed
        self.unet = checkpoint.components["unet"].requires_grad_(False)
        self.unet.add_adapter(
            LoraConfig(
                r=settings.rank,
                lora_alpha=settings.rank,
                init_lora_weights="gaussian",
                target_modules=list(LAYERS),
            )
        )
        trained = [weights for weights in self.unet.parameters() if weights.requires_grad]
        for weights in trained:  # single precision, also in a UNet of half precision
            weights.data = weights.data.float()
        self.trained, self.weights = trained, LoraWeights(self.unet)
        self.optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.01)
        self.noising = DDPMScheduler.from_config(checkpoint.components["scheduler"].config)

    def run(self, folder: Path, budget: Budget, on_note: OnNote | None) -> Run:
        """The run in `folder`, which continues from its checkpoint."""
        parts: dict[str, Stateful] = {"lora": self.weights, "optimizer": self.optimizer}
        settings = {**asdict(self.settings), "seed": self.seed, "weights": self.checkpoint.weights}
        return Run(
            folder,
            parts,
            budget,
            settings,
            dataset=self.dataset.digest,
            lasting=(),
            seed=self.seed,
            on_note=on_note,
        )

    def step(self, random: np.random.Generator) -> float:
        """Learn from one batch, and return its loss."""
        device = self.checkpoint.device
        chosen = torch.from_numpy(random.integers(len(self.dataset), size=self.settings.batch_size))
        clean = self.dataset.latents[chosen].float()
        noise = torch.from_numpy(random.standard_normal(clean.shape, dtype=np.float32))
        level = random.integers(self.noising.config.num_train_timesteps, size=len(chosen))
        clean, noise, timesteps = clean.to(device), noise.to(device), torch.from_numpy(level).to(device)
        noisy = self.noising.add_noise(clean, noise, timesteps)
        with torch.autocast(device.type, self.checkpoint.dtype, enabled=device.type == "cuda"):
            guess = self.unet(noisy, timesteps, **self.conditions(chosen)).sample
        loss = (guess.float() - self.target(clean, noise, timesteps)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        return float(loss.detach())

    def target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the UNet should predict: the noise, or the velocity (Salimans and Ho 2022)."""
        if self.noising.config.prediction_type == "v_prediction":
            velocity: Tensor = self.noising.get_velocity(clean, noise, timesteps)
            return velocity
        return noise

    def conditions(self, chosen: Tensor) -> dict[str, Any]:
        """The texts of pictures, as the UNet reads them."""
        device, rows = self.checkpoint.device, self.dataset.text_of[chosen]
        texts = self.dataset.texts[rows].to(device)
        if self.dataset.pooled is None:
            return {"encoder_hidden_states": texts}
        side = self.dataset.latents.shape[-1] * 8
        ids = torch.tensor([[side, side, 0, 0, side, side]] * len(rows), device=device)
        added = {"text_embeds": self.dataset.pooled[rows].to(device), "time_ids": ids}
        return {"encoder_hidden_states": texts, "added_cond_kwargs": added}


def saved(weights: LoraWeights, settings: LoraSettings) -> bytes:
    """The file of a LoRA, with the names that diffusers gives its weights, and the trigger word."""
    from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers

    state = convert_state_dict_to_diffusers(weights.state_dict())
    tensors = {f"unet.{name}": each.to(torch.float16).contiguous().cpu() for name, each in state.items()}
    words = {"modelspec.trigger_phrase": settings.trigger} if settings.trigger else {}
    return save(tensors, {"format": "pt", **words})
