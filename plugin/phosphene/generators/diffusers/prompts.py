"""How each family reads words: prompts of any length, and the weights in them.

CLIP reads 77 tokens, of which two mark the ends. A longer prompt is read in chunks of 75, whose embeddings
are joined, as AUTOMATIC1111's web UI does it. So nothing is ever cut.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.families import PromptEncoding
from phosphene.generators.diffusers.prompt_weights import fragments

CHUNK = 75  # tokens
BACKTRACK = 20  # a chunk ends at a comma if there is one among so many of its last tokens
Token = tuple[int, float]  # its number and its weight


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of the text encoders of CLIP, with its tokenizer.

    `penultimate` encoders are read before their last layer, as SDXL does.
    """

    tokenizer: Any
    model: Any
    penultimate: bool

    def embed(self, chunks: list[list[Token]]) -> tuple[Tensor, Tensor]:
        """The joined embeddings (1, 77 × chunks, d) of chunks, and the encoder's first output.

        A weight moves the embedding of its token away from that of an empty prompt, or towards it.
        """
        weighted = any(weight != 1 for chunk in chunks for _, weight in chunk)
        ids = [self._ids(chunk) for chunk in ([*chunks, []] if weighted else chunks)]
        output = self.model(torch.tensor(ids, device=self.model.device), output_hidden_states=True)
        states = output.hidden_states[-2] if self.penultimate else output.last_hidden_state
        if weighted:
            rows = [[1.0, *(weight for _, weight in chunk)] for chunk in chunks]
            factors = [row + [1.0] * (CHUNK + 2 - len(row)) for row in rows]
            empty, states = states[-1:], states[:-1]
            states = empty + states.new_tensor(factors)[..., None] * (states - empty)
        return states.flatten(0, 1)[None], output[0]

    def _ids(self, chunk: list[Token]) -> list[int]:
        """The numbers of a chunk's tokens between the marks of the ends, filled up to the context."""
        tokenizer, numbers = self.tokenizer, [number for number, _ in chunk]
        filled = [tokenizer.bos_token_id, *numbers, tokenizer.eos_token_id]
        return filled + [tokenizer.pad_token_id] * (CHUNK + 2 - len(filled))


def arguments(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The arguments of a pipeline for one row of a prompt."""
    return ENCODINGS[checkpoint.family.prompt_encoding](checkpoint, prompt, negative_prompt)


@torch.no_grad()
def clip(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The embeddings of Stable Diffusion: those of its CLIP, or for SDXL those of both and a pooled one."""
    encoders, found = clip_encoders(checkpoint), dict[str, Any]()
    texts = {"prompt_embeds": prompt, "negative_prompt_embeds": negative_prompt}
    longest = max(len(list(chunks(encoders[0].tokenizer, text))) for text in texts.values())
    for name, text in texts.items():
        filled = [list(chunks(each.tokenizer, text)) for each in encoders]
        filled = [each + [[]] * (longest - len(each)) for each in filled]
        embedded = [each.embed(of_it) for each, of_it in zip(encoders, filled, strict=True)]
        found[name] = torch.cat([states for states, _ in embedded], dim=-1)
        if len(encoders) > 1:
            found[name.replace("prompt", "pooled_prompt")] = embedded[-1][1][:1]
    if len(encoders) > 1 and not negative_prompt:  # SDXL was trained with zeros for an empty prompt
        found |= {name: torch.zeros_like(each) for name, each in found.items() if "negative" in name}
    return found


def clip_encoders(checkpoint: Checkpoint) -> list[Encoder]:
    """The text encoders of a checkpoint that have a tokenizer."""
    parts = checkpoint.components
    pairs = [(parts.get(f"tokenizer{end}"), parts.get(f"text_encoder{end}")) for end in ("", "_2")]
    found = [(words, model) for words, model in pairs if words and model]
    return [Encoder(words, model, penultimate=len(found) > 1) for words, model in found]


def chunks(tokenizer: Any, prompt: str) -> Iterator[list[Token]]:
    """The tokens of a prompt in chunks of at most 75. An empty prompt is one empty chunk.

    Where a chunk is full, it ends at its last comma, if that is near: what belongs together stays together.
    """
    tokens, comma = tokens_of(tokenizer, prompt), tokenizer.convert_tokens_to_ids(",</w>")
    while len(tokens) > CHUNK:
        commas = [place for place in range(CHUNK - BACKTRACK, CHUNK) if tokens[place][0] == comma]
        end = commas[-1] + 1 if commas else CHUNK
        yield tokens[:end]
        tokens = tokens[end:]
    yield tokens


def tokens_of(tokenizer: Any, prompt: str) -> list[Token]:
    """The tokens of a prompt with their weights."""
    return [
        (number, part.weight)
        for part in fragments(prompt)
        for number in tokenizer(part.text, add_special_tokens=False, verbose=False).input_ids
    ]


def nothing(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """No arguments, for a family that reads no words."""
    return {}


ENCODINGS: Mapping[PromptEncoding, Callable[[Checkpoint, str, str], dict[str, Any]]] = {
    "clip": clip,
    "none": nothing,
}
