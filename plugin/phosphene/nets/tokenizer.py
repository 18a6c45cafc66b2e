"""A small tokenizer: byte-level BPE in lower case, learnt from captions (Sennrich et al. 2016).

An unknown word is split into shorter tokens, down to single bytes, and never dropped. The tokenizer is saved
as `tokenizer.json`, which open_clip reads through transformers. Here the `tokenizers` library reads it alone,
because it loads in milliseconds and transformers takes seconds.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from phosphene.errors import ModelError
from phosphene.files import write_whole

PAD, START, END = "<pad>", "<start>", "<end>"  # ids 0, 1, 2
FILE = "tokenizer.json"


class Tokenizer:
    """Texts to ids: `tokenizer(texts)` is a LongTensor (n, context), as open_clip's tokenizers give."""

    def __init__(self, backend: Backend, context: int) -> None:
        self.backend = backend
        self.context = context
        self.backend.no_truncation()
        self.backend.no_padding()

    def __call__(self, texts: str | Sequence[str], context_length: int | None = None) -> torch.Tensor:
        """Ids (n, context_length), padded. A longer text is cut, and keeps its end token."""
        context = context_length or self.context
        texts = [texts] if isinstance(texts, str) else list(texts)
        ids = torch.full((len(texts), context), self.pad, dtype=torch.long)
        for row, encoded in zip(ids, self.backend.encode_batch(texts), strict=True):
            kept = encoded.ids
            if len(kept) > context:
                kept = [*kept[: context - 1], kept[-1]]
            row[: len(kept)] = torch.tensor(kept)
        return ids

    @property
    def size(self) -> int:
        """The number of entries in the vocabulary."""
        return int(self.backend.get_vocab_size())

    @property
    def pad(self) -> int:
        """The id that pads short texts."""
        return self.backend.encode(PAD, add_special_tokens=False).ids[0]

    def split(self, text: str) -> list[str]:
        """The tokens of a text, without those for its start and end."""
        return list(self.backend.encode(text, add_special_tokens=False).tokens)

    def dropping(self, share: float) -> "Tokenizer":
        """A copy that skips this share of merges at random, so that short tokens are learnt too.

        This is BPE-dropout (Provilkov et al. 2020).
        """
        copy = Backend.from_str(self.backend.to_str())
        copy.model.dropout = share
        return Tokenizer(copy, self.context)

    @property
    def text(self) -> str:
        """The tokenizer as JSON, which `load` reads."""
        return str(self.backend.to_str(pretty=True))

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and the configuration that transformers needs."""
        write_whole(folder / FILE, self.text.encode())
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": PAD,
            "bos_token": START,
            "eos_token": END,
            "model_max_length": self.context,
            "clean_up_tokenization_spaces": False,
        }
        write_whole(folder / "tokenizer_config.json", json.dumps(config, indent=2).encode())


def learn(texts: Iterable[str], *, size: int = 2048, context: int = 64) -> Tokenizer:
    """Learn a tokenizer of at most `size` entries that splits `texts` into few tokens."""
    backend = Backend(models.BPE())
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    marks = [(mark, backend.token_to_id(mark)) for mark in (START, END)]
    backend.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=marks)
    return Tokenizer(backend, context)


def load(folder: Path, context: int) -> Tokenizer:
    """Load the tokenizer in a folder. Raises ModelError if there is none, or if it is damaged."""
    path = folder / FILE
    try:
        return Tokenizer(Backend.from_str(path.read_text(encoding="utf-8")), context)
    except Exception as error:  # the tokenizers library raises plain Exception
        raise ModelError(
            f"The tokenizer `{path}` cannot be read: {error}.", "get the folder of the model again"
        ) from error
