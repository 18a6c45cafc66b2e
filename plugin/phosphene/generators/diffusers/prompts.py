"""How each family reads words: prompts of any length, and the weights in them.

CLIP reads 77 tokens, of which two mark the ends. A longer prompt is read in chunks of 75, whose embeddings
are joined, as AUTOMATIC1111's web UI does it. So nothing is ever cut.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from phosphene.errors import GenerationError
from phosphene.generation import TokenCount
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.families import PromptEncoding
from phosphene.generators.diffusers.pipelines import build
from phosphene.generators.diffusers.prompt_weights import fragments

CHUNK = 75  # tokens
NATIVE_DEFAULT = 256  # tokens that every pipeline reads unless it is told to read more
TEMPLATE = 32  # tokens that the template of a chat adds
# How Qwen 3 writes a chat. A checkpoint's own template is a program, so it is never run.
CHAT_TEMPLATE = (
    "{% for each in messages %}<|im_start|>{{ each.role }}\n{{ each.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
T5_CONTEXT = 512  # the tokens that a prompt of Flux is filled up to
BACKTRACK = 20  # a chunk ends at a comma if there is one among so many of its last tokens
# What `encode_prompt` of a pipeline returns, by the names of the pipeline's arguments.
RETURNED: Mapping[PromptEncoding, tuple[str, ...]] = {
    "t5": (
        *("prompt_embeds", "", "prompt_attention_mask"),
        *("negative_prompt_embeds", "", "negative_prompt_attention_mask"),
    ),
    "t5_and_clips": (
        *("prompt_embeds", "negative_prompt_embeds"),
        *("pooled_prompt_embeds", "negative_pooled_prompt_embeds"),
    ),
}
Token = tuple[int, float]  # its number and its weight


@dataclass(frozen=True, slots=True)
class ClipTextEncoder:
    """A text encoder of CLIP with its tokenizer. SDXL reads its encoders before their last layer."""

    tokenizer: Any
    model: Any
    penultimate: bool = False

    def embed(self, chunks: list[list[Token]]) -> tuple[Tensor, Tensor]:
        """The joined embeddings (1, 77 × chunks, d) of chunks, and the pooled embedding (1, d) of the first.

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
        pooled = output.text_embeds if "text_embeds" in output else output.pooler_output
        return states.flatten(0, 1)[None], pooled[:1]

    def _ids(self, chunk: list[Token]) -> list[int]:
        """The numbers of a chunk's tokens between the marks of the ends, filled up to the context."""
        tokenizer, numbers = self.tokenizer, [number for number, _ in chunk]
        filled = [tokenizer.bos_token_id, *numbers, tokenizer.eos_token_id]
        return filled + [tokenizer.pad_token_id] * (CHUNK + 2 - len(filled))


def count_tokens(checkpoint: Checkpoint, prompt: str) -> TokenCount | None:
    """The tokens of a prompt, without the marks of its ends. None for a family that reads no words."""
    way = checkpoint.family.prompt_encoding
    if way == "none":
        return None
    if way == "clip":
        found = chunks(clip_encoders(checkpoint)[0].tokenizer, prompt)
        return TokenCount(sum(map(len, found)), len(found))
    parts = checkpoint.components
    tokenizer = next(one for each in ("_3", "_2", "") if (one := parts.get(f"tokenizer{each}")))
    return TokenCount(len(tokenizer(prompt, add_special_tokens=False, verbose=False).input_ids), 1)


def arguments(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The arguments of a pipeline for one row of a prompt."""
    return ENCODINGS[checkpoint.family.prompt_encoding](checkpoint, prompt, negative_prompt)


@torch.no_grad()
def clip(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The embeddings of Stable Diffusion: those of its CLIP, or for SDXL those of both and a pooled one."""
    encoders, found = clip_encoders(checkpoint), dict[str, Any]()
    texts = {"prompt_embeds": prompt}
    if checkpoint.family.negative_prompt:
        texts["negative_prompt_embeds"] = negative_prompt
    longest = max(len(chunks(encoders[0].tokenizer, text)) for text in texts.values())
    for name, text in texts.items():
        embedded = [each.embed(chunks(each.tokenizer, text, longest)) for each in encoders]
        found[name] = torch.cat([states for states, _ in embedded], dim=-1)
        if len(encoders) > 1:
            found[name.replace("prompt", "pooled_prompt")] = embedded[-1][1]
    if len(encoders) > 1 and not negative_prompt:  # SDXL was trained with zeros for an empty prompt
        found |= {name: torch.zeros_like(each) for name, each in found.items() if "negative" in name}
    return found


@torch.no_grad()
def t5_and_clip(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The embeddings of Flux: those of T5 for the whole prompt, and CLIP's pooled one for its first chunk.

    T5 knows no positions, only distances, so it can read more than the 512 tokens of the pipeline.
    """
    encoder = ClipTextEncoder(checkpoint.components["tokenizer"], checkpoint.components["text_encoder"])
    _, pooled = encoder.embed(chunks(encoder.tokenizer, prompt)[:1])
    return {"prompt_embeds": t5(checkpoint, prompt), "pooled_prompt_embeds": pooled}


def t5(checkpoint: Checkpoint, prompt: str) -> Tensor:
    """The embeddings (1, tokens, d) of T5. Short prompts are filled up."""
    tokenizer, model = checkpoint.components["tokenizer_2"], checkpoint.components["text_encoder_2"]
    ids = tokenizer(prompt, padding="max_length", max_length=T5_CONTEXT, verbose=False, return_tensors="pt")
    embeddings = model(ids.input_ids.to(checkpoint.device))[0]
    assert isinstance(embeddings, Tensor)
    return embeddings


def clip_encoders(checkpoint: Checkpoint) -> list[ClipTextEncoder]:
    """The text encoders of a checkpoint that have a tokenizer."""
    parts = checkpoint.components
    pairs = [(parts.get(f"tokenizer{end}"), parts.get(f"text_encoder{end}")) for end in ("", "_2")]
    found = [(tokenizer, model) for tokenizer, model in pairs if tokenizer and model]
    return [ClipTextEncoder(tokenizer, model, len(found) > 1) for tokenizer, model in found]


def chunks(tokenizer: Any, prompt: str, least: int = 1) -> list[list[Token]]:
    """The tokens of a prompt in chunks of at most 75, and as many empty chunks as lack to the `least` number.

    Where a chunk is full, it ends at its last comma, if that is near: what belongs together stays together.
    """
    found: list[list[Token]] = []
    tokens, comma = tokens_of(tokenizer, prompt), tokenizer.convert_tokens_to_ids(",</w>")
    while tokens or len(found) < least:
        end = CHUNK
        if len(tokens) > CHUNK:
            near = [number for number, _ in tokens[CHUNK - BACKTRACK : CHUNK]]
            end -= near[::-1].index(comma) if comma in near else 0
        found.append(tokens[:end])
        tokens = tokens[end:]
    return found


def tokens_of(tokenizer: Any, prompt: str) -> list[Token]:
    """The tokens of a prompt with their weights."""
    return [
        (number, part.weight)
        for part in fragments(prompt)
        for number in tokenizer(part.text, add_special_tokens=False, verbose=False).input_ids
    ]


@torch.no_grad()
def t5_of_any_length(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The words themselves or, for more tokens than the pipeline reads, the embeddings of all of them.

    T5 knows no positions, only distances, and the networks give its tokens none either.
    """
    family, longest = checkpoint.family, _longest(checkpoint, prompt, negative_prompt)
    if family.context is None or longest <= family.context:
        return native(checkpoint, prompt, negative_prompt)
    pipeline = build(family.pipelines["text-to-image"], checkpoint.components)
    others = dict.fromkeys(("prompt_2", "prompt_3")) if family.prompt_encoding == "t5_and_clips" else {}
    embedded = pipeline.encode_prompt(
        prompt=prompt,
        negative_prompt=negative_prompt,
        device=checkpoint.device,
        max_sequence_length=longest,
        **others,
    )
    names = RETURNED[family.prompt_encoding]
    return {name: each for name, each in zip(names, embedded, strict=True) if name}


def native(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The words themselves, for a pipeline that reads whole paragraphs."""
    negative = {"negative_prompt": negative_prompt} if checkpoint.family.negative_prompt else {}
    longest = _longest(checkpoint, prompt, negative_prompt)
    limit = {"max_sequence_length": checkpoint.family.context} if longest > NATIVE_DEFAULT else {}
    return {"prompt": prompt, **negative, **limit}


def chat(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """The words themselves, for a pipeline that makes a message of them."""
    checkpoint.components["tokenizer"].chat_template = CHAT_TEMPLATE
    return native(checkpoint, prompt, negative_prompt)


def check(checkpoint: Checkpoint, prompt: str) -> None:
    """Raise GenerationError for a prompt of which a pipeline would cut a part off."""
    context = None if checkpoint.family.prompt_encoding in RETURNED else checkpoint.family.context
    if context is not None and (tokens := _native_tokens(checkpoint, prompt)) > context:
        raise GenerationError(
            f"The prompt has {tokens} tokens, but `{checkpoint.family.name}` reads at most {context}.",
            hint="shorten it, or use a family without such a limit, for example `sdxl`",
        )


def _longest(checkpoint: Checkpoint, *texts: str) -> int:
    return max(_native_tokens(checkpoint, text) for text in texts)


def _native_tokens(checkpoint: Checkpoint, prompt: str) -> int:
    """The tokens of a prompt, with as many as a template may put round it."""
    counted = count_tokens(checkpoint, prompt)
    return TEMPLATE + (counted.tokens if counted else 0)


def nothing(checkpoint: Checkpoint, prompt: str, negative_prompt: str) -> dict[str, Any]:
    """No arguments, for a family that reads no words."""
    return {}


ENCODINGS: Mapping[PromptEncoding, Callable[[Checkpoint, str, str], dict[str, Any]]] = {
    "clip": clip,
    "clip_pooled": t5_and_clip,
    "t5": t5_of_any_length,
    "t5_and_clips": t5_of_any_length,
    "chat": chat,
    "native": native,
    "none": nothing,
}
